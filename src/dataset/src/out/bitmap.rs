//! Which rows are done: one bit per row.

/// A set of row numbers that grows to the highest one.
#[derive(Debug, Default)]
pub(crate) struct Bitmap(Vec<u64>);

impl Bitmap {
    pub(crate) fn contains(&self, row: u64) -> bool {
        let word = usize::try_from(row / 64).ok().and_then(|word| self.0.get(word));
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row; whether it was not there before.
    pub(crate) fn insert(&mut self, row: u64) -> bool {
        let word = (row / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let bit = 1 << (row % 64);
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_set(rows in proptest::collection::vec(0_u64..500, 0..100)) {
            let (mut bitmap, mut set) = (Bitmap::default(), BTreeSet::new());
            for row in rows {
                prop_assert_eq!(bitmap.insert(row), set.insert(row));
            }
            for row in 0..600 {
                prop_assert_eq!(bitmap.contains(row), set.contains(&row));
            }
        }
    }
}
