//! A container engine for tests: one of their own, whose images are kept in the cache, or the one that DOCKER_HOST names.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// An engine starts within a second or two, and ends as fast unless it has much to tidy up.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(50);

/// Lives as long as whoever holds the other end of its standard input, whatever ends that. Its folder goes with it.
const WATCH: &str = r#"
trap '' INT
folder=$1; shift
"$@" >>"$folder/log" 2>&1 &
cat >/dev/null
kill $!
wait $!
rm -rf "$folder"
"#;

/// A running engine.
pub(crate) struct TestEngine {
    pub(crate) socket: PathBuf,
    own: Option<Own>,
}

/// An engine that was started here.
struct Own {
    /// What holds the lock on the cached images, one engine at a time, and ends dockerd.
    watch: Child,
    folder: PathBuf,
    cache: PathBuf,
}

impl TestEngine {
    /// Starts one, installing it where that is possible; `None`, with the reason said, where it is not.
    pub(crate) fn start(cache: &Path) -> Option<Self> {
        let named = std::env::var("DOCKER_HOST").unwrap_or_default();
        if let Some(socket) = named.strip_prefix("unix://") {
            eprintln!("containers are tested with the engine at {socket}");
            return Some(Self { socket: socket.into(), own: None });
        }
        if !rustix::process::geteuid().is_root() {
            eprintln!("not tested here: starting a container engine takes root's rights, and DOCKER_HOST names none");
            return None;
        }
        if !has_engine() && !install() {
            eprintln!("not tested here: there is no dockerd, and installing Debian's docker.io failed");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("glasshouse-engine-{}", std::process::id()));
        let watch = spawn(cache, &folder);
        let own = Own { watch, folder: folder.clone(), cache: cache.to_owned() };
        let mut engine = Self { socket: folder.join("docker.sock"), own: Some(own) };
        if !engine.answers() {
            eprintln!("not tested here: dockerd does not start:\n{}", engine.log());
            return None;
        }
        if engine.docker(&["info", "--format", "{{.Driver}}"]) == "vfs" {
            eprintln!(
                "not tested here: dockerd has no overlay file systems here, and would copy the image for each container"
            );
            return None;
        }
        Some(engine)
    }

    /// Whether it was started here, so that it may be ended as well.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// DOCKER_HOST for it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Ends it as an administrator would, and starts it again.
    pub(crate) fn restart(&mut self) {
        let own = self.own.as_mut().unwrap();
        end(&mut own.watch);
        own.watch = spawn(&own.cache, &own.folder);
        assert!(self.answers(), "dockerd does not start again:\n{}", self.log());
    }

    /// What its client says to these words.
    pub(crate) fn docker(&self, words: &[&str]) -> String {
        let output = Command::new("docker").args(words).env("DOCKER_HOST", self.host()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ids of all containers that commands of ours made, running or not.
    pub(crate) fn containers(&self) -> Vec<String> {
        let ids = self.docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", "label=glasshouse.owner"]);
        ids.lines().map(str::to_owned).collect()
    }

    /// Fails if there is a container or a volume of ours, and stays.
    pub(crate) fn assert_nothing_left(&self) {
        let since = Instant::now();
        loop {
            let (containers, volumes) = (self.containers(), self.docker(&["volume", "ls", "--quiet"]));
            // Volumes are nobody's in particular; an engine of our own has none but ours.
            if containers.is_empty() && (volumes.is_empty() || !self.is_own()) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "left behind: containers {containers:?}, volumes {volumes}");
            thread::sleep(TICK);
        }
    }

    fn answers(&mut self) -> bool {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let ended = self.own.as_mut().is_some_and(|own| own.watch.try_wait().unwrap().is_some());
            if ended {
                return false;
            }
            if UnixStream::connect(&self.socket).is_ok() && !self.docker(&["info", "--format", "{{.ID}}"]).is_empty() {
                return true;
            }
            thread::sleep(TICK);
        }
        false
    }

    fn log(&self) -> String {
        let log = self.own.as_ref().map(|own| fs::read_to_string(own.folder.join("log")).unwrap_or_default());
        log.unwrap_or_default()
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        if let Some(own) = &mut self.own {
            end(&mut own.watch);
        }
    }
}

fn has_engine() -> bool {
    let found = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    found("dockerd") && found("docker")
}

fn install() -> bool {
    eprintln!("installing Debian's docker.io, to test workers in containers");
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let wanted = ["install", "--yes", "--no-install-recommends", "docker.io"];
    (apt(&wanted) || (apt(&["update"]) && apt(&wanted))) && has_engine()
}

/// No bridge and no rules for packets: containers of ours have no network.
fn spawn(cache: &Path, folder: &Path) -> Child {
    fs::create_dir_all(cache).unwrap();
    fs::create_dir_all(folder).unwrap();
    let lock = cache.join("engine.lock");
    File::create(&lock).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new("flock");
    command.arg(lock).args(["sh", "-c", WATCH, "sh"]).arg(folder).arg("dockerd");
    command.arg("--data-root").arg(cache.join("engine")).args([
        "--exec-root",
        &path("exec"),
        "--pidfile",
        &path("pid"),
    ]);
    command.args(["--host", &format!("unix://{}", path("docker.sock")), "--iptables=false", "--bridge=none"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

fn end(watch: &mut Child) {
    drop(watch.stdin.take());
    let since = Instant::now();
    while watch.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < PATIENCE, "dockerd does not end");
        thread::sleep(TICK);
    }
}
