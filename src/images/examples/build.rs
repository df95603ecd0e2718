//! Builds the image of a definition into a cache and verifies it: `cargo run --example build -- images/python CACHE`.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use glasshouse_images::{Definition, ensure, verify};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(cache)) = (args.next(), args.next()) else {
        return Err("usage: build DEFINITION CACHE".into());
    };
    let definition = Definition::load(Path::new(&folder))?;
    let image = ensure(&definition, Path::new(&cache), &mut |line| eprintln!("{line}"))?;
    let report = verify(&image)?;
    println!("{}", image.root.display());
    if !report.is_sound() {
        return Err(format!("the root differs from what was built: {report:?}").into());
    }
    Ok(())
}
