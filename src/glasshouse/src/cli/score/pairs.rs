//! Where pairs of pages come from: the published layout's folders, or the rows of a dataset.

use std::fs;
use std::path::{Path, PathBuf};

use glasshouse_dataset::{Placed, RowProblem, Source, SourceOptions};
use serde_json::Value;

use super::Failure;

/// A page is cut short by nobody, so one that is larger is refused.
const MOST_BYTES: u64 = 64 << 20;
/// What a folder's pages are called; the prediction has two names among published results.
const ANSWER: &str = "answer.html";
const PREDICTIONS: [&str; 2] = ["prediction.html", "pred.html"];

/// A pair, still where it lies.
pub(super) enum Pair {
    /// A folder with answer.html and prediction.html.
    Folder(PathBuf),
    /// A row.
    Row(Box<Placed>),
    /// A row that cannot be used: its name, and what is wrong.
    Bad(String, String),
}

/// A pair's pages as they were written.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) reference: String,
    pub(super) candidate: String,
}

/// All pairs of an input: folders in order of their names, rows as they come.
pub(super) enum Pairs {
    /// Folders that are left.
    Folders(std::vec::IntoIter<PathBuf>),
    /// Rows that are left.
    Rows(Box<Source>),
}

impl Pairs {
    /// The pairs of `input`: a folder of folders, or a dataset (JSONL, also .gz and .zst, Parquet, WebDataset).
    pub(super) fn open(input: &Path) -> Result<Pairs, Failure> {
        let unreadable = |error: std::io::Error| Failure::Input(format!("{}: {error}", input.display()));
        let pipe = input == Path::new("-");
        if pipe || !fs::metadata(input).map_err(unreadable)?.is_dir() {
            return Ok(Pairs::Rows(Box::new(Source::open(&[input.to_owned()], SourceOptions::default())?)));
        }
        let entries = fs::read_dir(input).map_err(unreadable)?;
        let mut folders: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !path.is_symlink()).collect();
        folders.sort();
        if folders.is_empty() {
            let wanted = "a folder for each pair is expected, with answer.html and prediction.html in it";
            return Err(Failure::Input(format!("{}: {wanted}", input.display())));
        }
        Ok(Pairs::Folders(folders.into_iter()))
    }

    /// The next pair. An error says that the input cannot be read further.
    pub(super) fn next(&mut self) -> Result<Option<Pair>, Failure> {
        let source = match self {
            Pairs::Folders(folders) => return Ok(folders.next().map(Pair::Folder)),
            Pairs::Rows(source) => source,
        };
        Ok(match source.next() {
            None => None,
            Some(Ok(placed)) => Some(Pair::Row(Box::new(placed))),
            Some(Err(RowProblem::Bad(bad))) => {
                let name = bad.id.clone().unwrap_or_else(|| bad.place.to_string());
                Some(Pair::Bad(name, format!("{}; {}", bad.message, bad.next)))
            }
            Some(Err(RowProblem::Fatal(error))) => return Err(error.into()),
        })
    }
}

impl Pair {
    /// The pair's name and its pages, or what is wrong with them.
    pub(super) fn read(self) -> (String, Result<Pages, String>) {
        match self {
            Pair::Folder(folder) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let candidate = PREDICTIONS.map(|name| folder.join(name));
                let candidate = candidate.iter().find(|path| path.exists()).unwrap_or(&candidate[0]);
                let both = page(&folder.join(ANSWER))
                    .and_then(|reference| Ok(Pages { reference, candidate: page(candidate)? }));
                (name, both)
            }
            Pair::Row(placed) => {
                let Placed { row, place } = *placed;
                let pages = of_row(row.columns.clone()).map_err(|error| {
                    format!("{place}: {error}; a row needs the texts \"code\" and \"reference.html\"")
                });
                (row.id(), pages)
            }
            Pair::Bad(name, error) => (name, Err(error)),
        }
    }
}

/// `code` and `reference.html`; the latter in an object `reference` or, as flat tables have it, in a column so named.
fn of_row(mut columns: serde_json::Map<String, Value>) -> Result<Pages, String> {
    let text = |name: &str, value: Option<Value>| match value {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Null) | None => Err(format!("{name:?} is missing")),
        Some(_) => Err(format!("{name:?} is no text")),
    };
    let nested = columns.get_mut("reference").and_then(|reference| reference.get_mut("html")).map(Value::take);
    let reference = nested.or_else(|| columns.remove("reference.html"));
    Ok(Pages { candidate: text("code", columns.remove("code"))?, reference: text("reference.html", reference)? })
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

    fn all(input: &Path) -> Vec<(String, Result<Pages, String>)> {
        let mut pairs = Pairs::open(input).unwrap();
        std::iter::from_fn(|| pairs.next().unwrap()).map(Pair::read).collect()
    }

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
        let read = all(folder.path());
        assert_eq!(read.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(read[0].1.as_ref().is_err_and(|error| error.contains("prediction.html")));
        assert!(read[1].1.as_ref().is_ok_and(|pages| pages.candidate == "<p>"));
        let empty = tempfile::tempdir().unwrap();
        assert!(Pairs::open(empty.path()).is_err());
    }

    #[test]
    fn rows_are_read_or_named_by_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.jsonl");
        let rows = [
            r#"{"id": 7, "code": "<p>", "reference": {"html": "<b>"}}"#,
            "",
            r#"{"id": "x", "code": 5, "reference": {"html": ""}}"#,
            r#"{"code": "<i>", "reference.html": "<u>"}"#,
            r#"{"code": "<i>", "reference": null}"#,
            "{",
        ];
        fs::write(&file, rows.join("\n")).unwrap();
        let read = all(&file);
        assert_eq!(read.len(), 5);
        assert_eq!(read[0].0, "7");
        assert!(read[0].1.as_ref().is_ok_and(|pages| pages.reference == "<b>"));
        let error = read[1].1.as_ref().unwrap_err();
        assert!(error.contains("rows.jsonl:3") && error.contains("\"code\" is no text"), "{error}");
        assert!(read[2].1.as_ref().is_ok_and(|pages| pages.reference == "<u>"));
        assert!(read[3].1.as_ref().is_err_and(|error| error.contains("\"reference.html\" is missing")));
        assert!(read[4].0.ends_with("rows.jsonl:6") && read[4].1.is_err(), "{:?}", read[4]);
    }
}
