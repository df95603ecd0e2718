//! Runs the programs that a build needs and turns their failures into errors that say what to do.

use std::io;
use std::process::{Command, Output, Stdio};

use crate::error::ImageError;

/// How many of a failed command's last lines an error shows.
const SHOWN_LINES: usize = 12;

/// How much of a command line an error shows, in bytes.
const SHOWN_COMMAND: usize = 200;

/// What a command's output often says when it fails, and what to do about it.
const REMEDIES: [(&str, &str); 10] = [
    // First: the kernel reports a limit of no namespaces at all as a lack of space.
    ("unshare failed", USER_NAMESPACES),
    ("write failed /proc/self/uid_map", USER_NAMESPACES),
    ("No space left on device", "the disk is full: an image needs about 4 GB while it is built"),
    ("Disk quota exceeded", "the disk quota is used up: an image needs about 4 GB while it is built"),
    ("CERTIFICATE_VERIFY_FAILED", "set SSL_CERT_FILE (or PIP_CERT) to this network's CA bundle"),
    ("Could not find a suitable TLS CA", "install ca-certificates, or set SSL_CERT_FILE to a CA bundle"),
    ("Temporary failure resolving", NO_NETWORK),
    ("Temporary failure in name resolution", NO_NETWORK),
    ("Could not connect to", NO_NETWORK),
    ("Connection refused", NO_NETWORK),
];

const USER_NAMESPACES: &str = "this system forbids user namespaces: an administrator must allow them (sysctl \
    user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns; \
    in a container, its seccomp profile)";

const NO_NETWORK: &str = "building an image needs the package archives once: check the network and the proxy \
    settings of apt and pip";

/// Runs `command` to its end and returns what it wrote on stdout. `hint` says what to do when it cannot start or
/// fails for a reason that its output does not give away.
pub(crate) fn run(step: &'static str, command: &Command, hint: &'static str) -> Result<String, ImageError> {
    let output = tied(command).output().map_err(|source| cannot_start(step, command, source, hint))?;
    check(step, command, &output, hint)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `first | second` to their ends.
pub(crate) fn pipe(
    step: &'static str,
    first: &Command,
    second: &Command,
    hint: &'static str,
) -> Result<(), ImageError> {
    let mut source = tied(first).spawn().map_err(|error| cannot_start(step, first, error, hint))?;
    let mut drain = tied(second);
    if let Some(stream) = source.stdout.take() {
        drain.stdin(stream);
    }
    let drained = drain.output().map_err(|error| cannot_start(step, second, error, hint));
    let drawn = source.wait_with_output().map_err(|error| cannot_start(step, first, error, hint))?;
    check(step, second, &drained?, hint)?;
    check(step, first, &drawn, hint)
}

/// The same command, without input, and killed when this process dies: left alone it would go on writing where
/// the next build works.
fn tied(command: &Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    tied
}

fn cannot_start(step: &'static str, command: &Command, source: io::Error, hint: &'static str) -> ImageError {
    ImageError::Program { step, program: command.get_program().to_string_lossy().into_owned(), source, hint }
}

fn check(step: &'static str, command: &Command, output: &Output, hint: &'static str) -> Result<(), ImageError> {
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.starts_with("setpriv: failed to execute") {
        return Err(cannot_start(step, command, io::ErrorKind::NotFound.into(), hint));
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&stderr);
    Err(ImageError::Command {
        step,
        command: shown(command),
        status: output.status.to_string(),
        hint: REMEDIES.iter().find(|(sign, _)| said.contains(sign)).map_or(hint, |(_, remedy)| remedy),
        output: last_lines(&said),
    })
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ").replace('\n', " ");
    if line.len() <= SHOWN_COMMAND {
        return line;
    }
    let end = line.floor_char_boundary(SHOWN_COMMAND);
    format!("{}...", &line[..end])
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let kept = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    kept.iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_tells_step_command_status_output_and_remedy() {
        let error = run("fonts", &sh("echo a; echo 'No space left on device' >&2; exit 3"), "look").unwrap_err();
        let text = error.to_string();
        for part in ["`fonts`", "sh -c", "exit status: 3", "  | a", "the disk is full"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn an_unknown_failure_gets_the_callers_hint() {
        let text = run("x", &sh("exit 1"), "look at the moon").unwrap_err().to_string();
        assert!(text.ends_with("look at the moon"), "{text}");
    }

    #[test]
    fn an_absent_program_is_named() {
        let text = run("x", &Command::new("no-such-program"), "install it").unwrap_err().to_string();
        assert!(text.contains("cannot start no-such-program") && text.contains("install it"), "{text}");
    }

    #[test]
    fn environment_and_folder_reach_the_command() {
        let mut command = sh("echo $WORD; pwd");
        command.env("WORD", "glass").current_dir("/usr");
        assert_eq!(run("x", &command, "").unwrap(), "glass\n/usr\n");
    }

    #[test]
    fn either_end_of_a_pipe_may_fail() {
        assert!(pipe("x", &sh("echo 1"), &sh("grep -q 1"), "").is_ok());
        assert!(pipe("x", &sh("echo 1; exit 2"), &sh("cat >/dev/null"), "").is_err());
        assert!(pipe("x", &sh("echo 1"), &sh("cat >/dev/null; exit 2"), "").is_err());
    }
}
