//! Statistics of a few repeated measurements: least, median, most, and ratios between two series.
//!
//! No mean and no deviation: noise on a shared machine is one-sided, so the median says what is usual
//! and the least what is possible.

/// The values of one figure, one a round, in the order of the rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds the value of the next round.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// How many rounds there were.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The values, in the order of the rounds.
    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    /// The least value.
    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The greatest value.
    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The median; of an even number, the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// How many times `base` this series is: the median of the ratios round by round, since what
    /// slows a whole round down then falls out; of the medians when the rounds do not pair.
    pub(crate) fn ratio_to(&self, base: &Samples) -> f64 {
        if self.len() != base.len() {
            return self.median() / base.median();
        }
        Samples(self.0.iter().zip(&base.0).map(|(a, b)| a / b).collect()).median()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Samples {
        Samples(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Samples::from_iter([3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples::from_iter([4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let base = Samples::from_iter([100.0, 50.0, 80.0]);
        let ours = Samples::from_iter([120.0, 60.0, 96.0]);
        assert!((ours.ratio_to(&base) - 1.2).abs() < 1e-9);
    }
}
