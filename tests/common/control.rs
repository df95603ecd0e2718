//! Positive controls: the same attack without the wall, in a harmless variant.

use std::io::Write;
use std::process::{Command, Stdio};

use super::said::{Outcomes, attempting, outcomes, text};

/// Runs a script of attempts with the host's plain interpreter.
pub(crate) fn on_host(script: &str) -> Outcomes {
    python(Command::new("python3"), script)
}

/// Runs a script of attempts as the master of fresh namespaces: what a process may do that was given
/// namespaces and no glass. Root keeps the host's user namespace, in which device nodes can be made.
pub(crate) fn in_namespaces(script: &str) -> Outcomes {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--mount-proc", "--kill-child", "python3"]);
    python(command, script)
}

fn python(mut command: Command, script: &str) -> Outcomes {
    command.args(["-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python3 and util-linux are installed");
    child.stdin.take().unwrap().write_all(attempting(script).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the control broke: {} {}", text(&output.stdout), text(&output.stderr));
    outcomes(&output.stdout)
}
