//! `glasshouse run`.

use std::env;
use std::fs;
use std::path::Path;

use glasshouse_dataset::{ConvertFormat, ConvertOptions, OpenMode, RunReader, Source, SourceOptions, convert};

use super::args::{FormatArg, RunArgs};
use super::batch::{Batch, Done};
use super::setup::{self, Plan};
use super::{Failure, place};

/// Bytes of a file whose lines are worth counting before the run.
const SMALL: u64 = 64 << 20;

pub(super) fn run(args: &RunArgs) -> Result<u8, Failure> {
    let plan = Plan::new(&args.setup, args.runtime.as_deref(), args.allow_looser_limits)?;
    let source = Source::open(&args.rows, SourceOptions { shard: args.shard, limit: args.limit })?;
    let names: Vec<_> = args.rows.iter().map(|path| path.display().to_string()).collect();
    let done = Batch {
        rows: rows_in_all(args, &source),
        source,
        name: names.join(" "),
        out: &args.out,
        mode: if args.fresh { OpenMode::Fresh } else { OpenMode::Resume },
        shard: args.shard.as_ref().map(ToString::to_string),
        plan,
        cache: setup::cache(&args.setup)?,
        reach: &args.reach,
        workers: place::workers(args.workers),
        quiet: args.show.no_progress,
        report: !args.show.no_report,
    }
    .run()?;
    eprintln!("{}", done.table());
    if let Some(lines) = done.lacking.lines() {
        eprintln!("{lines}");
    }
    if done.complete {
        formats(&args.out, &args.format)?;
    }
    say_where(&args.out, &done);
    Ok(done.code)
}

/// Rows that this command will read, if that is cheap to tell: for Parquet, and for small plain JSONL files,
/// of which so much is read at once that the bytes read say little about the rows that are done.
fn rows_in_all(args: &RunArgs, source: &Source) -> Option<u64> {
    let rows = source.size_hint_rows().or_else(|| args.rows.iter().map(|path| lines(path)).sum())?;
    let rows = args.shard.as_ref().map_or(rows, |shard| (rows + shard.of - 1 - shard.index) / shard.of);
    Some(args.limit.map_or(rows, |limit| rows.min(limit)))
}

fn lines(path: &Path) -> Option<u64> {
    let small = path.extension()? == "jsonl" && fs::metadata(path).ok()?.len() <= SMALL;
    let text = small.then(|| fs::read(path).ok()).flatten()?;
    Some(text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64)
}

/// Writes the records in the further formats that were asked for; JSONL is always there.
fn formats(out: &Path, wanted: &[FormatArg]) -> Result<(), Failure> {
    for (name, format) in [("parquet", ConvertFormat::Parquet), ("webdataset", ConvertFormat::WebDataset)] {
        let asked = match format {
            ConvertFormat::Parquet => wanted.contains(&FormatArg::Parquet),
            ConvertFormat::WebDataset => wanted.contains(&FormatArg::Webdataset),
        };
        if asked {
            let written = convert(&RunReader::open(out)?, &out.join(name), &ConvertOptions::new(format))?;
            eprintln!("  {}: {} parts", out.join(name).display(), written.parts.len());
        }
    }
    Ok(())
}

fn say_where(out: &Path, done: &Done) {
    eprintln!("  records  {}", out.join("records.jsonl").display());
    if done.counts.bad_rows > 0 {
        eprintln!("  bad rows {}", out.join("bad_rows.jsonl").display());
    }
    if done.counts.faults > 0 {
        eprintln!(
            "  faults   {}; run the same command again to try these rows once more",
            out.join("faults.jsonl").display()
        );
    }
    if let Some(report) = &done.report {
        eprintln!("  report   {}", report.display());
    }
    if !done.complete {
        let command: Vec<_> = env::args().filter(|word| word != "--fresh").map(quoted).collect();
        eprintln!("stopped before the last row; nothing recorded is lost. To go on:\n  {}", command.join(" "));
    }
}

/// A word as a shell reads it back.
fn quoted(word: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("a/b.jsonl".into()), "a/b.jsonl");
        assert_eq!(quoted("it's".into()), "'it'\\''s'");
        assert_eq!(quoted(String::new()), "''");
    }
}
