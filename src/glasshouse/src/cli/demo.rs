//! `glasshouse demo`: the embedded rows, each with the verdict that it must get.

use std::collections::BTreeMap;
use std::fs;

use glasshouse_dataset::{OpenMode, RunReader, Source, SourceOptions};
use glasshouse_model::{Digest, Outcome, Record};
use serde_json::Value;

use super::args::DemoArgs;
use super::batch::Batch;
use super::setup::{self, Plan};
use super::{Failure, INCOMPLETE, place};
use crate::pipeline::INTERRUPTED;
use crate::resources::DEMO;
use crate::text::{plain, seconds};

pub(super) fn demo(args: &DemoArgs) -> Result<u8, Failure> {
    let cache = setup::cache(&args.setup)?;
    let plan = Plan::new(&args.setup, None, false)?;
    let rows = rows(&cache)?;
    let done = Batch {
        source: Source::open(&[rows], SourceOptions::default())?,
        rows: Some(DEMO.lines().count() as u64),
        name: "the sample rows of glasshouse demo".to_owned(),
        out: &args.out,
        mode: OpenMode::Fresh,
        shard: None,
        plan,
        cache,
        reach: &args.reach,
        workers: place::workers(args.workers),
        quiet: args.no_progress,
        report: true,
    }
    .run()?;
    if !done.complete {
        return Ok(INTERRUPTED);
    }
    let (right, all) = compare(args)?;
    println!("\n{right} of {all} rows got the verdict that they must get; {}", seconds(done.seconds));
    if let Some(report) = &done.report {
        println!("look at {}", report.display());
    }
    Ok(if right == all { 0 } else { INCOMPLETE })
}

/// The rows as a file, which is what the reader of datasets takes.
fn rows(cache: &std::path::Path) -> Result<std::path::PathBuf, Failure> {
    let name = format!("demo-{}.jsonl", &Digest::of(DEMO.as_bytes()).hex()[..16]);
    let path = cache.join(name);
    let written = fs::create_dir_all(cache).and_then(|()| fs::write(&path, DEMO));
    written.map_err(|error| Failure::Storage(format!("cannot write {}: {error}; pass --cache DIR", path.display())))?;
    Ok(path)
}

/// Prints a line for each row, and counts those that are as they must be.
fn compare(args: &DemoArgs) -> Result<(usize, usize), Failure> {
    let mut expected = expectations();
    let mut right = 0;
    let all = expected.len();
    println!("\n    {:16} {:24} {:24} {:>8}  why", "row", "expected", "got", "time");
    for record in RunReader::open(&args.out)?.records()? {
        let record = record?;
        let Some(wanted) = expected.remove(&record.id) else { continue };
        let got = record.verdict().map_or("fault", |verdict| verdict.name());
        right += usize::from(got == wanted);
        let mark = if got == wanted { "✓" } else { "✗" };
        let time = seconds(record.usage.wall);
        println!("  {mark} {:16} {wanted:24} {got:24} {time:>8}  {}", record.id, plain(&why(&record), 90));
    }
    for (id, wanted) in &expected {
        println!("  ✗ {id:16} {wanted:24} no record");
    }
    Ok((right, all))
}

fn why(record: &Record) -> String {
    match &record.outcome {
        Outcome::Verdict { cause: Some(cause), .. } => cause.message.clone(),
        Outcome::Verdict { cause: None, .. } => String::new(),
        Outcome::Fault(fault) => fault.message.clone(),
    }
}

/// Id and verdict of each embedded row.
fn expectations() -> BTreeMap<String, String> {
    let rows = DEMO.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter_map(|row| Some((row["id"].as_str()?.to_owned(), row["expect"].as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use glasshouse_model::Verdict;

    use super::*;

    #[test]
    fn the_sample_rows_cover_every_verdict() {
        let expected = expectations();
        assert_eq!(expected.len(), DEMO.lines().count(), "each row has an id of its own and says what it expects");
        for verdict in Verdict::ALL {
            assert!(expected.values().any(|name| name == verdict.name()), "{verdict}");
        }
        assert!(expected.values().all(|name| Verdict::from_name(name).is_some()));
    }
}
