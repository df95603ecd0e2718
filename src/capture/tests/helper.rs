//! The helper as a process: what it answers, how it dies, and what is made of that.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use glasshouse_capture::{Client, HelperCommand};
use glasshouse_model::FaultKind;

fn helper() -> HelperCommand {
    HelperCommand { program: env!("CARGO_BIN_EXE_glasshouse-check-helper").into(), args: Vec::new() }
}

/// A helper that greets as it must, waits for a request, and then does what `script` says.
fn acting(script: &str) -> HelperCommand {
    let hello = r#"printf '\027\000\000\000\000\000\000\000{"Ready":{"layers":[]}}' >&0; head -c 8 <&0 >/dev/null; "#;
    HelperCommand { program: "/bin/sh".into(), args: vec!["-c".into(), format!("{hello}{script}").into()] }
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn pixels_become_a_png_and_files_are_told() {
    let mut client = Client::new(helper());
    let layers = client.start().unwrap().to_vec();
    assert!(["no_new_privs", "rlimits", "seccomp"].iter().all(|layer| layers.iter().any(|have| have == layer)));
    let pixels: Vec<u8> = (0..100 * 50 * 4).map(|index| (index % 253) as u8).collect();
    let answer = client.encode(&file_of(&pixels), 100, 50).unwrap();
    assert_eq!((answer.checked.width, answer.checked.blank, answer.checked.problem), (Some(100), Some(false), None));
    let decoded = image::load_from_memory(&answer.png).unwrap().to_rgba8().into_raw();
    assert!(decoded == pixels);
    let again = client.check(&file_of(&answer.png), Some("png")).unwrap();
    assert_eq!((again.checked.media_type.as_str(), again.checked.height), ("image/png", Some(50)));
    let text = client.check(&file_of(b"a,b\n"), Some("csv")).unwrap();
    assert_eq!(text.checked.media_type, "text/csv");
}

#[test]
fn lying_pixels_are_a_problem_and_not_a_fault() {
    let mut client = Client::new(helper());
    let answer = client.encode(&file_of(&[0; 100]), 10, 10).unwrap();
    assert!(answer.checked.problem.unwrap().contains("100 bytes"));
    assert!(answer.png.is_empty());
}

#[test]
fn a_helper_killed_between_files_is_replaced() {
    let mut client = Client::new(helper());
    client.start().unwrap();
    for _ in 0..3 {
        kill(client.pid().unwrap());
        assert_eq!(client.check(&file_of(b"x"), None).unwrap().checked.media_type, "text/plain");
    }
}

#[test]
fn helpers_killed_at_random_never_make_a_file_bad() {
    let pixels = file_of(&vec![7; 2000 * 1500 * 4]);
    let mut client = Client::new(helper());
    client.start().unwrap();
    let (mut answers, mut faults) = (0, 0);
    for round in 0..40 {
        let pid = client.pid();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round * 150));
            if let Some(pid) = pid {
                kill(pid);
            }
        });
        match client.encode(&pixels, 2000, 1500) {
            Ok(answer) => {
                assert_eq!(answer.checked.problem, None);
                answers += 1;
            }
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::Check);
                faults += 1;
            }
        }
        killer.join().unwrap();
        client.start().unwrap();
    }
    assert!(answers > faults, "{answers} answers, {faults} faults");
}

#[test]
fn a_file_that_crashes_the_decoder_twice_is_bad() {
    for signal in ["SEGV", "ABRT", "BUS"] {
        let mut client = Client::new(acting(&format!("kill -{signal} $$")));
        let answer = client.check(&file_of(b"x"), None).unwrap();
        assert!(answer.checked.problem.unwrap().contains("crashed the decoder"), "{signal}");
    }
}

#[test]
fn a_file_that_takes_too_long_is_bad() {
    let mut client = Client::new(acting("kill -XCPU $$"));
    let answer = client.check(&file_of(b"x"), None).unwrap();
    assert!(answer.checked.problem.unwrap().contains("processor time"));
    assert!(answer.cpu >= 10.0);
}

#[test]
fn a_helper_killed_from_outside_again_and_again_is_a_fault() {
    for script in ["kill -KILL $$", "kill -TERM $$", "exit 3", "head -c 40 /dev/zero >&0"] {
        let mut client = Client::new(acting(script));
        let fault = client.check(&file_of(b"x"), None).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Check, "{script}");
    }
}

#[test]
fn a_helper_ends_with_its_client() {
    let mut client = Client::new(helper());
    client.start().unwrap();
    let pid = client.pid().unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    drop(client);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_helper_ends_when_its_parent_is_gone() {
    // The socket's other end closes without a kill, as when the command is ended by SIGKILL.
    use std::os::fd::OwnedFd;
    let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut child = std::process::Command::new(helper().program).stdin(OwnedFd::from(there)).spawn().unwrap();
    drop(here);
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "the helper outlived its parent");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn only_regular_files_are_looked_at() {
    let mut client = Client::new(helper());
    let folder = File::open("/").unwrap();
    assert!(client.check(&folder, None).unwrap().checked.problem.unwrap().contains("not a regular file"));
    let null = File::open("/dev/zero").unwrap();
    assert!(client.check(&null, None).unwrap().checked.problem.unwrap().contains("not a regular file"));
}
