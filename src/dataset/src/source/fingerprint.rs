//! Tells one dataset from another without reading terabytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use glasshouse_model::Digest;

use super::Shard;
use super::input::Input;
use crate::DatasetError;

/// How much of each end is looked at.
const END: u64 = 1 << 20;

/// Length, format and both ends of each input, and the shard: names do not count, so a moved dataset is the same.
pub(crate) fn of_inputs(inputs: &[Input], shard: Option<Shard>) -> Result<String, DatasetError> {
    let mut parts = vec![b"glasshouse dataset 1".to_vec()];
    for input in inputs {
        parts.push(input.format().name().as_bytes().to_vec());
        parts.push(match input.size() {
            None => b"pipe".to_vec(),
            Some(size) => {
                let ends = ends(&input.open_file()?, size);
                ends.map_err(|error| DatasetError::input(input.name(), error, "check the file and the disk"))?
            }
        });
    }
    parts.push(shard.map(|shard| shard.to_string()).unwrap_or_default().into_bytes());
    Ok(Digest::of_parts(parts.iter().map(Vec::as_slice)).hex())
}

fn ends(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let mut facts = size.to_le_bytes().to_vec();
    for (start, length) in [(0, size.min(END)), (size.saturating_sub(END), size.min(END))] {
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, start)?;
        facts.extend_from_slice(Digest::of(&bytes).as_bytes());
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Source, SourceOptions};

    fn fingerprint(path: &Path, options: SourceOptions) -> String {
        Source::open(&[path.to_owned()], options).unwrap().fingerprint().to_owned()
    }

    #[test]
    fn content_counts_and_the_name_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
        std::fs::write(&first, "{}\n").unwrap();
        std::fs::write(&second, "{}\n").unwrap();
        let plain = SourceOptions::default();
        assert_eq!(fingerprint(&first, plain), fingerprint(&second, plain));
        let limited = SourceOptions { limit: Some(1), ..plain };
        assert_eq!(fingerprint(&first, plain), fingerprint(&first, limited), "a limit may be raised on resume");
        let sharded = SourceOptions { shard: "0/2".parse().ok(), ..plain };
        assert_ne!(fingerprint(&first, plain), fingerprint(&first, sharded));
        std::fs::write(&second, "{ }").unwrap();
        assert_ne!(fingerprint(&first, plain), fingerprint(&second, plain));
    }
}
