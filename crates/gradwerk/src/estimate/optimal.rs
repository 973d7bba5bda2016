//! The optimal baseline: the number whose subtraction leaves the least variance.
//!
//! For an estimate `g (R - b)` the variance is least at `b* = E[g^2 R] / E[g^2]`, `g` being the
//! score and `g^2` its squared length (Weaver and Tao 2001; Greensmith et al. 2004): the
//! derivative of `E[g^2 (R - b)^2]` vanishes there, and the mean does not depend on b. Where each
//! parameter may have a number of its own, `g` is that parameter's entry.
//!
//! `b*` is estimated from the *other* samples of a group. From the same ones it would depend on
//! the action that it is compared with: of a single sample it would be its return, which leaves
//! the gradient 0.

use super::{Samples, Steps};
use gradwerk_math::Real;

/// Sums of weights and of weighted numbers over a group, and the range of the numbers.
#[derive(Clone, Copy, Debug)]
pub struct WeightedTotal {
    /// `sum w`.
    pub weight: f64,
    /// `sum w x`.
    pub sum: f64,
    /// Smallest and largest `x`.
    pub range: [f64; 2],
}

impl Default for WeightedTotal {
    /// Of nothing.
    fn default() -> Self {
        Self { weight: 0.0, sum: 0.0, range: [f64::INFINITY, f64::NEG_INFINITY] }
    }
}

impl WeightedTotal {
    /// Count `x` with the weight `w >= 0`.
    pub fn add(&mut self, w: f64, x: f64) {
        self.weight += w;
        self.sum += w * x;
        let [least, most] = self.range;
        self.range = [Real::minimum(least, x), Real::maximum(most, x)];
    }

    /// The weighted mean of all but one that was counted with `w` and `x`; 0 where no weight is
    /// left. A weighted mean lies in the range of its numbers: where almost all of the weight is
    /// that of the one left out, rounding could carry the quotient far away, and is kept from it.
    #[inline]
    #[must_use]
    pub fn without(&self, w: f64, x: f64) -> f64 {
        let weight = self.weight - w;
        // A NaN is no weight of 0.
        if weight <= 0.0 {
            return 0.0;
        }
        let [least, most] = self.range;
        Real::clip((self.sum - w * x) / weight, least, most)
    }
}

/// Subtract `sum_j w_j x_j / sum_j w_j` over the other samples j of the group, `w` being
/// [`Steps::score_square`]: over all other trajectories if `per_trajectory` (for total returns),
/// else over the other rows at the same time since the start of the episode. There the score is
/// the step's own, and the covariance between the steps of a trajectory is left out of account.
/// Unbiased. Where the others have no score, the baseline is 0.
///
/// # Panics
/// If `score_square` does not have T * N rows.
pub fn subtract_optimal<R: Real>(
    steps: &Steps<'_, R>,
    per_trajectory: bool,
    samples: &mut Samples,
    x: &mut [R],
) {
    assert_eq!(steps.score_square.len(), steps.rows(), "column score_square: expected T * N rows");
    if per_trajectory {
        samples.set_trajectories(steps)
    } else {
        samples.set_rows(steps)
    }
    for group in samples.groups(0..samples.len()) {
        let weighed = |x: &[R], s: usize| {
            let row = samples.sample(s)[0] as usize;
            (steps.score_square[row].to_f64(), x[row].to_f64())
        };
        let mut total = WeightedTotal::default();
        for s in group.clone() {
            let (weight, own) = weighed(x, s);
            total.add(weight, own);
        }
        for s in group {
            let (weight, own) = weighed(x, s);
            let b = R::from_f64(total.without(weight, own));
            samples.sample(s).iter().for_each(|&row| x[row as usize] -= b);
        }
    }
}
