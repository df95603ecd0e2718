//! Workers in containers: how one is made, started and ended.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType,
};
use glasshouse_model::{BackendInfo, Limits};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::absence::{Absence, PATIENCE};
use super::image::ContainerImage;
use super::meeting::{Guest, Meeting, SOCKET, sweep};
use super::owner::{Owner, POOL};
use super::{DockerError, Engine};
use crate::native::{Anchor, Ground, Identity, Launched, Launcher, PoolConfig, Underway, lay_out_guest};

/// Where a container finds the guest program and its socket. Both lie under /dev, which the worker covers with its own.
const GUEST: &str = "/dev/glasshouse-guest";
const MEETING: &str = "/dev/glasshouse-meeting";
/// Where the driver belongs.
const DRIVER: &str = "/opt/glasshouse/driver";

const PAUSE: Duration = Duration::from_millis(250);
/// A killed container is dead within milliseconds; one that the kernel holds is not waited for any longer.
const DEATH: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// How often a request is repeated that the engine failed at.
const TRIES: u32 = 4;

/// What a worker itself needs, beside its jobs: its init, its cells' inits, and at most 17 zygotes.
const OWN_MEMORY: u64 = 4 << 30;
const OWN_PROCESSES: u64 = 256;

/// The containers of one runtime. Clones share the engine.
#[derive(Clone, Debug)]
pub struct Containers {
    /// What makes them.
    pub engine: Engine,
    /// What is in them, to be made again where the engine has lost it.
    pub image: ContainerImage,
    /// The engine's address of it.
    pub image_id: String,
    /// The OCI runtime; `None`: the engine's default.
    pub runtime: Option<String>,
    /// The system call profile of the whole container, in the engine's own format.
    pub profile: String,
    /// Where the guest program and sockets are kept: a folder that the engine sees as this process does.
    pub cache: PathBuf,
}

impl Containers {
    /// Removes what dead processes left.
    pub(crate) fn launcher(&self) -> Result<Box<dyn Launcher>, DockerError> {
        static POOLS: AtomicU64 = AtomicU64::new(0);
        let owner = Owner::own()?;
        owner.reap(&self.engine)?;
        sweep(&self.cache);
        let info = self.engine.info()?;
        let runtime = self.runtime.clone().or(info.default_runtime).unwrap_or_else(|| "default".to_owned());
        let launcher = ContainerLauncher {
            containers: self.clone(),
            runtime,
            owner,
            pool: format!("{}-{}", owner.name, POOLS.fetch_add(1, Ordering::Relaxed)),
            guest: lay_out_guest(&self.cache)?,
            processors: info.ncpu.unwrap_or(0),
            image: Mutex::new(self.image_id.clone()),
            absence: Absence::default(),
        };
        Ok(Box::new(launcher))
    }
}

/// What a whole container may use at most. Where jobs have cgroup leaves of their own they leave the container's; else
/// they are in it, one at a time.
#[derive(Clone, Copy, Debug)]
struct Shares {
    memory: u64,
    processes: u64,
}

impl Shares {
    fn of(config: &PoolConfig, ground: &Ground) -> Self {
        let Limits { memory, processes, .. } = config.limits;
        if ground.has_leaves() {
            return Self { memory: OWN_MEMORY, processes: OWN_PROCESSES };
        }
        Self { memory: OWN_MEMORY + memory, processes: OWN_PROCESSES + processes }
    }
}

/// Starts the containers of one pool.
#[derive(Debug)]
struct ContainerLauncher {
    containers: Containers,
    runtime: String,
    owner: &'static Owner,
    /// What the label of its containers says.
    pool: String,
    /// The folder of the guest program.
    guest: PathBuf,
    processors: i64,
    /// The image's id: a name may come to mean another one.
    image: Mutex<String>,
    absence: Absence,
}

impl Launcher for ContainerLauncher {
    fn launch(
        &self,
        ground: &Ground,
        config: &PoolConfig,
        identity: Identity,
        underway: &Underway,
    ) -> io::Result<Launched> {
        for failures in 1.. {
            underway.check()?;
            let result = self.try_launch(ground, config, identity, underway);
            if !matches!(result, Err(Failure::Engine(DockerError::Away { .. }))) {
                self.absence.end();
            }
            let error = match result {
                Err(Failure::Engine(error)) => error,
                Err(Failure::Ours(error)) => return Err(error),
                Ok(launched) => return Ok(launched),
            };
            let again = match &error {
                // The image, or with it whatever the engine had: it is made again.
                DockerError::Absent { .. } => failures < TRIES && self.restore_image(),
                DockerError::Away { .. } => self.absence.is_bearable(Instant::now()),
                error => failures < TRIES && error.is_passing(),
            };
            if !again {
                return Err(io::Error::other(error.to_string()));
            }
            thread::sleep(PAUSE);
        }
        unreachable!("the loop ends by return only")
    }

    fn describe(&self, backend: &mut BackendInfo) {
        backend.name = "docker".to_owned();
        backend.layers.insert(0, format!("container:{}", self.runtime));
    }
}

/// Why a container did not become a worker.
enum Failure {
    /// The engine says so; another try may help.
    Engine(DockerError),
    /// The container was there.
    Ours(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Ours(error)
    }
}

impl From<DockerError> for Failure {
    fn from(error: DockerError) -> Self {
        Self::Engine(error)
    }
}

impl ContainerLauncher {
    fn try_launch(
        &self,
        ground: &Ground,
        config: &PoolConfig,
        identity: Identity,
        underway: &Underway,
    ) -> Result<Launched, Failure> {
        let engine = &self.containers.engine;
        let meeting = Meeting::open(&self.containers.cache)?;
        let id = engine.create(self.body(Shares::of(config, ground), config, identity, meeting.folder()))?;
        let container = Container { id, engine: engine.clone(), process: None };
        engine.start(&container.id)?;
        let deadline = Instant::now() + PATIENCE;
        let is_up = || underway.check().and_then(|()| engine.is_up(&container.id).map_err(io::Error::other));
        let Guest { init, pid } = meeting.await_guest(identity.outer_user().0, deadline, is_up)?;
        let container = container.held_by(pid)?;
        let log = Some(log(ground.is_verbose())?);
        Ok(Launched { init, pid, log, anchor: Box::new(container) })
    }

    fn body(&self, shares: Shares, config: &PoolConfig, identity: Identity, meeting: &Path) -> ContainerCreateBody {
        let (user, group) = identity.outer_user();
        let worker_user = identity.worker_user().to_string();
        let socket = format!("{MEETING}/{SOCKET}");
        let words = [format!("{GUEST}/glasshouse-guest"), "contained".to_owned(), socket, worker_user];
        let host = HostConfig {
            // The engine removes what has ended, whoever is still there to ask it to.
            auto_remove: Some(true),
            readonly_rootfs: Some(true),
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("none".to_owned()),
            // Each job makes one of its own, around its leaf; a container's would shut the leaves out.
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::HOST),
            // Ids are mapped by us, of ranges that nobody has.
            userns_mode: Some("host".to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(self.security()),
            // The kernel lets nobody mount a /proc of their own where a part of the one in sight is covered. Here only the
            // worker sees it, as an ordinary user; jobs get that of their own cell.
            masked_paths: Some(Vec::new()),
            readonly_paths: Some(Vec::new()),
            memory: Some(shares.memory as i64),
            memory_swap: Some(shares.memory as i64),
            pids_limit: Some(shares.processes as i64),
            nano_cpus: Some(self.processors * 1_000_000_000),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            mounts: Some(vec![
                read_only(&self.guest, GUEST),
                read_only(meeting, MEETING),
                read_only(config.driver.folder(), DRIVER),
            ]),
            runtime: self.containers.runtime.clone(),
            ..HostConfig::default()
        };
        ContainerCreateBody {
            image: Some(self.image.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            entrypoint: Some(words.into_iter().chain(config.program()).collect()),
            cmd: Some(Vec::new()),
            env: Some(config.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            user: Some(format!("{user}:{group}")),
            working_dir: Some("/".to_owned()),
            hostname: Some("glasshouse".to_owned()),
            labels: Some(self.owner.labels(&self.pool)),
            // The first process of a container hears nothing else, and an engine that ends waits for its containers.
            stop_signal: Some("SIGKILL".to_owned()),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }

    fn security(&self) -> Vec<String> {
        vec![
            "no-new-privileges:true".to_owned(),
            format!("seccomp={}", self.containers.profile),
            // The usual profile of AppArmor forbids every mount, those of the worker's own namespaces included, and that
            // of SELinux the reading of the driver. Hosts without them take no notice.
            "apparmor=unconfined".to_owned(),
            "label=disable".to_owned(),
        ]
    }

    /// Makes the image again where it is gone, once for all who miss it; whether it is there then.
    fn restore_image(&self) -> bool {
        let mut image = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = self.containers.image.ensure(&self.containers.engine, &mut |line| eprintln!("{line}"));
        stored.is_ok_and(|stored| {
            *image = stored.id;
            true
        })
    }
}

impl Drop for ContainerLauncher {
    fn drop(&mut self) {
        // All have been killed; the engine may still be removing them. One that is away removes them when it is back.
        let left = self.containers.engine.labelled(&format!("{POOL}={}", self.pool)).unwrap_or_default();
        for id in left.into_iter().filter_map(|container| container.id) {
            let _ = self.containers.engine.remove(&id);
        }
    }
}

fn read_only(source: &Path, target: &str) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target.to_owned()),
        read_only: Some(true),
        ..Mount::default()
    }
}

/// Where a worker writes what it has to say: our own standard error, or nowhere.
fn log(verbose: bool) -> io::Result<OwnedFd> {
    if verbose {
        return io::stderr().as_fd().try_clone_to_owned();
    }
    Ok(std::fs::File::options().write(true).open("/dev/null")?.into())
}

/// A container that was made. Dropping it kills it.
#[derive(Debug)]
struct Container {
    id: String,
    engine: Engine,
    /// pidfd of its first process, once that has spoken.
    process: Option<OwnedFd>,
}

impl Container {
    /// The process has just spoken, so its number is still its own.
    fn held_by(mut self, pid: u32) -> io::Result<Self> {
        let pid =
            Pid::from_raw(pid as i32).ok_or_else(|| io::Error::other("a container's process has no number here"))?;
        self.process = Some(pidfd_open(pid, PidfdFlags::empty())?);
        Ok(self)
    }
}

impl Anchor for Container {
    fn memory(&self) -> Option<u64> {
        self.engine.memory(&self.id)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        match &self.process {
            // With its first process all of a container dies, and the engine removes it. An error: it is dead already.
            // Its users are given to another only when nothing has them any more.
            Some(process) => {
                let _ = pidfd_send_signal(process, Signal::KILL);
                let _ = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&DEATH));
            }
            // One that never ran is not removed by itself.
            None => drop(self.engine.remove(&self.id)),
        }
    }
}
