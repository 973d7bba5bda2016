//! Round numbers for an axis.

/// A part of the number line with ticks at the multiples of `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Left or lower end.
    pub low: f64,
    /// Right or upper end, above `low`.
    pub high: f64,
    /// Distance of the ticks: 1, 2 or 5 times a power of ten.
    pub step: f64,
}

impl Axis {
    /// The axis from `low` to `high` with about `ticks` ticks. Ends that (nearly) coincide are
    /// moved apart.
    #[must_use]
    pub fn exact(low: f64, high: f64, ticks: usize) -> Self {
        let least = 1e-9 * low.abs().max(high.abs());
        let (low, high) = if high - low > least {
            (low, high)
        } else {
            // One value alone: a tenth of it to either side, 1 around zero.
            let pad = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
            (low - pad, high + pad)
        };
        Self { low, high, step: nice_step((high - low) / ticks as f64) }
    }

    /// As [`Axis::exact`], but its ends are moved outwards to the next ticks.
    #[must_use]
    pub fn rounded(low: f64, high: f64, ticks: usize) -> Self {
        let Self { low, high, step } = Self::exact(low, high, ticks);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// The ticks, all within the axis.
    #[must_use]
    pub fn ticks(&self) -> Vec<f64> {
        // A thousandth of a step of slack: the ends are sums of rounded numbers.
        let first = (self.low / self.step - 1e-3).ceil() as i64;
        let last = (self.high / self.step + 1e-3).floor() as i64;
        (first..=last).map(|i| i as f64 * self.step).collect()
    }

    /// The texts of [`Axis::ticks`], with a common unit: nothing, k (10^3), M (10^6), B (10^9).
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let ticks = self.ticks();
        let largest = ticks.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
        if largest >= 1e13 || (largest > 0.0 && self.step < 1e-4) {
            return ticks.iter().map(|t| format!("{t:.3e}").replace('-', "\u{2212}")).collect();
        }
        let (unit, suffix) = match largest {
            l if l >= 1e9 => (1e9, "B"),
            l if l >= 1e6 => (1e6, "M"),
            l if l >= 1e4 => (1e3, "k"),
            _ => (1.0, ""),
        };
        let digits = decimals(self.step / unit);
        ticks.iter().map(|&t| label(t / unit, digits, suffix)).collect()
    }

    /// Where `x` lies: 0 at `low`, 1 at `high`.
    #[must_use]
    pub fn place(&self, x: f64) -> f64 {
        (x - self.low) / (self.high - self.low)
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `raw > 0`.
fn nice_step(raw: f64) -> f64 {
    let mut power = 1.0;
    while power > raw {
        power /= 10.0;
    }
    while power * 10.0 <= raw {
        power *= 10.0;
    }
    let round = [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|&s| s >= raw * (1.0 - 1e-9));
    round.unwrap_or(10.0 * power)
}

/// Digits after the point that tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    let whole = |d: &usize| {
        let scaled = (0..*d).fold(step, |s, _| s * 10.0);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..8).find(whole).unwrap_or(8)
}

fn label(value: f64, digits: usize, suffix: &str) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    format!("{sign}{:.digits$}{suffix}", value.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        let steps = [0.9, 1.0, 1.1, 2.5, 5.1, 70_000.0, 0.003];
        let nice = steps.map(nice_step);
        for (found, expected) in nice.iter().zip([1.0, 1.0, 2.0, 5.0, 10.0, 1e5, 0.005]) {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn rounded_ends_on_ticks_around_the_values() {
        let axis = Axis::rounded(9.3, 487.0, 6);
        // 477.7 / 6 = 79.6 -> 100
        assert_eq!(axis, Axis { low: 0.0, high: 500.0, step: 100.0 });
        assert_eq!(axis.labels(), ["0", "100", "200", "300", "400", "500"]);
    }

    #[test]
    fn labels_share_a_unit() {
        assert_eq!(
            Axis::exact(0.0, 1e6, 5).labels(),
            ["0", "0.2M", "0.4M", "0.6M", "0.8M", "1.0M"]
        );
        assert_eq!(Axis::exact(0.0, 25_000.0, 5).labels(), ["0", "5k", "10k", "15k", "20k", "25k"]);
        let negative = Axis::rounded(-0.7, 0.2, 5).labels();
        assert_eq!(
            negative,
            ["\u{2212}0.8", "\u{2212}0.6", "\u{2212}0.4", "\u{2212}0.2", "0", "0.2"]
        );
    }

    #[test]
    fn a_single_value_gets_room() {
        let axis = Axis::rounded(500.0, 500.0, 5);
        assert!(axis.low < 500.0 && axis.high > 500.0 && axis.ticks().len() >= 3);
        assert_eq!(Axis::exact(0.0, 0.0, 5).low, -1.0);
    }

    #[test]
    fn extreme_ranges_still_have_a_few_ticks() {
        for (low, high) in [(-1e99, 1e99), (1e-30, 2e-30), (1e16, 1e16 + 4.0), (-3.0, 1e12)] {
            let axis = Axis::rounded(low, high, 5);
            let ticks = axis.ticks().len();
            assert!((2..=9).contains(&ticks), "{low} {high}: {ticks} ticks");
            assert_eq!(axis.labels().len(), ticks);
        }
    }
}
