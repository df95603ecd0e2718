//! Prints what becomes of a finished run's folders: `... --example collect WORK CAPTURES STORE [/work]`

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::path::Path;

use glasshouse_capture::{Harvester, HelperCommand, Inputs, Store, helper};
use glasshouse_model::Limits;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, captures, store, folder @ ..] = arguments.as_slice() else {
        helper::main();
        return Ok(());
    };
    let command = HelperCommand { program: std::env::current_exe()?, args: Vec::new() };
    let harvester = Harvester::new(Store::open(store)?, command);
    let script = std::fs::read(Path::new(work).join("main.py")).unwrap_or_default();
    let files = BTreeMap::from([("main.py", script.as_slice())]);
    let inputs = Inputs { folder: folder.first().map_or("/work", String::as_str), files, ..Inputs::default() };
    let (work, captures) = (File::open(work)?, File::open(captures)?);
    let collected = harvester.collect(work.into(), captures.into(), &inputs, &Limits::default());
    let collected = collected.map_err(|fault| fault.message)?;
    println!("{}", serde_json::to_string_pretty(&collected.artifacts)?);
    println!("error: {:?}, overflow: {}, hooks: {:?}", collected.error, collected.overflow, collected.hooks);
    println!("harvest {:.4} s, check {:.4} s", collected.harvest_seconds, collected.check_seconds);
    Ok(())
}
