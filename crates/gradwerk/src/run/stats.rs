//! Statistics of finished runs: few numbers, said with their uncertainty.

use gradwerk_math::{Purpose, Stream};

/// Bootstrap resamples that [`Summary::of`] draws (rliable uses 2000 for aggregates).
pub const RESAMPLES: u32 = 2000;

/// The arithmetic mean; none of nothing. A NaN among the values gives NaN.
#[must_use]
pub fn mean(x: &[f64]) -> Option<f64> {
    if x.is_empty() { None } else { Some(x.iter().sum::<f64>() / x.len() as f64) }
}

/// The sample standard deviation, `sqrt(sum (x - mean)^2 / (n - 1))`; none below two values.
#[must_use]
pub fn std(x: &[f64]) -> Option<f64> {
    if x.len() < 2 {
        return None;
    }
    let m = mean(x)?;
    let squares: f64 = x.iter().map(|v| (v - m) * (v - m)).sum();
    Some((squares / (x.len() - 1) as f64).sqrt())
}

/// The interquartile mean: the mean of what is left when `floor(n / 4)` values are cut off at
/// either end (Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical
/// Precipice"; rliable calls `scipy.stats.trim_mean(x, 0.25)`). None of nothing; NaN if any
/// value is NaN, for sorting would cut it off.
#[must_use]
pub fn interquartile_mean(x: &[f64]) -> Option<f64> {
    if x.iter().any(|v| v.is_nan()) {
        return Some(f64::NAN);
    }
    let sorted = sorted(x);
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// The `p`-quantile, `p` in `[0, 1]`, linear between order statistics (numpy's default, type 7
/// of Hyndman and Fan 1996). None of nothing; NaN if any value is NaN.
#[must_use]
pub fn quantile(x: &[f64], p: f64) -> Option<f64> {
    if x.is_empty() {
        return None;
    }
    if x.iter().any(|v| v.is_nan()) || !(0.0..=1.0).contains(&p) {
        return Some(f64::NAN);
    }
    let sorted = sorted(x);
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let weight = place - below as f64;
    // At a weight of 0 the neighbour has no say, even if it is infinite.
    if weight == 0.0 {
        return Some(sorted[below]);
    }
    Some(sorted[below] * (1.0 - weight) + sorted[above] * weight)
}

fn sorted(x: &[f64]) -> Vec<f64> {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The 95 % percentile-bootstrap interval of a statistic (Efron 1979): its 2.5 % and 97.5 %
/// quantiles over `resamples` samples drawn from `x` with replacement.
///
/// Resample `k` draws from the stream (seed, [`Purpose::Statistics`], 0, k): the same inputs
/// give the same interval. None of nothing, for no resamples, and where `statistic` has no
/// value. With one value the interval is that point, which says nothing about other seeds.
#[must_use]
pub fn bootstrap95(
    x: &[f64],
    statistic: impl Fn(&[f64]) -> Option<f64>,
    resamples: u32,
    seed: u64,
) -> Option<[f64; 2]> {
    if x.is_empty() {
        return None;
    }
    let n = u32::try_from(x.len()).expect("fewer than 2^32 values");
    let mut sample = vec![0.0; x.len()];
    let mut values = Vec::with_capacity(resamples as usize);
    for k in 0..resamples {
        let mut stream = Stream::new(seed, Purpose::Statistics, 0, u64::from(k));
        sample.fill_with(|| x[stream.below(n) as usize]);
        values.push(statistic(&sample)?);
    }
    Some([quantile(&values, 0.025)?, quantile(&values, 0.975)?])
}

/// Half the width of the 95 % confidence interval of the mean, `t(0.975, n-1) std / sqrt(n)`
/// with Student's t (exact for normal values): the mean is `mean +- ci95`. None below two
/// values.
#[must_use]
pub fn ci95(x: &[f64]) -> Option<f64> {
    let std = std(x)?;
    Some(student_t975(x.len() - 1) * std / (x.len() as f64).sqrt())
}

/// The 0.975-quantile of Student's t distribution with `degrees >= 1` of freedom.
///
/// Up to 30 degrees from the printed table (NIST/SEMATECH e-Handbook, section 1.3.6.7.2), above
/// by the expansion in 1/degrees around the normal quantile (Abramowitz and Stegun 26.7.5),
/// whose error is below 1e-5 there.
fn student_t975(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    if let Some(&t) = TABLE.get(degrees - 1) {
        return t;
    }
    let z = 1.959_963_984_540_054_f64;
    let (z2, v) = (z * z, degrees as f64);
    let g1 = z * (z2 + 1.0) / 4.0;
    let g2 = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let g3 = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    z + g1 / v + g2 / (v * v) + g3 / (v * v * v)
}

/// The aggregate of several seeds, as `train --seeds --json` prints it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// [`mean`].
    pub mean: Option<f64>,
    /// [`std()`].
    pub std: Option<f64>,
    /// [`interquartile_mean`].
    pub iqm: Option<f64>,
    /// [`bootstrap95`] of the interquartile mean, as rliable reports it.
    pub iqm_ci95: Option<[f64; 2]>,
    /// [`bootstrap95`] of the mean.
    pub mean_ci95: Option<[f64; 2]>,
}

impl Summary {
    /// The summary of one value per run. It depends on the values and their order alone.
    #[must_use]
    pub fn of(x: &[f64]) -> Self {
        Self {
            n: x.len(),
            mean: mean(x),
            std: std(x),
            iqm: interquartile_mean(x),
            iqm_ci95: bootstrap95(x, interquartile_mean, RESAMPLES, 0),
            mean_ci95: bootstrap95(x, mean, RESAMPLES, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_std_by_hand() {
        // (2+4+4+4+5+5+7+9)/8 = 40/8 = 5; squares 9+1+1+1+0+0+4+16 = 32; sqrt(32/7)
        let x = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&x), Some(5.0));
        assert_eq!(std(&x), Some((32.0_f64 / 7.0).sqrt()));
        assert_eq!((mean(&[]), std(&[]), std(&[1.0])), (None, None, None));
        assert!(mean(&[1.0, f64::NAN]).unwrap().is_nan());
    }

    #[test]
    fn interquartile_mean_cuts_a_quarter_at_each_end() {
        // n = 8: two off at either end, (3+4+5+6)/4 = 4.5
        assert_eq!(
            interquartile_mean(&[8.0, 1.0, 2.0, 1000.0, 4.0, 5.0, 6.0, 3.0]),
            // sorted 1 2 3 4 5 6 8 1000
            Some(4.5)
        );
        // n = 5: floor(5/4) = 1 off at either end, (2+3+4)/3 = 3
        assert_eq!(interquartile_mean(&[9.0, 2.0, 3.0, 4.0, -7.0]), Some(3.0));
        // n = 3: none off
        assert_eq!(interquartile_mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(interquartile_mean(&[]), None);
    }

    #[test]
    fn nan_is_not_trimmed_away() {
        let x = [1.0, 2.0, 3.0, f64::NAN];
        assert!(interquartile_mean(&x).unwrap().is_nan());
        assert!(quantile(&x, 0.1).unwrap().is_nan());
    }

    #[test]
    fn quantiles_by_hand() {
        let x = [40.0, 10.0, 20.0, 30.0];
        // place 0.5 * 3 = 1.5: half way between 20 and 30
        assert_eq!(quantile(&x, 0.5), Some(25.0));
        // place 0.25 * 3 = 0.75: 10 * 0.25 + 20 * 0.75
        assert_eq!(quantile(&x, 0.25), Some(17.5));
        assert_eq!((quantile(&x, 0.0), quantile(&x, 1.0)), (Some(10.0), Some(40.0)));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn ci95_by_hand() {
        // n = 4, mean 2.5, squares 2.25 + 0.25 + 0.25 + 2.25 = 5, std sqrt(5/3), t(3) = 3.182
        let expected = 3.182 * (5.0_f64 / 3.0).sqrt() / 2.0;
        let found = ci95(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((found - expected).abs() < 1e-12, "{found}");
        assert_eq!(ci95(&[1.0]), None);
        assert_eq!(ci95(&[]), None);
    }

    /// The printed table goes on: t(40) = 2.021, t(60) = 2.000, t(100) = 1.984, t(inf) = 1.960.
    #[test]
    fn student_t_meets_the_table() {
        for (degrees, t) in [(31, 2.040), (40, 2.021), (60, 2.000), (100, 1.984), (1 << 40, 1.960)]
        {
            assert!((student_t975(degrees) - t).abs() < 5.1e-4, "{degrees}");
        }
    }

    /// With two values a, b the mean of a resample is a, (a+b)/2 or b with probability 1/4, 1/2
    /// and 1/4, so that the 95 % interval is [a, b].
    #[test]
    fn bootstrap_of_two_values_spans_them() {
        assert_eq!(bootstrap95(&[3.0, 7.0], mean, 1000, 1), Some([3.0, 7.0]));
        assert_eq!(bootstrap95(&[5.0], mean, 100, 1), Some([5.0, 5.0]));
        assert_eq!(bootstrap95(&[], mean, 100, 1), None);
        assert_eq!(bootstrap95(&[5.0], mean, 0, 1), None);
    }

    #[test]
    fn bootstrap_is_near_the_normal_interval_and_deterministic() {
        let mut stream = Stream::new(5, Purpose::Test, 0, 0);
        let x: Vec<f64> = (0..200).flat_map(|_| stream.normal_pair::<f64>()).collect();
        let [low, high] = bootstrap95(&x, mean, 4000, 2).unwrap();
        // The bootstrap's own standard error is about 2 % of the half width here.
        let half = ci95(&x).unwrap();
        assert!(((high - low) / 2.0 / half - 1.0).abs() < 0.1, "{low} {high} {half}");
        assert_eq!(bootstrap95(&x, mean, 4000, 2), Some([low, high]));
        assert_ne!(bootstrap95(&x, mean, 4000, 3), Some([low, high]));
    }

    #[test]
    fn summary_of_three_runs() {
        let summary = Summary::of(&[100.0, 200.0, 300.0]);
        assert_eq!((summary.n, summary.mean, summary.iqm), (3, Some(200.0), Some(200.0)));
        assert_eq!(summary.std, Some(100.0));
        let [low, high] = summary.mean_ci95.unwrap();
        // P(all three draws the same extreme) = 1/27 = 3.7 % > 2.5 %: the interval spans all.
        assert_eq!([low, high], [100.0, 300.0]);
    }
}
