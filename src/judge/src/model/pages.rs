//! Which page of the cache holds what: pages are counted, shared by prompts that begin alike, and kept while idle.
//!
//! A page that is full and computed gets a name: a hash of all that comes before its end in the prompt, tokens and
//! pictures. A prompt that begins the same finds it by that name and computes nothing again. Under M-RoPE too the
//! position of a token depends on nothing but what comes before it, so equal names mean equal contents.

use std::collections::{BTreeMap, HashMap};

use glasshouse_model::Digest;

use crate::ModelError;

/// Tokens in a page; a multiple of what paged attention kernels ask for (32).
pub const PAGE: usize = 64;

/// The books of a cache of pages.
#[derive(Debug)]
pub struct Pages {
    /// How many prompts hold each page.
    held: Vec<u32>,
    /// Pages with nothing in them.
    empty: Vec<u32>,
    /// Pages by name.
    named: HashMap<Digest, u32>,
    /// The name of each page.
    names: Vec<Option<Digest>>,
    /// Pages with a name that nobody holds, the longest idle first, and when each became so.
    idle: BTreeMap<u64, u32>,
    since: Vec<u64>,
    clock: u64,
}

impl Pages {
    /// Books of `count` empty pages.
    pub fn new(count: usize) -> Self {
        Self {
            held: vec![0; count],
            empty: (0..count as u32).rev().collect(),
            named: HashMap::new(),
            names: vec![None; count],
            idle: BTreeMap::new(),
            since: vec![0; count],
            clock: 0,
        }
    }

    /// Pages in all.
    pub fn count(&self) -> usize {
        self.held.len()
    }

    /// Pages that can be claimed: the empty and the idle.
    pub fn free(&self) -> usize {
        self.empty.len() + self.idle.len()
    }

    /// Holds the pages of the longest beginning of `names` that is there, and tells which they are.
    pub fn share(&mut self, names: &[Digest]) -> Vec<u32> {
        let pages: Vec<u32> = names.iter().map_while(|name| self.named.get(name).copied()).collect();
        for page in &pages {
            let at = *page as usize;
            if self.held[at] == 0 {
                self.idle.remove(&self.since[at]);
            }
            self.held[at] += 1;
        }
        pages
    }

    /// Holds `count` pages whose contents do not matter, the longest idle last.
    ///
    /// # Errors
    /// [`ModelError::CacheFull`]; then none is held.
    pub fn claim(&mut self, count: usize) -> Result<Vec<u32>, ModelError> {
        if count > self.free() {
            return Err(ModelError::CacheFull { wanted: count, free: self.free() });
        }
        let mut pages = Vec::with_capacity(count);
        while pages.len() < count {
            let next = self.empty.pop().or_else(|| self.idle.pop_first().map(|(_, page)| page));
            let Some(page) = next else { break };
            let at = page as usize;
            if let Some(name) = self.names[at].take() {
                self.named.remove(&name);
            }
            self.held[at] = 1;
            pages.push(page);
        }
        Ok(pages)
    }

    /// Names a held page that is full and computed. Where another page has the name already, this one stays nameless.
    pub fn name(&mut self, page: u32, name: Digest) {
        if !self.named.contains_key(&name) && self.names[page as usize].is_none() {
            self.named.insert(name, page);
            self.names[page as usize] = Some(name);
        }
    }

    /// Lets go of pages. Those with a name are kept as long as there is room.
    pub fn release(&mut self, pages: &[u32]) {
        // A prompt's last pages become idle first, so that beginnings, which more prompts share, stay longest.
        for page in pages.iter().rev() {
            let at = *page as usize;
            self.held[at] = self.held[at].saturating_sub(1);
            if self.held[at] > 0 {
                continue;
            }
            if self.names[at].is_some() {
                self.clock += 1;
                self.since[at] = self.clock;
                self.idle.insert(self.clock, *page);
            } else {
                self.empty.push(*page);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<Digest> {
        of.iter().map(|name| Digest::of(name.as_bytes())).collect()
    }

    #[test]
    fn a_beginning_is_found_again_and_what_differs_is_not() {
        let mut pages = Pages::new(8);
        let held = pages.claim(3).unwrap();
        for (page, name) in held.iter().zip(names(&["a", "ab", "abc"])) {
            pages.name(*page, name);
        }
        assert_eq!(pages.share(&names(&["a", "ab", "abd"])), held[..2]);
        assert!(pages.share(&names(&["b", "ab"])).is_empty());
        assert_eq!(pages.free(), 5);
        pages.release(&held);
        // The two that are shared are still held, the third is idle and can be claimed.
        assert_eq!(pages.free(), 6);
        assert!(pages.claim(7).is_err());
        assert_eq!(pages.claim(6).unwrap().len(), 6);
        assert_eq!(pages.share(&names(&["a", "ab", "abc"])), held[..2]);
    }

    #[test]
    fn idle_pages_go_oldest_first_and_ends_before_beginnings() {
        let mut pages = Pages::new(3);
        let held = pages.claim(2).unwrap();
        for (page, name) in held.iter().zip(names(&["a", "ab"])) {
            pages.name(*page, name);
        }
        pages.release(&held);
        assert_eq!(pages.free(), 3);
        let claimed = pages.claim(2).unwrap();
        assert_eq!(pages.share(&names(&["a", "ab"])), held[..1]);
        assert!(matches!(pages.claim(1), Err(ModelError::CacheFull { wanted: 1, free: 0 })));
        pages.release(&claimed);
        assert_eq!(pages.free(), 2);
    }

    #[test]
    fn two_pages_of_one_name_are_one_page_and_one_that_is_given_back() {
        let mut pages = Pages::new(2);
        let (first, second) = (pages.claim(1).unwrap(), pages.claim(1).unwrap());
        let name = names(&["a"]);
        pages.name(first[0], name[0]);
        pages.name(second[0], name[0]);
        pages.release(&second);
        assert_eq!(pages.share(&name), first);
        assert_eq!(pages.free(), 1);
    }
}
