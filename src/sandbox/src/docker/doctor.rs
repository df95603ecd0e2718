//! What the container engine of this machine is, for `doctor`.

use serde::Serialize;

use super::{DockerError, Engine};

/// What the engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineFacts {
    /// Its socket.
    pub socket: String,
    /// Its version.
    pub version: String,
    /// How it stores images.
    pub storage: String,
    /// The OCI runtimes that it knows, the default one first.
    pub runtimes: Vec<String>,
    /// Of these, what has a kernel of its own, so that workers cannot live in it.
    pub unfit: Vec<String>,
    /// The version of cgroups that it uses.
    pub cgroups: String,
    /// Its own security options, such as `seccomp` and `apparmor`.
    pub security: Vec<String>,
    /// What it warns of.
    pub warnings: Vec<String>,
}

/// Words in the names of OCI runtimes that do not share the host's kernel.
const OWN_KERNEL: [&str; 4] = ["runsc", "gvisor", "kata", "firecracker"];

impl EngineFacts {
    /// Asks the engine.
    ///
    /// # Errors
    /// It does not answer.
    pub fn of(engine: &Engine) -> Result<Self, DockerError> {
        let info = engine.info()?;
        let default = info.default_runtime.unwrap_or_default();
        let mut runtimes: Vec<String> = info.runtimes.unwrap_or_default().into_keys().collect();
        runtimes.sort_by_key(|name| (*name != default, name.clone()));
        let unfit = runtimes.iter().filter(|name| OWN_KERNEL.iter().any(|word| name.contains(word))).cloned().collect();
        let cgroups = info.cgroup_version.map(|version| version.to_string()).unwrap_or_default();
        Ok(Self {
            socket: engine.socket().display().to_string(),
            version: info.server_version.unwrap_or_default(),
            storage: info.driver.unwrap_or_default(),
            runtimes,
            unfit,
            cgroups,
            security: info.security_options.unwrap_or_default(),
            warnings: info.warnings.unwrap_or_default(),
        })
    }
}
