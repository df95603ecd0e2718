//! How alike two strings are: CPython's `difflib.SequenceMatcher(None, a, b).ratio()`, its heuristic for long
//! second strings (`autojunk`) included.

use std::collections::HashMap;

/// Second strings of at least this many characters lose their popular characters.
const LONG: usize = 200;

/// Twice the characters in matching blocks over all characters, from 0 to 1; two empty strings give 1. Not
/// symmetric: which blocks are found depends on which string comes second.
pub fn ratio(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    Matcher::new(b).ratio(&a.chars().collect::<Vec<_>>())
}

/// A second string, made ready to be compared with many first ones.
pub struct Matcher {
    b: Vec<char>,
    places: Places,
}

/// Where each character of a string is, in rising order; popular ones are left out.
struct Places {
    /// For ASCII by code, which span of `all` a character has.
    ascii: [(u32, u32); 128],
    others: HashMap<char, (u32, u32)>,
    all: Vec<u32>,
}

impl Places {
    fn new(b: &[char]) -> Self {
        let mut order: Vec<(char, u32)> = b.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let most = if b.len() >= LONG { b.len() / 100 + 1 } else { usize::MAX };
        let mut places = Places { ascii: [(0, 0); 128], others: HashMap::new(), all: Vec::with_capacity(b.len()) };
        for run in order.chunk_by(|one, other| one.0 == other.0).filter(|run| run.len() <= most) {
            let start = places.all.len() as u32;
            places.all.extend(run.iter().map(|(_, at)| at));
            let span = (start, places.all.len() as u32);
            match places.ascii.get_mut(run[0].0 as usize) {
                Some(slot) => *slot = span,
                None => _ = places.others.insert(run[0].0, span),
            }
        }
        places
    }

    fn of(&self, c: char) -> &[u32] {
        let span = match self.ascii.get(c as usize) {
            Some(span) => Some(span),
            None => self.others.get(&c),
        };
        span.map_or(&[], |&(start, end)| &self.all[start as usize..end as usize])
    }
}

/// The part of both strings that is still to be matched.
#[derive(Clone, Copy)]
struct Area {
    a: (usize, usize),
    b: (usize, usize),
}

/// Equal characters in a row: where in both strings, and how many.
struct Block {
    a: usize,
    b: usize,
    size: usize,
}

impl Matcher {
    /// Makes the second string ready.
    pub fn new(b: &str) -> Self {
        Self::of(b.chars().collect())
    }

    /// The same of a string's characters.
    pub fn of(b: Vec<char>) -> Self {
        let places = Places::new(&b);
        Matcher { b, places }
    }

    /// The ratio with the first string `a`.
    pub fn ratio(&self, a: &[char]) -> f64 {
        let length = a.len() + self.b.len();
        if length == 0 || a == self.b {
            return 1.0;
        }
        2.0 * self.matches(a) as f64 / length as f64
    }

    /// The characters in matching blocks: the longest one, then what is left and right of it, and so on.
    fn matches(&self, a: &[char]) -> usize {
        // For each place in `b`: in which row of `a` (counted from 1, over all searches) a run ends there, and its
        // length.
        let mut runs = vec![(0_u64, 0_usize); self.b.len()];
        let mut row = 0;
        let mut todo = vec![Area { a: (0, a.len()), b: (0, self.b.len()) }];
        let mut matched = 0;
        while let Some(area) = todo.pop() {
            let block = self.longest(a, area, &mut runs, &mut row);
            if block.size == 0 {
                continue;
            }
            matched += block.size;
            if area.a.0 < block.a && area.b.0 < block.b {
                todo.push(Area { a: (area.a.0, block.a), b: (area.b.0, block.b) });
            }
            let (a_end, b_end) = (block.a + block.size, block.b + block.size);
            if a_end < area.a.1 && b_end < area.b.1 {
                todo.push(Area { a: (a_end, area.a.1), b: (b_end, area.b.1) });
            }
        }
        matched
    }

    /// `find_longest_match`: the longest block of unpopular characters, the first in `a` and then in `b` of equal
    /// ones, made longer at both ends by whatever is equal there.
    fn longest(&self, a: &[char], area: Area, runs: &mut [(u64, usize)], row: &mut u64) -> Block {
        let mut best = Block { a: area.a.0, b: area.b.0, size: 0 };
        *row += 1;
        for (i, &c) in a.iter().enumerate().take(area.a.1).skip(area.a.0) {
            *row += 1;
            let places = self.places.of(c);
            if places.is_empty() {
                continue;
            }
            let first = places.partition_point(|&place| (place as usize) < area.b.0);
            let last = places.partition_point(|&place| (place as usize) < area.b.1);
            let mut found = (best.size, usize::MAX);
            // From the right, so that the row before can be read while this one is written.
            for j in places[first..last].iter().rev().map(|&place| place as usize) {
                let before = if j > area.b.0 { runs[j - 1] } else { (0, 0) };
                let size = 1 + if before.0 + 1 == *row { before.1 } else { 0 };
                runs[j] = (*row, size);
                if size > found.0 || (size == found.0 && found.1 != usize::MAX) {
                    found = (size, j);
                }
            }
            if found.1 != usize::MAX {
                best = Block { a: i + 1 - found.0, b: found.1 + 1 - found.0, size: found.0 };
            }
        }
        while best.a > area.a.0 && best.b > area.b.0 && a[best.a - 1] == self.b[best.b - 1] {
            best = Block { a: best.a - 1, b: best.b - 1, size: best.size + 1 };
        }
        let ends = |block: &Block| (block.a + block.size, block.b + block.size);
        while let (i, j) = ends(&best)
            && i < area.a.1
            && j < area.b.1
            && a[i] == self.b[j]
        {
            best.size += 1;
        }
        best
    }
}
