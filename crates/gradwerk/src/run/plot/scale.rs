//! How numbers become places along an axis.

use gradwerk_math::Real;

use super::Axis;

/// An axis with its kind of division.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences, equal distances.
    Linear(Axis),
    /// Equal ratios, equal distances.
    Log {
        /// Left or lower end, above 0.
        low: f64,
        /// Right or upper end, above `low`.
        high: f64,
        /// 2 where doublings are of interest, else 10.
        base: f64,
    },
}

impl Scale {
    /// The logarithmic scale around positive numbers; ends that coincide are moved apart.
    #[must_use]
    pub fn log(low: f64, high: f64, base: f64) -> Self {
        if high > low * (1.0 + 1e-9) {
            return Self::Log { low, high, base };
        }
        Self::Log { low: low / base, high: high * base, base }
    }

    /// Its lower end.
    #[must_use]
    pub fn low(&self) -> f64 {
        match self {
            Self::Linear(axis) => axis.low,
            Self::Log { low, .. } => *low,
        }
    }

    /// Where `x` lies: 0 at the lower end, 1 at the upper one.
    #[must_use]
    pub fn place(&self, x: f64) -> f64 {
        match self {
            Self::Linear(axis) => axis.place(x),
            Self::Log { low, high, .. } => Real::ln(x / low) / Real::ln(high / low),
        }
    }

    /// The ticks and their texts.
    #[must_use]
    pub fn ticks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Linear(axis) => axis.ticks().into_iter().zip(axis.labels()).collect(),
            Self::Log { low, high, base } => {
                powers(*low, *high, *base).into_iter().map(|x| (x, text(x))).collect()
            }
        }
    }
}

/// Powers of the base between the ends; of 10 also their double and fivefold, where the powers
/// alone are few, and every second or third power, where they are many.
fn powers(low: f64, high: f64, base: f64) -> Vec<f64> {
    let count = Real::ln(high / low) / Real::ln(base);
    let multiples: &[f64] = if base == 10.0 && count < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let stride = (count / 8.0).ceil().max(1.0);
    let first = (Real::ln(low) / Real::ln(base)).floor() as i32;
    let last = (Real::ln(high) / Real::ln(base)).ceil() as i32;
    let power = |k: i32| Real::exp(f64::from(k) * Real::ln(base));
    let all = (first..=last).filter(|k| f64::from(k - first) % stride == 0.0);
    let marks = all.flat_map(|k| multiples.iter().map(move |m| m * power(k)));
    marks.filter(|x| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(x)).collect()
}

/// A tick of a logarithmic scale: a power of ten where a plain number would be long.
fn text(x: f64) -> String {
    // Between the powers of ten, so that their rounding does not matter.
    if (5e-4..5e4).contains(&x) {
        // Twelve digits are more than a tick has, and fewer than rounding disturbs.
        let plain = format!("{x:.12}");
        return plain.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    format!("{x:.0e}").replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn equal_ratios_are_equal_distances() {
        let scale = Scale::log(1.0, 16.0, 2.0);
        let places = [1.0, 2.0, 4.0, 16.0].map(|x| scale.place(x));
        for (found, expected) in places.into_iter().zip([0.0, 0.25, 0.5, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{places:?}");
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(Scale::log(1.0, 16.0, 2.0)), ["1", "2", "4", "8", "16"]);
        // From .3 to 30 are two decades: 1, 2 and 5 of each.
        assert_eq!(labels(Scale::log(0.3, 30.0, 10.0)), ["0.5", "1", "2", "5", "10", "20"]);
        let small = labels(Scale::log(1e-5, 1.0, 10.0));
        assert_eq!(small[..3], ["1e\u{2212}5", "1e\u{2212}4", "0.001"]);
        assert!(labels(Scale::log(1e-30, 1e30, 10.0)).len() <= 9);
        assert_eq!(labels(Scale::log(4.0, 4.0, 2.0)), ["2", "4", "8"]);
    }
}
