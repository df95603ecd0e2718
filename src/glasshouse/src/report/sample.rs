//! An even sample of a stream whose length is not known, in bounded memory.

/// Keeps every n-th item, with n doubled whenever too many are kept.
#[derive(Clone, Debug)]
pub(crate) struct Sample<T> {
    kept: Vec<T>,
    most: usize,
    stride: u64,
    offered: u64,
}

impl<T> Sample<T> {
    /// A sample of at most `most` items, and at least half as many if there are enough.
    pub(crate) fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most: most.max(2), stride: 1, offered: 0 }
    }

    /// Offers an item; it is made only if it is kept for now.
    pub(crate) fn offer(&mut self, make: impl FnOnce() -> T) {
        let place = self.offered;
        self.offered += 1;
        if !place.is_multiple_of(self.stride) {
            return;
        }
        if self.kept.len() == self.most {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
            if !place.is_multiple_of(self.stride) {
                return;
            }
        }
        self.kept.push(make());
    }

    /// The sample, in the order of the stream.
    pub(crate) fn into_kept(self) -> Vec<T> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stream_is_sampled_evenly() {
        let mut sample = Sample::new(10);
        for item in 0..1000_u64 {
            sample.offer(|| item);
        }
        let kept = sample.into_kept();
        assert!((5..=10).contains(&kept.len()), "{kept:?}");
        let gaps: Vec<u64> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]), "{kept:?}");
        assert!(*kept.last().unwrap() >= 800, "{kept:?}");
    }

    #[test]
    fn a_short_stream_is_kept_whole() {
        let mut sample = Sample::new(10);
        (0..10).for_each(|item| sample.offer(|| item));
        assert_eq!(sample.into_kept(), (0..10).collect::<Vec<_>>());
    }
}
