//! Cgroup leaves that are made, and removed, off the path of jobs.

use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use super::cgroup::{Leaf, Tree};
use super::janitor::Janitor;

/// Leaves that are ready ahead, for all workers together.
const SPARE: usize = 4;

/// Makes leaves ahead in one thread and removes used ones in another.
#[derive(Debug)]
pub(crate) struct Leaves {
    ready: std::sync::Mutex<Receiver<std::io::Result<Leaf>>>,
    used: Option<Sender<Leaf>>,
    remover: Option<JoinHandle<()>>,
    tree: Arc<Tree>,
    /// Dropped last, after the leaves, whose tree it would otherwise remove under them.
    _janitor: Janitor,
}

impl Leaves {
    /// Starts both threads. `janitor` removes the tree if this process is killed.
    pub(crate) fn new(tree: Arc<Tree>, janitor: Janitor) -> std::io::Result<Self> {
        let (made, ready) = sync_channel(SPARE);
        let (used, left) = channel();
        let (maker, held) = (Arc::clone(&tree), Arc::clone(&tree));
        thread::Builder::new().name("leaf-maker".into()).spawn(move || make(&maker, &made))?;
        // The remover holds the tree, so that the tree's own end comes after the last leaf's.
        let remover = thread::Builder::new().name("leaf-remover".into()).spawn(move || remove(left, &held))?;
        let ready = std::sync::Mutex::new(ready);
        Ok(Self { ready, used: Some(used), remover: Some(remover), tree, _janitor: janitor })
    }

    /// A fresh leaf, which comes back when it is dropped.
    pub(crate) fn lease(self: &Arc<Self>) -> std::io::Result<LeasedLeaf> {
        Ok(LeasedLeaf { leaf: Some(self.take()?), leaves: Arc::clone(self) })
    }

    /// See [`Tree::home_doors`].
    pub(crate) fn home_doors(&self) -> std::io::Result<Vec<OwnedFd>> {
        self.tree.home_doors()
    }

    fn take(&self) -> std::io::Result<Leaf> {
        let ready = self.ready.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        ready.recv().unwrap_or_else(|_| Err(std::io::Error::other("the maker of cgroups has ended")))
    }

    fn give_back(&self, leaf: Leaf) {
        if let Some(used) = &self.used {
            // The remover lives as long as this sender.
            let _ = used.send(leaf);
        }
    }
}

impl Drop for Leaves {
    fn drop(&mut self) {
        self.used = None;
        if let Some(remover) = self.remover.take() {
            // A panic there has been reported by the thread itself.
            let _ = remover.join();
        }
    }
}

fn make(tree: &Tree, made: &SyncSender<std::io::Result<Leaf>>) {
    while made.send(tree.leaf()).is_ok() {}
}

fn remove(left: Receiver<Leaf>, _tree: &Tree) {
    for leaf in left {
        leaf.remove();
    }
}

/// A leaf that goes back to be removed when it is dropped; its processes must be dead then.
#[derive(Debug)]
pub(crate) struct LeasedLeaf {
    leaf: Option<Leaf>,
    leaves: Arc<Leaves>,
}

impl Deref for LeasedLeaf {
    type Target = Leaf;

    fn deref(&self) -> &Leaf {
        match &self.leaf {
            Some(leaf) => leaf,
            None => unreachable!("a leaf is there until it is dropped"),
        }
    }
}

impl DerefMut for LeasedLeaf {
    fn deref_mut(&mut self) -> &mut Leaf {
        match &mut self.leaf {
            Some(leaf) => leaf,
            None => unreachable!("a leaf is there until it is dropped"),
        }
    }
}

impl Drop for LeasedLeaf {
    fn drop(&mut self) {
        if let Some(leaf) = self.leaf.take() {
            self.leaves.give_back(leaf);
        }
    }
}
