//! Which zygote a job forks from, and when a new one is worth making.
//!
//! A job gets the zygote that has loaded the most of what the job imports, among those that were asked
//! to load nothing which the job would not load itself. So a job never finds more loaded than its own
//! imports bring, and jobs with different imports share what they have in common.

use std::collections::{BTreeSet, HashMap};

/// Most zygotes of one worker; the one unused for longest goes first.
const MOST_ZYGOTES: usize = 16;
/// Most sets whose number of appearances is remembered.
const MOST_REMEMBERED: usize = 1024;

/// The zygotes of one worker; `Z` is a handle to a process.
#[derive(Debug)]
pub(crate) struct Forest<Z> {
    nodes: Vec<Node<Z>>,
    seen: HashMap<Vec<String>, u32>,
    clock: u64,
    /// Names that zygotes were asked to load and that are no modules (`from a import function`).
    absent: BTreeSet<String>,
    /// Top-level names of modules that zygotes may load.
    warm: BTreeSet<String>,
    /// A set of imports is worth a zygote of its own when it comes this often.
    worth: u32,
}

#[derive(Debug)]
struct Node<Z> {
    handle: Z,
    requested: BTreeSet<String>,
    loaded: BTreeSet<String>,
    used: u64,
}

/// What to do for a job.
#[derive(Debug, PartialEq)]
pub(crate) enum Choice {
    /// Fork from the zygote at this place.
    Fork(usize),
    /// First let the zygote at this place grow one that loads these modules too.
    Grow(usize, Vec<String>),
}

impl<Z> Forest<Z> {
    /// A forest of one: the base zygote, which has loaded `loaded`. A set of imports whose names are `warm` gets its own when it
    /// comes for the `worth`th time.
    pub(crate) fn new(base: Z, loaded: Vec<String>, warm: &[String], worth: u32) -> Self {
        let base = Node { handle: base, requested: BTreeSet::new(), loaded: loaded.into_iter().collect(), used: 0 };
        Self {
            nodes: vec![base],
            seen: HashMap::new(),
            clock: 0,
            absent: BTreeSet::new(),
            warm: warm.iter().cloned().collect(),
            worth,
        }
    }

    /// The zygote at a place that [`Forest::choose`] gave.
    pub(crate) fn handle(&mut self, place: usize) -> &mut Z {
        self.clock += 1;
        self.nodes[place].used = self.clock;
        &mut self.nodes[place].handle
    }

    /// What to do for a job that imports `imports`.
    pub(crate) fn choose(&mut self, imports: &[String]) -> Choice {
        let (nearest, missing) = self.nearest(imports);
        if missing.is_empty() || self.appearances(&missing) < self.worth {
            return Choice::Fork(nearest);
        }
        Choice::Grow(nearest, missing)
    }

    /// Where the zygote is from which such a job would be forked now, and what of the job's imports it has not loaded and
    /// one that grew from it could. Counts it as no job.
    pub(crate) fn nearest(&self, imports: &[String]) -> (usize, Vec<String>) {
        let wanted = self.wanted(imports);
        let best = self.best(&wanted, &self.implied(&wanted));
        let loaded = &self.nodes[best].loaded;
        (best, wanted.into_iter().filter(|name| !loaded.contains(*name)).cloned().collect())
    }

    /// What zygotes may load of these imports.
    fn wanted<'i>(&self, imports: &'i [String]) -> BTreeSet<&'i String> {
        imports.iter().filter(|name| self.is_warm(name) && !self.absent.contains(*name)).collect()
    }

    /// Adds a zygote that grew from the one at `parent`; gives back those that have to go for it.
    pub(crate) fn add(&mut self, parent: usize, missing: &[String], loaded: Vec<String>, handle: Z) -> Vec<Z> {
        let loaded: BTreeSet<String> = loaded.into_iter().collect();
        let (modules, absent): (Vec<_>, Vec<_>) = missing.iter().cloned().partition(|name| loaded.contains(name));
        let mut requested = self.nodes[parent].requested.clone();
        // What was loaded on the way to a name that is no module was asked for as well.
        requested.extend(
            absent.iter().filter_map(|name| ancestors(name).find(|above| loaded.contains(*above))).map(str::to_owned),
        );
        requested.extend(modules);
        if self.absent.len() < MOST_REMEMBERED {
            self.absent.extend(absent);
        }
        self.clock += 1;
        self.nodes.push(Node { handle, requested, loaded, used: self.clock });
        let mut gone = Vec::new();
        while self.nodes.len() > MOST_ZYGOTES {
            // Never the base, which is at place 0.
            let oldest = (1..self.nodes.len()).min_by_key(|place| self.nodes[*place].used);
            let Some(oldest) = oldest else { break };
            gone.push(self.nodes.remove(oldest).handle);
        }
        gone
    }

    /// Private modules are not for preloading: `__main__` of a package is a program, not a library.
    fn is_warm(&self, name: &str) -> bool {
        let mut parts = name.split('.');
        parts.next().is_some_and(|top| self.warm.contains(top)) && !parts.any(|part| part.starts_with('_'))
    }

    /// Everything that importing `wanted` is known to load: what zygotes within it have loaded.
    fn implied<'s>(&'s self, wanted: &BTreeSet<&'s String>) -> BTreeSet<&'s String> {
        let mut implied: BTreeSet<&'s String> = wanted.clone();
        loop {
            let before = implied.len();
            for node in &self.nodes {
                if node.requested.iter().all(|name| implied.contains(name)) {
                    implied.extend(&node.loaded);
                }
            }
            if implied.len() == before {
                return implied;
            }
        }
    }

    fn best(&self, wanted: &BTreeSet<&String>, implied: &BTreeSet<&String>) -> usize {
        let fits = |node: &Node<Z>| node.requested.iter().all(|name| implied.contains(name));
        let known = |node: &Node<Z>| wanted.iter().filter(|name| node.loaded.contains(**name)).count();
        let places = (0..self.nodes.len()).filter(|place| fits(&self.nodes[*place]));
        // Among equals the one that has loaded more: it has been warmed further.
        places.max_by_key(|place| (known(&self.nodes[*place]), self.nodes[*place].loaded.len())).unwrap_or(0)
    }

    fn appearances(&mut self, missing: &[String]) -> u32 {
        if self.seen.len() >= MOST_REMEMBERED {
            self.seen.clear();
        }
        let count = self.seen.entry(missing.to_vec()).or_insert(0);
        *count += 1;
        *count
    }
}

/// `a.b.c` gives `a.b` and `a`.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.rsplit_once('.'), |(above, _)| above.rsplit_once('.')).map(|(above, _)| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn forest() -> Forest<&'static str> {
        let mut forest = Forest::new("base", names("os"), &names("numpy matplotlib scipy pandas"), 2);
        forest.add(0, &names("numpy"), names("os numpy"), "numpy");
        forest.add(
            0,
            &names("matplotlib.pyplot"),
            names("os numpy matplotlib matplotlib.pyplot matplotlib.lines"),
            "pyplot",
        );
        forest
    }

    #[test]
    fn a_job_gets_the_most_that_its_own_imports_bring() {
        let mut forest = forest();
        assert_eq!(forest.choose(&names("json")), Choice::Fork(0));
        assert_eq!(forest.choose(&names("numpy")), Choice::Fork(1));
        assert_eq!(forest.choose(&names("numpy matplotlib.pyplot matplotlib.lines")), Choice::Fork(2));
        assert_eq!(forest.choose(&names("matplotlib.pyplot")), Choice::Fork(2));
    }

    #[test]
    fn nothing_that_the_job_does_not_import_is_loaded() {
        let mut forest = forest();
        // numpy alone must not bring pyplot along.
        assert_eq!(forest.choose(&names("numpy scipy.stats")), Choice::Fork(1));
    }

    #[test]
    fn the_second_appearance_is_worth_a_zygote() {
        let mut forest = forest();
        let imports = names("matplotlib.pyplot scipy.stats turtle");
        assert_eq!(forest.choose(&imports), Choice::Fork(2));
        assert_eq!(forest.choose(&imports), Choice::Grow(2, names("scipy.stats")));
        forest.add(2, &names("scipy.stats"), names("os numpy matplotlib matplotlib.pyplot scipy scipy.stats"), "stats");
        assert_eq!(forest.choose(&imports), Choice::Fork(3));
    }

    #[test]
    fn for_a_single_job_the_first_appearance_is() {
        let mut forest = Forest::new("base", names("os"), &names("numpy"), 1);
        assert_eq!(forest.choose(&names("json")), Choice::Fork(0));
        assert_eq!(forest.choose(&names("numpy json")), Choice::Grow(0, names("numpy")));
    }

    #[test]
    fn a_name_that_is_no_module_is_tried_once() {
        let mut forest = forest();
        let imports = names("pandas pandas.read_csv");
        let first = forest.choose(&imports);
        assert!(matches!(first, Choice::Fork(_)), "{first:?}");
        let Choice::Grow(place, missing) = forest.choose(&imports) else { panic!("no zygote grown") };
        forest.add(place, &missing, names("os numpy pandas"), "pandas");
        assert_eq!(forest.choose(&imports), Choice::Fork(3));
        assert_eq!(forest.choose(&names("pandas")), Choice::Fork(3));
    }

    #[test]
    fn a_name_that_is_no_module_brings_its_parents_to_nobody_else() {
        let mut forest = forest();
        forest.add(0, &names("pandas.nothing.there"), names("os pandas pandas.core"), "pandas");
        assert_eq!(forest.choose(&names("json")), Choice::Fork(0));
        assert_eq!(forest.choose(&names("pandas")), Choice::Fork(3));
    }

    #[test]
    fn programs_in_packages_are_not_preloaded() {
        let mut forest = forest();
        for _ in 0..3 {
            assert_eq!(forest.choose(&names("numpy.f2py.__main__")), Choice::Fork(0));
        }
    }

    #[test]
    fn the_forest_stays_small() {
        let mut forest = forest();
        for index in 0..40 {
            forest.add(0, &[format!("pandas.m{index}")], names("os"), "more");
        }
        assert_eq!(forest.nodes.len(), MOST_ZYGOTES);
        assert_eq!(forest.nodes[0].handle, "base");
    }
}
