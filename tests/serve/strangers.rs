//! Who is not served, and what bytes that are no message do: nothing.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::{fs, thread};

use serde_json::json;

use crate::service::{Service, done, glasshouse};

#[test]
fn strangers_and_nonsense_are_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());

    // No message, a length that nothing follows, one that is too long, half a message, and a job before any greeting.
    let header = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let half = header(r#"{"header": {"hello": {}}, "blobs": []}"#);
    let job_first = header(r#"{"header": {"run": {}}, "blobs": [1, 2]}"#);
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[16, 0, 0, 0], &[255; 4], &half[..20], &half, &job_first] {
        assert_eq!(answer_to(&service, bytes), b"", "{bytes:?}");
    }

    // Another build of the command.
    let terms = json!({"build": "0.0.1", "backend": "native", "allow_missing": [], "runtimes": {}});
    let said = answer_to(&service, &header(&json!({"header": {"hello": terms}, "blobs": []}).to_string()));
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("refused") && said.contains("another build"), "{said}");

    // What would be run in another way.
    let program = folder.path().join("a.py");
    fs::write(&program, "print(6 * 7)").unwrap();
    let asked =
        |more: &[&str]| done(glasshouse(&["exec"]).arg(&program).args(["--socket", service.socket()]).args(more));
    let (code, _, said) = asked(&["--allow-missing", "landlock"]);
    assert_eq!(code, Some(4));
    assert!(said.contains("it lets nothing be missing, not landlock"), "{said}");
    assert_eq!(asked(&[]).1, "42\n", "after all that it serves");
    another_user(folder.path(), &service);
    assert_eq!(service.end(), 1);
}

/// Another user may reach the socket, and is not answered.
fn another_user(folder: &std::path::Path, service: &Service) {
    if !rustix::process::geteuid().is_root() {
        println!("another user: only root can be one; not tried");
        return;
    }
    // The wall before: the socket's mode. It is taken away here, so that the one behind it is seen.
    assert_eq!(fs::metadata(service.socket()).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let script = "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die $!; \
                  $read = sysread(S, $byte, 1); print 'connected, ', defined $read ? $read : $!, ' bytes'";
    let mut stranger = Command::new("setpriv");
    stranger.args(["--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-e", script, service.socket()]);
    let (_, said, why) = done(&mut stranger);
    assert!(said.is_empty() && why.contains("Permission denied"), "{said} {why}");
    fs::set_permissions(service.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    // The end of the stream at once: nothing is read.
    let (_, said, why) = done(&mut stranger);
    assert_eq!(said, "connected, 0 bytes", "{why}");
}

/// All that the daemon says to these bytes, after which nothing more comes.
fn answer_to(service: &Service, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(service.socket()).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = Vec::new();
    // It may close before it has read everything.
    let mut from = stream;
    let reader = thread::spawn(move || {
        let _ = from.read_to_end(&mut said);
        said
    });
    reader.join().unwrap()
}
