//! The reader: rows in, tasks out. Rows that cannot be used are reported and the others go on.

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use glasshouse_dataset::{BadRow, Claim, DatasetError, Placed, RowProblem, Source};

use super::stop::Halt;
use super::{Shared, Task};

/// What to do about a row whose fields cannot be used.
const CORRECT_IT: &str = "correct the row and run it in a file of its own, or run all again with --fresh";

/// Reads until the last row, or until the run is to end. Dropping `tasks` tells the workers.
pub(super) fn feed(shared: &Shared, source: Source, tasks: &SyncSender<Task>) {
    for item in source {
        if shared.stop.requested() {
            return;
        }
        shared.tally.taken();
        match one(shared, item) {
            Ok(Some(task)) => {
                let admitted = shared.inflight.enter(|| shared.stop.requested());
                if !admitted || tasks.send(task).is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(halt) => {
                shared.stop.halt(halt);
                return;
            }
        }
    }
}

/// The task of one row, if it has to run.
fn one(shared: &Shared, item: Result<Placed, RowProblem>) -> Result<Option<Task>, Halt> {
    let placed = match item {
        Ok(placed) => placed,
        Err(RowProblem::Bad(bad)) => return report(shared, &bad).map(|()| None),
        Err(RowProblem::Fatal(error)) => return Err(Halt::Input(error.to_string())),
    };
    if shared.folder.is_done(placed.row.index) {
        shared.tally.skipped();
        return Ok(None);
    }
    let id = placed.row.id();
    if let Claim::Duplicate { first } = shared.folder.claim_id(placed.row.index, &id).map_err(storage)? {
        let message = format!("the id {id:?} is that of row {first} already");
        let bad = BadRow::of(&placed, message, "give each row an id of its own");
        return report(shared, &bad).map(|()| None);
    }
    match placed.row.job(&shared.context) {
        Ok(job) => {
            let job_id = job.id();
            Ok(Some(Task { placed, id, job, job_id, since: Instant::now() }))
        }
        Err(error) => report(shared, &BadRow::of(&placed, error, CORRECT_IT)).map(|()| None),
    }
}

fn report(shared: &Shared, bad: &BadRow) -> Result<(), Halt> {
    if shared.folder.is_done(bad.index) {
        shared.tally.skipped();
        return Ok(());
    }
    shared.folder.bad_row(bad).map_err(storage)?;
    shared.tally.bad_row();
    (shared.notice)(&bad.to_string());
    Ok(())
}

pub(super) fn storage(error: DatasetError) -> Halt {
    Halt::Storage(error.to_string())
}
