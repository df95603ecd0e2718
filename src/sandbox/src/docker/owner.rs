//! Whose containers are whose: labels, and the removal of what dead owners left.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use super::{DockerError, Engine};
use crate::native::start_time;

/// The label that tells the process that a container belongs to: `PID-START`.
const OWNER: &str = "glasshouse.owner";
/// The label that tells where that process is: this boot of this host, and its pid namespace.
const HOST: &str = "glasshouse.host";
/// The label that tells the pool within the process.
pub(super) const POOL: &str = "glasshouse.pool";

/// This process, as labels tell it.
#[derive(Debug)]
pub(super) struct Owner {
    /// Its pid and its start time, so that a reused pid is not taken for it.
    pub(super) name: String,
    host: String,
}

impl Owner {
    /// This process.
    pub(super) fn own() -> io::Result<&'static Self> {
        static OWN: OnceLock<Owner> = OnceLock::new();
        if OWN.get().is_none() {
            let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
            let namespace = fs::metadata("/proc/self/ns/pid")?.ino();
            let own = Self { name: name(std::process::id()), host: format!("{}/{namespace}", boot.trim()) };
            let _ = OWN.set(own);
        }
        OWN.get().ok_or_else(|| io::Error::other("this process cannot be named"))
    }

    /// The labels of a container of this process's pool `pool`.
    pub(super) fn labels(&self, pool: &str) -> HashMap<String, String> {
        let pairs = [(OWNER, self.name.as_str()), (HOST, &self.host), (POOL, pool)];
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// Whether what has these labels belongs to a process that is no more.
    fn is_orphan(&self, labels: &HashMap<String, String>) -> bool {
        let (Some(owner), Some(host)) = (labels.get(OWNER), labels.get(HOST)) else { return false };
        let boot = |host: &str| host.split('/').next().unwrap_or_default().to_owned();
        if boot(host) != boot(&self.host) {
            return true;
        }
        // In another pid namespace its number means somebody else.
        let pid = owner.split('-').next().and_then(|pid| pid.parse().ok());
        *host == self.host && pid.is_some_and(|pid| name(pid) != *owner)
    }

    /// Removes containers whose owners are dead; how many there were.
    pub(super) fn reap(&self, engine: &Engine) -> Result<usize, DockerError> {
        let mut removed = 0;
        for container in engine.labelled(OWNER)? {
            let orphan = container.labels.is_some_and(|labels| self.is_orphan(&labels));
            if let Some(id) = container.id.filter(|_| orphan) {
                engine.remove(&id)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// A process by its pid and its start time; the time is 0 for one that is not there.
pub(super) fn name(pid: u32) -> String {
    format!("{pid}-{}", start_time(pid).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_processes_left_is_an_orphan() {
        let own = Owner::own().unwrap();
        assert!(!own.is_orphan(&own.labels("0")));
        let with = |key: &str, value: &str| {
            let mut labels = own.labels("0");
            labels.insert(key.to_owned(), value.to_owned());
            labels
        };
        assert!(own.is_orphan(&with(OWNER, &format!("{}-1", std::process::id()))), "its pid is in use again");
        assert!(own.is_orphan(&with(HOST, "an-earlier-boot/1")));
        let boot = own.host.split('/').next().unwrap();
        let elsewhere = with(HOST, &format!("{boot}/1"));
        assert!(!own.is_orphan(&elsewhere), "its pid is one of another pid namespace");
        assert!(!own.is_orphan(&HashMap::new()));
    }
}
