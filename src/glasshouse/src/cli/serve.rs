//! `glasshouse serve`: warm workers that outlive a command.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use glasshouse_capture::Harvester;
use glasshouse_model::{Job, Row};
use serde_json::{Map, Value};

use super::args::ServeArgs;
use super::setup::{self, Plan};
use super::{Failure, place};
use crate::daemon::{Lanes, Server, ServerError};
use crate::glass::Jobs;
use crate::pipeline::Stop;
use crate::text::count;

/// A program, page or drawing that does nothing, for which a lane starts all the same what others need.
const NOTHING: &str = "\n";

pub(super) fn serve(args: &ServeArgs) -> Result<u8, Failure> {
    let stop = Stop::on_signals().map_err(|error| Failure::Host(format!("cannot watch for Ctrl-C: {error}")))?;
    let plan = Plan::new(&args.setup, None, true)?;
    let jobs = args.warm.iter().map(|runtime| nothing(runtime, &plan)).collect::<Result<Vec<_>, _>>()?;
    let cache = setup::cache(&args.setup)?;
    let socket = place::socket(args.socket.as_deref(), &cache);
    let claim = Server::claim(&socket)?;
    let spool = socket.with_extension("spool");
    clear(&spool)?;
    let glass = plan.glass(&cache, None, Jobs::Many)?;
    let helper = setup::check_helper()?;
    let lane = move |store| glass.executor(&Arc::new(Harvester::new(store, helper.clone())));
    let lanes = Lanes::new(place::workers(args.workers), &spool, lane)?;
    for job in &jobs {
        lanes.warm(job)?;
    }
    let workers = lanes.count();
    let server = Server::bind(claim, plan.terms()?, lanes)?;
    eprintln!("serving {} (workers: {workers}); Ctrl-C ends it", socket.display());
    let answered = server.serve(&stop, Duration::from_secs(args.rest));
    drop(server);
    clear(&spool)?;
    eprintln!("jobs answered: {}", count(answered));
    Ok(0)
}

fn nothing(runtime: &str, plan: &Plan) -> Result<Job, Failure> {
    let mut columns = Map::new();
    columns.insert("runtime".to_owned(), Value::String(runtime.to_owned()));
    columns.insert("code".to_owned(), Value::String(NOTHING.to_owned()));
    let job = Row { index: 0, columns }.job(&plan.context);
    job.map_err(|error| Failure::Usage(format!("--warm {runtime}: {error}")))
}

/// Removes what an earlier daemon left of artifacts.
fn clear(spool: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(spool) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Storage(format!("cannot clean {}: {error}", spool.display())))
        }
        _ => Ok(()),
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::Host(error.to_string())
    }
}
