//! Where pairs of pages come from: the published layout's folders, or rows.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Failure;

/// A page is cut short by nobody, so one that is larger is refused.
const MOST_BYTES: u64 = 64 << 20;

/// A pair, still in its files.
pub(super) enum Pair {
    /// A folder with answer.html and prediction.html.
    Folder(PathBuf),
    /// A line of a JSONL file, and where it is.
    Line(String, String),
}

/// A pair's pages as they were written.
pub(super) struct Pages {
    pub(super) reference: String,
    pub(super) candidate: String,
}

#[derive(Deserialize)]
struct Row {
    id: Option<serde_json::Value>,
    code: String,
    reference: Reference,
}

#[derive(Deserialize)]
struct Reference {
    html: String,
}

/// All pairs of `input`, in order of their names or lines.
pub(super) fn pairs(input: &Path) -> Result<Box<dyn Iterator<Item = Pair>>, Failure> {
    let unreadable = |error: std::io::Error| Failure::Input(format!("{}: {error}", input.display()));
    if !fs::metadata(input).map_err(unreadable)?.is_dir() {
        let name = input.display().to_string();
        let lines = BufReader::new(File::open(input).map_err(unreadable)?).lines().enumerate();
        return Ok(Box::new(lines.filter_map(move |(number, line)| {
            let place = format!("{name}:{}", number + 1);
            match line {
                Ok(line) if line.trim().is_empty() => None,
                Ok(line) => Some(Pair::Line(place, line)),
                Err(error) => Some(Pair::Line(format!("{place}: {error}"), String::new())),
            }
        })));
    }
    let entries = fs::read_dir(input).map_err(unreadable)?;
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !path.is_symlink()).collect();
    folders.sort();
    if folders.is_empty() {
        let wanted = "a folder for each pair is expected, with answer.html and prediction.html in it";
        return Err(Failure::Input(format!("{}: {wanted}", input.display())));
    }
    Ok(Box::new(folders.into_iter().map(Pair::Folder)))
}

impl Pair {
    /// The pair's name and its pages, or what is wrong with them.
    pub(super) fn read(&self) -> (String, Result<Pages, String>) {
        match self {
            Pair::Folder(folder) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let both = page(&folder.join("answer.html"))
                    .and_then(|reference| Ok(Pages { reference, candidate: page(&folder.join("prediction.html"))? }));
                (name, both)
            }
            Pair::Line(place, line) => match serde_json::from_str::<Row>(line) {
                Ok(row) => {
                    let name = match row.id {
                        Some(serde_json::Value::String(id)) => id,
                        Some(id) => id.to_string(),
                        None => place.clone(),
                    };
                    (name, Ok(Pages { reference: row.reference.html, candidate: row.code }))
                }
                Err(error) => {
                    let wanted = "a row with `code` and `reference.html` is expected";
                    (place.clone(), Err(format!("{error}; {wanted}")))
                }
            },
        }
    }
}

fn page(path: &Path) -> Result<String, String> {
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let length = fs::metadata(path).map_err(|error| said(&error))?.len();
    if length > MOST_BYTES {
        return Err(said(&format!("larger than {} MiB", MOST_BYTES >> 20)));
    }
    let bytes = fs::read(path).map_err(|error| said(&error))?;
    String::from_utf8(bytes).map_err(|error| said(&format!("not UTF-8: {}", error.utf8_error())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_in_order_and_each_is_read_or_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, answer, prediction) in [("b", Some("<html>"), Some("<p>")), ("a", Some("<html>"), None)] {
            let pair = folder.path().join(name);
            fs::create_dir(&pair).unwrap();
            for (file, text) in [("answer.html", answer), ("prediction.html", prediction)] {
                if let Some(text) = text {
                    fs::write(pair.join(file), text).unwrap();
                }
            }
        }
        fs::write(folder.path().join("time.csv"), "").unwrap();
        let read: Vec<_> = pairs(folder.path()).unwrap().map(|pair| pair.read()).collect();
        assert_eq!(read.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(read[0].1.as_ref().is_err_and(|error| error.contains("prediction.html")));
        assert!(read[1].1.as_ref().is_ok_and(|pages| pages.candidate == "<p>"));
        let empty = tempfile::tempdir().unwrap();
        assert!(pairs(empty.path()).is_err());
    }

    #[test]
    fn rows_are_read_or_named_by_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.jsonl");
        let rows = "{\"id\": 7, \"code\": \"<p>\", \"reference\": {\"html\": \"<b>\"}}\n\n{\"code\": 5}\n";
        fs::write(&file, rows).unwrap();
        let read: Vec<_> = pairs(&file).unwrap().map(|pair| pair.read()).collect();
        assert_eq!(read[0].0, "7");
        assert!(read[0].1.as_ref().is_ok_and(|pages| pages.reference == "<b>"));
        assert!(read[1].0.ends_with("rows.jsonl:3") && read[1].1.is_err());
        assert_eq!(read.len(), 2);
    }
}
