//! Children that were made ahead for jobs which then did not fit are killed at any point of their way into their cells. None
//! may cost the next job anything.
//!
//! Once such a child, when it found its socket closed, went on as a second zygote on the first one's socket, and took the
//! next request with it when it was killed: about one row in four hundred had a fault.

use serde_json::json;

use crate::command::{lines, run_with};

#[test]
fn a_child_that_is_given_up_takes_no_request_with_it() {
    // A child waits with a disk of the last job's size, and the next job's is another.
    let row = |runtime: &str, code: String, number: usize| {
        let disk = ["20MiB", "21MiB"][number % 2];
        json!({"id": format!("{runtime}-{number}"), "runtime": runtime, "code": code, "limits": {"disk": disk}})
    };
    let python = (0..800).map(|number| row("python", format!("print({number})"), number));
    let r = (0..60).map(|number| row("r", format!("cat({number})"), number));
    let octave = (0..60).map(|number| row("octave", format!("disp({number})"), number));
    let done = run_with(&lines(&python.chain(r).chain(octave).collect::<Vec<_>>()), &["--workers", "4"]);
    assert_eq!(done.faults, "");
    assert_eq!(done.records.len(), 920);
    for (id, record) in &done.records {
        assert_eq!(record["verdict"], "ok", "{id}");
        assert_eq!(record["stdout"]["text"].as_str().unwrap().trim(), id.rsplit('-').next().unwrap());
    }
}
