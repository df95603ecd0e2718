//! Means over the pairs that count, as text for people and in the published files' form.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use glasshouse_score::Mode;
use glasshouse_score::html::Dialect;

use super::Failure;
use super::parts::{Missing, PARTS, Parts};

/// The published tables' columns, and our names of them.
const PUBLISHED: [(&str, &str); 3] = [("Visual", "visual"), ("CLIP", "clip"), ("TreeBLEU", "tree_bleu")];

/// The sums over the pairs that count.
#[derive(Default)]
pub(super) struct Tally {
    /// Pairs that were read and scored.
    pub(super) pairs: u64,
    /// Pairs that could not be read.
    pub(super) unreadable: u64,
    /// Pairs that are not scored through a fault of ours.
    pub(super) faults: u64,
    /// Pairs that the published evaluation leaves out of its means.
    pub(super) dropped: u64,
    sums: [(f64, u64); PARTS.len()],
    absent: [Option<String>; PARTS.len()],
}

impl Tally {
    /// Counts a pair in; as published, one that fails anywhere counts nowhere.
    pub(super) fn add(&mut self, parts: &Parts) {
        self.pairs += 1;
        if parts.dropped.is_some() {
            self.dropped += 1;
            return;
        }
        for (at, value) in parts.values.iter().enumerate() {
            match value {
                Ok(value) => self.sums[at] = (self.sums[at].0 + value, self.sums[at].1 + 1),
                Err(Missing::Absent(why)) => self.absent[at] = Some(why.clone()),
                Err(Missing::Failed(_)) => {}
            }
        }
    }

    /// The means as a table.
    pub(super) fn show(&self, mode: Mode, dialect: Dialect) -> String {
        let mut head = format!("webcode2m, {mode}, {}: {} pairs, {} dropped", dialect.name(), self.pairs, self.dropped);
        for (count, what) in [(self.unreadable, "not readable"), (self.faults, "not scored through a fault of ours")] {
            if count > 0 {
                head.push_str(&format!(", {count} more {what}"));
            }
        }
        let lines = PARTS.into_iter().enumerate().map(|(at, part)| match (self.sums[at], &self.absent[at]) {
            ((_, 0), Some(why)) => format!("\n  {part:<20} absent: {why}"),
            ((_, 0), None) => format!("\n  {part:<20} absent: no pair has it"),
            ((sum, count), None) => format!("\n  {part:<20} {:.4}", sum / count as f64),
            ((sum, count), Some(why)) => {
                format!("\n  {part:<20} {:.4} of {count} pairs; the others: {why}", sum / count as f64)
            }
        });
        head + &lines.collect::<String>()
    }
}

/// The published evaluation's two files, `metrics_result.csv` and `avg_result.txt`, as JanusCoder's copy writes them.
/// A part that is absent is left empty there, which pandas reads as NaN, and has no mean here.
pub(super) struct Published {
    /// Paths of answer and prediction, and the columns.
    rows: Vec<(String, String, [Option<f64>; 3])>,
}

impl Published {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a pair, unless the published evaluation would leave it out. `folder` is where the pair's pages lie.
    pub(super) fn add(&mut self, name: &str, folder: Option<&Path>, parts: &Parts) {
        if parts.dropped.is_some() {
            return;
        }
        let path = |file: &str| {
            folder.map_or_else(|| name.to_owned(), |input| input.join(name).join(file).display().to_string())
        };
        self.rows.push((path("answer.html"), path("prediction.html"), PUBLISHED.map(|(_, part)| parts.value(part))));
    }

    /// Writes both files into `folder`.
    pub(super) fn write(mut self, folder: &Path) -> Result<(), Failure> {
        let failed =
            |error: io::Error| Failure::Storage(format!("{}: {error}; choose another folder", folder.display()));
        self.rows.sort_by(|one, other| one.0.cmp(&other.0));
        fs::create_dir_all(folder).map_err(failed)?;
        self.table(&folder.join("metrics_result.csv")).map_err(failed)?;
        fs::write(folder.join("avg_result.txt"), self.means()).map_err(failed)
    }

    fn table(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "origin,pred,{}", PUBLISHED.map(|(column, _)| column).join(","))?;
        for (origin, pred, values) in &self.rows {
            let values = values.map(|value| value.map(|value| format!("{value:?}")).unwrap_or_default());
            writeln!(file, "{},{},{}", field(origin), field(pred), values.join(","))?;
        }
        file.flush()
    }

    fn means(&self) -> String {
        let mean = |(at, (column, _)): (usize, (&str, &str))| {
            let values: Vec<f64> = self.rows.iter().filter_map(|(.., values)| values[at]).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            if values.is_empty() { format!("{column}:nan\n") } else { format!("{column}:{mean:.4}\n") }
        };
        PUBLISHED.into_iter().enumerate().map(mean).collect()
    }
}

/// A field of a CSV file.
fn field(text: &str) -> String {
    let plain = !text.contains([',', '"', '\n', '\r']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use glasshouse_score::webcode2m::{Setup, evaluate};

    use super::super::parts::{NO_PICTURES, NO_SHOTS};
    use super::*;

    fn parts(candidate: &str) -> Parts {
        let reference = "<html><body><p>one two</p></body></html>";
        Parts::unrendered(evaluate(reference, candidate, &mut Setup::default()), None)
    }

    #[test]
    fn a_pair_that_fails_anywhere_counts_nowhere_and_what_is_absent_is_said() {
        let mut tally = Tally::default();
        tally.add(&parts("<html><body><p>one</p></body></html>"));
        tally.add(&parts("<html><body><img></body></html>"));
        assert_eq!((tally.pairs, tally.dropped), (2, 1));
        assert_eq!(tally.sums[0], (1.0, 1));
        assert_eq!(tally.absent[3].as_deref(), Some(NO_SHOTS));
        assert_eq!(tally.absent[5].as_deref(), Some(NO_PICTURES));
        let said = tally.show(Mode::Compat, Dialect::default());
        assert!(said.contains("2 pairs, 1 dropped\n  tree_bleu            1.0000\n"), "{said}");
    }

    #[test]
    fn the_published_files_have_survivors_alone_and_leave_empty_what_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let mut published = Published::new();
        for (name, page) in [("b,2", "<html><body><p>one</p></body></html>"), ("a", "<html><body><img></body></html>")]
        {
            published.add(name, Some(Path::new("in")), &parts(page));
        }
        published.write(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let wanted = "origin,pred,Visual,CLIP,TreeBLEU\n\"in/b,2/answer.html\",\"in/b,2/prediction.html\",,,1.0\n";
        assert_eq!(read("metrics_result.csv"), wanted);
        assert_eq!(read("avg_result.txt"), "Visual:nan\nCLIP:nan\nTreeBLEU:1.0000\n");
    }
}
