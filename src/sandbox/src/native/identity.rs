//! Which users a worker's processes are, inside and outside.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};

/// The user and group that a job sees itself as.
pub(crate) const JOB_USER: u32 = 1000;

/// First host id of the ranges that root gives to workers, far above any account.
const FIRST_RANGE: u32 = 1_500_000_000;
const RANGE: u32 = 65_536;
const RANGES: u32 = 40_000;
/// Host id of the group that init and zygotes of all of root's workers have, and nobody else: on cgroup v2 it may
/// fork a job into its leaf.
pub(crate) const WORKERS_GROUP: u32 = FIRST_RANGE - RANGE;

/// How a worker's user namespace maps to the host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Identity {
    /// Root gives the worker a range of ids that nobody else has; only the group of its init and zygotes is that of all workers.
    Range {
        /// The host id of the worker's id 0.
        first: u32,
    },
    /// An ordinary user has one id to give: its own.
    Single {
        /// That id.
        user: u32,
        /// Its group.
        group: u32,
    },
}

/// The numbers of identities that sandboxes of this process have now.
static TAKEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// The identity of one sandbox, which no other sandbox of this process has until this is dropped.
#[derive(Debug)]
pub(crate) struct Leased {
    number: u64,
    identity: Identity,
}

impl Leased {
    /// The first identity that is free.
    pub(crate) fn take() -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
        taken.insert(number);
        Self { number, identity: Identity::numbered(number) }
    }

    /// The identity.
    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

impl Identity {
    /// The identity number `number` of this process.
    fn numbered(number: u64) -> Self {
        let user = rustix::process::geteuid();
        if !user.is_root() {
            return Self::Single { user: user.as_raw(), group: rustix::process::getegid().as_raw() };
        }
        // Neighbouring pids get ranges far apart, so that two commands at once rarely meet.
        let slot = (u64::from(std::process::id()) * 251 + number) % u64::from(RANGES);
        Self::Range { first: FIRST_RANGE + slot as u32 * RANGE }
    }

    /// The user and group that a container's first process is, which holds nothing and then becomes the worker's own:
    /// an id of no account, or the caller's own where that is all that it can map.
    pub(crate) fn outer_user(self) -> (u32, u32) {
        match self {
            // Below the ranges: engines take no ids above 2^31.
            Self::Range { first } => {
                let user = FIRST_RANGE - RANGES + (first - FIRST_RANGE) / RANGE;
                (user, user)
            }
            Self::Single { user, group } => (user, group),
        }
    }

    /// The id inside that init and zygotes have.
    pub(crate) fn worker_user(self) -> u32 {
        match self {
            Self::Range { .. } => 0,
            Self::Single { .. } => JOB_USER,
        }
    }

    /// Writes the maps of the process `pid`, which has just made a user namespace.
    pub(crate) fn map(self, pid: u32) -> io::Result<()> {
        let write = |file: &str, text: &str| {
            let path = format!("/proc/{pid}/{file}");
            fs::write(&path, text).map_err(|error| io::Error::new(error.kind(), format!("write {path}: {error}")))
        };
        match self {
            Self::Range { first } => {
                write("uid_map", &format!("0 {first} {RANGE}"))?;
                write("gid_map", &format!("0 {WORKERS_GROUP} 1\n1 {} {}", first + 1, RANGE - 1))
            }
            Self::Single { user, group } => {
                write("setgroups", "deny")?;
                write("uid_map", &format!("{JOB_USER} {user} 1"))?;
                write("gid_map", &format!("{JOB_USER} {group} 1"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay_inside_the_id_space() {
        let last = u64::from(FIRST_RANGE) + u64::from(RANGES) * u64::from(RANGE);
        assert!(last < u64::from(u32::MAX));
        assert!(WORKERS_GROUP < FIRST_RANGE, "a job could be given the workers' group");
    }

    #[test]
    fn two_sandboxes_never_have_one_identity() {
        let (first, second) = (Leased::take(), Leased::take());
        assert_ne!(first.number, second.number);
        let last = Identity::Range { first: FIRST_RANGE + (RANGES - 1) * RANGE };
        assert!(last.outer_user().0 < FIRST_RANGE && last.outer_user().0 < 1 << 31);
    }
}
