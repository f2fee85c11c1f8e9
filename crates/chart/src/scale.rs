//! From numbers to places: a scale with ticks at round numbers.

/// Maps numbers from a first to a last one to places in a chart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    numbers: (f64, f64),
    places: (f64, f64),
}

impl Scale {
    /// Makes a scale. `numbers` are finite and ascend.
    pub(crate) fn new(numbers: (f64, f64), places: (f64, f64)) -> Scale {
        debug_assert!(numbers.0 < numbers.1, "a scale has a length");
        Scale { numbers, places }
    }

    /// Where a number is, at most as far as the scale goes.
    pub(crate) fn place(&self, number: f64) -> f64 {
        let share = (number - self.numbers.0) / (self.numbers.1 - self.numbers.0);
        self.places.0 + share.clamp(0.0, 1.0) * (self.places.1 - self.places.0)
    }
}

/// Returns a number that can be calculated with, if it is one.
pub(crate) fn tame(number: f64) -> Option<f64> {
    number.is_finite().then(|| number.clamp(-1e300, 1e300))
}

/// Returns round numbers, `count` steps or fewer, that reach from the lowest of `numbers` to the
/// highest. Zero is among them unless all numbers are far from it and close together. There are two
/// at least.
pub(crate) fn ticks(numbers: impl Iterator<Item = f64>, zero: Zero, count: u32) -> Vec<f64> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for number in numbers.filter_map(tame) {
        low = low.min(number);
        high = high.max(number);
    }
    if low > high {
        (low, high) = (0.0, 0.0);
    }
    let is_far = high - low < 0.2 * low.abs().max(high.abs());
    if zero == Zero::Always || !is_far || low == high {
        low = low.min(0.0);
        high = high.max(0.0);
    }
    if high - low < 1e-290 {
        high = low + 1.0;
    }
    let step = round_step((high - low) / f64::from(count.max(1)));
    let first = (low / step).floor();
    let last = ((high / step).ceil()).max(first + 1.0);
    let steps = ((last - first) as u32).min(count + 2);
    (0..=steps).map(|n| (first + f64::from(n)) * step).collect()
}

/// Whether an axis shows zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zero {
    /// Always, as for lengths.
    Always,
    /// If it is near.
    IfNear,
}

/// The next round number that is not smaller: 1, 2 or 5, times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powi(step.log10().floor() as i32);
    let digit = step / power;
    // A digit may come out a hair above a round one.
    let digit = [1.0, 2.0, 5.0].into_iter().find(|d| digit <= d * (1.0 + 1e-9)).unwrap_or(10.0);
    digit * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_all_numbers() {
        for (numbers, zero, expect) in [
            (vec![], Zero::Always, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (vec![0.0], Zero::Always, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (vec![7.0], Zero::IfNear, vec![0.0, 2.0, 4.0, 6.0, 8.0]),
            (vec![1.0, 93.0], Zero::IfNear, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (vec![-40.0, 60.0], Zero::Always, vec![-40.0, -20.0, 0.0, 20.0, 40.0, 60.0]),
            (vec![-3.0], Zero::Always, vec![-3.0, -2.0, -1.0, 0.0]),
            (vec![f64::NAN, f64::INFINITY, 4.0], Zero::Always, vec![0.0, 1.0, 2.0, 3.0, 4.0]),
            (vec![1000.0, 1040.0], Zero::IfNear, vec![1000.0, 1010.0, 1020.0, 1030.0, 1040.0]),
            (vec![1000.0, 1040.0], Zero::Always, vec![0.0, 500.0, 1000.0, 1500.0]),
        ] {
            let found = ticks(numbers.iter().copied(), zero, 5);
            let round: Vec<f64> = found.iter().map(|t| (t * 1e6).round() / 1e6).collect();
            assert_eq!(round, expect, "{numbers:?}");
        }
    }

    #[test]
    fn numbers_of_any_size_have_ticks() {
        for (low, high) in [(-1e308, 1e308), (0.0, 5e-324), (1e300, 1e300), (-1e-200, 1e-250)] {
            let found = ticks([low, high].into_iter(), Zero::IfNear, 5);
            assert!(found.len() >= 2 && found.len() <= 8, "{found:?}");
            assert!(found.iter().all(|tick| tick.is_finite()), "{found:?}");
            assert!(found.is_sorted() && found[0] < found[1], "{found:?}");
        }
    }
}
