//! Percentiles in bounded memory.

/// Counts of times in classes that are 2 % wide, from 10 µs to beyond a day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: f64,
}

const LEAST: f64 = 1e-5;
const STEP: f64 = 1.02;
const CLASSES: usize = 1200;

impl Histogram {
    /// Adds a time in seconds.
    pub(crate) fn add(&mut self, seconds: f64) {
        let class = ((seconds.max(LEAST) / LEAST).ln() / STEP.ln()) as usize;
        let class = class.min(CLASSES - 1);
        if self.counts.len() <= class {
            self.counts.resize(class + 1, 0);
        }
        self.counts[class] += 1;
        self.total += 1;
        self.sum += seconds;
    }

    /// The time below which this part (0 to 1) of all times lie, to 2 %.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let wanted = (part * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (class, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(class);
            }
        }
        0.0
    }

    /// The mean, exactly.
    pub(crate) fn mean(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.sum / self.total as f64 }
    }

    /// How many times were added.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Counts in `bars` classes of equal ratio between the least and the greatest time, with both ends.
    pub(crate) fn bars(&self, bars: usize) -> (f64, f64, Vec<u64>) {
        let Some(first) = self.counts.iter().position(|count| *count > 0) else { return (0.0, 0.0, vec![0; bars]) };
        let last = self.counts.len() - 1;
        let width = (last - first + 1).div_ceil(bars).max(1);
        let mut shown = vec![0; bars];
        for (class, count) in self.counts.iter().enumerate().skip(first) {
            shown[(class - first) / width] += count;
        }
        (middle(first), middle(first + width * bars), shown)
    }
}

fn middle(class: usize) -> f64 {
    LEAST * STEP.powf(class as f64 + 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_two_percent() {
        let mut histogram = Histogram::default();
        for millisecond in 1..=1000 {
            histogram.add(f64::from(millisecond) / 1000.0);
        }
        for (part, expected) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99), (1.0, 1.0)] {
            let found = histogram.percentile(part);
            assert!((found / expected - 1.0).abs() < 0.02, "{part}: {found}");
        }
        assert!((histogram.mean() - 0.5005).abs() < 1e-9);
    }

    #[test]
    fn bars_hold_every_time() {
        let mut histogram = Histogram::default();
        for time in [0.0, 0.002, 0.5, 90.0, 1e9] {
            histogram.add(time);
        }
        let (least, greatest, bars) = histogram.bars(20);
        assert_eq!(bars.iter().sum::<u64>(), 5);
        assert!(least < greatest);
        assert_eq!(Histogram::default().bars(3).2, [0, 0, 0]);
    }
}
