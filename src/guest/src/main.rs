//! The worker's init: a static program that builds one sandbox and keeps cells ready in it.
//!
//! `glasshouse-guest worker ...` is started by the supervisor with a sequenced-packet socket as its
//! standard input. It enters new namespaces, makes the image its read-only root, starts the base
//! zygote and then makes cells on request. It ends, and with it every process of the worker, when
//! the supervisor's end of the socket closes, whatever ended the supervisor.
//!
//! `glasshouse-guest contained SOCKET ...` is the first process of a container that holds the image: it connects to the
//! supervisor's socket, and then lives as a worker does, in the container's root.
//!
//! `glasshouse-guest program ...` is the same around one long-lived program instead, such as a browser.
//!
//! `glasshouse-guest janitor FOLDER...` outlives a killed supervisor just long enough to remove the
//! cgroups that it left.

mod cell;
mod children;
mod container;
mod disk;
mod janitor;
mod landlock;
mod namespaces;
mod program;
mod root;
mod socket;
mod system;
mod worker;
mod zygote;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some("worker") => worker::Plan::parse(arguments).and_then(|plan| worker::run(&plan)),
        Some("contained") => worker::Plan::parse_contained(arguments).and_then(|plan| worker::run(&plan)),
        Some("program") => program::Plan::parse(arguments).and_then(|plan| program::run(plan)),
        Some("janitor") => janitor::run(&arguments.collect::<Vec<_>>()),
        _ => Err("this program is started by glasshouse, not by hand".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            socket::Supervisor::standard_input().report_failure(&message);
            eprintln!("glasshouse-guest: {message}");
            ExitCode::FAILURE
        }
    }
}
