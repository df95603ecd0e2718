//! The python image and pools on it. Workers are shared by tests, since starting one takes seconds.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use glasshouse_images::Image;
use glasshouse_model::{Limits, Requirement};
use glasshouse_sandbox::docker::{ContainerImage, Containers, Engine};
use glasshouse_sandbox::{
    Backend, Driver, Language, Pool, PoolConfig, Recycling, RunRequest, Spares, Terms, Worker, seccomp,
};

use super::cache::cache;
pub(crate) use super::cache::workspace;
use super::engine::TestEngine;

const MIB: u64 = 1 << 20;

/// The python image's root, built if need be.
pub(crate) fn root() -> PathBuf {
    if let Some(root) = env::var_os("GLASSHOUSE_TEST_ROOT") {
        return root.into();
    }
    image().root
}

fn image() -> Image {
    let definition = glasshouse_images::Definition::load(&workspace().join("images/python")).unwrap();
    glasshouse_images::ensure(&definition, &cache(), &mut |line| eprintln!("{line}")).unwrap()
}

/// Where the workers of this test target live: those of `security_in_containers` in containers, if there can be any. A
/// container has a filter of its own, which is off for workers whose jobs have another profile than the usual one: they are
/// the controls.
fn backend(profile: &str) -> Backend {
    /// Shared by all pools; the engine ends with the process that holds it.
    static ENGINE: LazyLock<Option<TestEngine>> = LazyLock::new(|| {
        let contained = env!("CARGO_CRATE_NAME") == "security_in_containers";
        contained.then(|| TestEngine::start(&cache())).flatten()
    });
    let Some(engine) = &*ENGINE else { return Backend::Native };
    let text = fs::read_to_string(workspace().join("policies/container/seccomp.toml")).unwrap();
    let default = default_profile();
    let usual = seccomp::for_engine("container", &text, |_| Some(default.as_str())).unwrap();
    let engine = Engine::at(engine.socket.clone()).unwrap();
    let image = ContainerImage::of(&image());
    let image_id = image.ensure(&engine, &mut |line| eprintln!("{line}")).unwrap().id;
    Backend::Docker(Box::new(Containers {
        engine,
        image,
        image_id,
        runtime: None,
        profile: if profile == default { usual } else { "unconfined".to_owned() },
        cache: cache(),
    }))
}

/// The default seccomp profile's text.
pub(crate) fn default_profile() -> String {
    fs::read_to_string(workspace().join("policies/seccomp/default.toml")).unwrap()
}

/// Limits for attacks: small, so that reaching them is quick.
pub(crate) fn small() -> Limits {
    Limits { memory: 256 * MIB, processes: 32, disk: 16 * MIB, files: 256, output: 4 * MIB, ..Limits::default() }
}

/// A request to run `code` under [`small`] limits.
pub(crate) fn request(code: &str) -> RunRequest {
    RunRequest {
        code: code.to_owned(),
        files: BTreeMap::new(),
        stdin: Vec::new(),
        args: Vec::new(),
        test_code: None,
        seed: 1,
        options: serde_json::Value::Null,
        limits: small(),
    }
}

/// A configuration with every layer required. An ordinary user may lack cgroups: then the layer's
/// absence is said and allowed, and tests that need it say that they do not apply.
fn config(profile: &str) -> PoolConfig {
    let runtime = fs::read_to_string(workspace().join("images/python/runtime.toml")).unwrap();
    let runtime: toml::Value = toml::from_str(&runtime).unwrap();
    let environment = runtime["env"].as_table().unwrap();
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    PoolConfig {
        root: root(),
        driver: Driver::lay_out(&driver_files(), Language::Python, &cache()).unwrap(),
        language: Language::Python,
        interpreter: runtime["interpreter"].as_str().unwrap().to_owned(),
        script: "main.py".to_owned(),
        environment: environment.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect(),
        warm: words("numpy matplotlib PIL"),
        trunk: vec![words("numpy matplotlib.pyplot")],
        worth_a_zygote: 2,
        terms: terms(profile),
        limits: small(),
        backend: backend(profile),
        recycling: Recycling::NEVER,
        spares: Spares::NONE,
    }
}

/// Every layer required, under the seccomp profile of this text.
pub(crate) fn terms(profile: &str) -> Terms {
    let default = LazyLock::force(&DEFAULT_PROFILE);
    let seccomp = seccomp::compile("test", profile, |name| (name == "default").then_some(default)).unwrap();
    Terms { seccomp, require: Requirement::ALL.to_vec(), allow_missing: allow_missing(), verbose: true }
}

static DEFAULT_PROFILE: LazyLock<String> = LazyLock::new(default_profile);

fn allow_missing() -> Vec<Requirement> {
    let missing = glasshouse_sandbox::doctor::layers().into_iter().filter(|layer| !layer.in_force);
    missing
        .map(|layer| {
            eprintln!("this host does not give {}: {}", layer.requirement.name(), layer.detail);
            layer.requirement
        })
        .collect()
}

fn driver_files() -> BTreeMap<String, Vec<u8>> {
    let folder = workspace().join("images/python/driver");
    let mut files = BTreeMap::new();
    let mut left = vec![folder.clone()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.extend((path.file_name().unwrap() != "__pycache__").then_some(path));
            } else {
                let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// A pool and its workers that nobody uses at the moment.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    idle: Mutex<Vec<Worker>>,
}

impl Shared {
    fn new(profile: &str) -> Self {
        Self { pool: Pool::new(config(profile)).unwrap(), idle: Mutex::new(Vec::new()) }
    }

    /// A worker for one test; it goes back when the test is over, so that later tests run in a worker
    /// that earlier attacks have been through.
    pub(crate) fn lease(&'static self) -> Lease {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lease { from: self, worker: Some(idle.unwrap_or_else(|| self.pool.worker().unwrap())) }
    }

    /// Whether the layer is in force here; says so if it is not.
    pub(crate) fn has(&self, layer: Requirement) -> bool {
        let missing = self.pool.backend().missing.iter().any(|name| name == layer.name());
        if missing {
            eprintln!("not tested here, since the layer {} is missing", layer.name());
        }
        !missing
    }
}

/// A worker on loan.
pub(crate) struct Lease {
    from: &'static Shared,
    worker: Option<Worker>,
}

impl Deref for Lease {
    type Target = Worker;
    fn deref(&self) -> &Worker {
        self.worker.as_ref().unwrap()
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Worker {
        self.worker.as_mut().unwrap()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let worker = self.worker.take();
        self.from.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(worker);
    }
}

/// The glass as it is.
pub(crate) static GLASS: LazyLock<Shared> = LazyLock::new(|| Shared::new(&default_profile()));

/// The glass without its system call filter's refusals: the positive control of that layer.
pub(crate) static UNFILTERED: LazyLock<Shared> = LazyLock::new(|| Shared::new(&open_profile()));

/// The calls that tests attempt and the default profile does not have.
const ATTEMPTED: &str = "clone3 unshare setns mount umount2 pivot_root chroot open_tree move_mount fsopen \
    ptrace process_vm_readv process_vm_writev pidfd_getfd io_uring_setup userfaultfd bpf perf_event_open \
    keyctl add_key request_key kexec_load init_module finit_module delete_module open_by_handle_at \
    name_to_handle_at personality inotify_init inotify_init1 inotify_add_watch inotify_rm_watch cachestat kcmp \
    setxattr syslog swapon reboot acct quotactl iopl ioperm modify_ldt fanotify_init lookup_dcookie \
    sethostname setdomainname settimeofday adjtimex clock_settime clock_adjtime vhangup sync nfsservctl";

fn open_profile() -> String {
    let text = default_profile();
    let allowed = text.split("[[refused]]").next().unwrap();
    let calls: Vec<String> = ATTEMPTED.split_whitespace().map(|call| format!("{call:?}")).collect();
    format!("{allowed}\n[[allow]]\nreason = \"positive control\"\ncalls = [{}]\n", calls.join(", "))
}
