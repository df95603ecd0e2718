//! Prints what a captured figure costs: `cargo run --release -p glasshouse-capture --example encode PNG...`
//!
//! Each picture is decoded to raw pixels, as the hooks hand them over, then encoded in this process and
//! through a confined helper, and the results are compared with the picture pixel for pixel.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use glasshouse_capture::{Client, HelperCommand, encode_png, helper};
use glasshouse_model::Fault;
use rustix::fs::{MemfdFlags, memfd_create};

const ROUNDS: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.peek().is_some_and(|argument| argument == "check-helper") {
        helper::main();
        return Ok(());
    }
    let started = Instant::now();
    let mut client =
        Client::new(HelperCommand { program: std::env::current_exe()?, args: vec!["check-helper".into()] });
    let layers = client.start().map_err(told)?.join(", ");
    println!("a helper starts in {:.1} ms, confined by {layers}", milliseconds(started));
    println!("{:>11} {:>9} {:>9} {:>9} {:>10} {:>10}", "pixels", "theirs", "ours", "encode", "by helper", "check");
    for path in arguments.map(PathBuf::from) {
        measure(&mut client, &path)?;
    }
    Ok(())
}

fn measure(client: &mut Client, path: &PathBuf) -> Result<(), Box<dyn Error>> {
    let theirs = std::fs::read(path)?;
    let picture = image::load_from_memory(&theirs)?.to_rgba8();
    let (width, height) = picture.dimensions();
    let mut raw = File::from(memfd_create(c"pixels", MemfdFlags::CLOEXEC)?);
    raw.write_all(&picture)?;

    let started = Instant::now();
    for _ in 0..ROUNDS {
        encode_png(&picture, width, height)?;
    }
    let encode = milliseconds(started) / f64::from(ROUNDS);

    let started = Instant::now();
    let mut ours = Vec::new();
    for _ in 0..ROUNDS {
        ours = client.encode(&raw, width, height).map_err(told)?.png;
    }
    let by_helper = milliseconds(started) / f64::from(ROUNDS);
    if image::load_from_memory(&ours)?.to_rgba8() != picture {
        return Err(format!("{}: the pixels differ", path.display()).into());
    }

    let (file, started) = (File::open(path)?, Instant::now());
    for _ in 0..ROUNDS {
        client.check(&file, Some("png")).map_err(told)?;
    }
    let check = milliseconds(started) / f64::from(ROUNDS);
    let (theirs, ours) = (theirs.len() / 1024, ours.len() / 1024);
    println!(
        "{:>11} {theirs:>6} kB {ours:>6} kB {encode:>6.2} ms {by_helper:>7.2} ms {check:>7.2} ms",
        format!("{width}x{height}")
    );
    Ok(())
}

fn told(fault: Fault) -> String {
    fault.message
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
