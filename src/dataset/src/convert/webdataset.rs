//! WebDataset shards: `KEY.json` is the record, `KEY.png` its first picture, `KEY.1.png` the next, and on.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::DatasetError;

use super::{Item, PartWriter};

struct Shard {
    archive: tar::Builder<BufWriter<File>>,
    path: PathBuf,
}

/// Begins a shard.
pub(crate) fn begin(path: &Path) -> Result<Box<dyn PartWriter>, DatasetError> {
    let file = File::create(path).map_err(|error| DatasetError::convert(path, error))?;
    Ok(Box::new(Shard { archive: tar::Builder::new(BufWriter::new(file)), path: path.to_owned() }))
}

impl Shard {
    fn append(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        // Owner, mode and time are fixed, so that the same run gives the same shard.
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        self.archive.append_data(&mut header, name, bytes)
    }

    fn append_item(&mut self, item: &Item) -> std::io::Result<()> {
        let key = key(&item.record.id, item.record.row);
        self.append(&format!("{key}.json"), &serde_json::to_vec(&item.record)?)?;
        for (index, picture) in item.pictures.iter().enumerate() {
            // The first is always KEY.png, so that loaders find one field in every sample.
            let number = if index == 0 { String::new() } else { format!("{index}.") };
            self.append(&format!("{key}.{number}{}", picture.extension), &picture.bytes)?;
        }
        Ok(())
    }
}

impl PartWriter for Shard {
    fn add(&mut self, item: Item) -> Result<(), DatasetError> {
        self.append_item(&item).map_err(|error| DatasetError::convert(&self.path, error))
    }

    fn finish(self: Box<Self>) -> Result<(), DatasetError> {
        let written = self.archive.into_inner().and_then(|mut file| file.flush());
        written.map_err(|error| DatasetError::convert(&self.path, error))
    }
}

/// An id as a file name without dots and slashes, which would end the key; unlike ids keep unlike keys.
fn key(id: &str, row: u64) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let safe: String = id.chars().take(100).map(|letter| if plain(letter) { letter } else { '_' }).collect();
    if safe == id && !id.is_empty() { safe } else { format!("{safe}-{row}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_file_names_and_stay_apart() {
        assert_eq!(key("chart_12-a", 3), "chart_12-a");
        assert_eq!(key("a/b.c", 3), "a_b_c-3");
        assert_eq!(key("../x", 4), "___x-4");
        assert_eq!(key("", 5), "-5");
        assert_ne!(key("图", 6), key("表", 7));
        assert_ne!(key(&"x".repeat(101), 8), key(&"x".repeat(100), 9));
    }
}
