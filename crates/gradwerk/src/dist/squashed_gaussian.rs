//! The hyperbolic tangent of a normal distribution, stretched to the bounds of the action space.

use super::Independent;
use super::independent::{Component, location_and_scale};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream, special::HALF_LN_TAU};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the squashed Gaussian policy: mean and log standard deviation before the squashing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SquashedGaussianConfig {
    /// Initial logarithm of the standard deviation before the hyperbolic tangent.
    pub log_std_init: f64,
    /// Whether the network computes the log standard deviation from the observation. If not,
    /// it is one free parameter per action component, the same in every state.
    pub state_dependent_std: bool,
}

impl SquashedGaussianConfig {
    /// The distribution for `space`, or `None` unless it is a bounded box.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<SquashedGaussian> {
        let head = location_and_scale(self.log_std_init, self.state_dependent_std);
        Independent::on(space, Squashed, head)
    }
}

/// `a = tanh(u)` stretched to the bounds, `u ~ N(mean, exp(2 log_std))`, `y = [mean | log_std]`;
/// exact density `N(u) / (1 - tanh(u)^2)` (Haarnoja et al. 2018, appendix C). A sample is recorded
/// as `u`. Divergence and Fisher matrix are those of the normal distribution, exactly. The entropy
/// is an estimate: `E[ln(1 - tanh(u)^2)]` has no closed form and is summed by the trapezoidal
/// rule. The mode is that of `u`: `tanh(mean)`, the median of the action (its density may pile up
/// at the bounds).
pub type SquashedGaussian = Independent<Squashed>;

/// One component of [`SquashedGaussian`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Squashed;

/// `ln(1 - tanh(u)^2) = 2 (ln 2 - |u| - ln(1 + exp(-2 |u|)))`, finite everywhere.
fn ln_slope(u: f64) -> f64 {
    2.0 * (std::f64::consts::LN_2 - u.abs() - Real::ln_1p(Real::exp(-2.0 * u.abs())))
}

/// Distance of the trapezoidal rule's nodes in standard deviations, and their number on each side
/// of the mean. For an analytic integrand times the normal density the rule converges
/// exponentially: error below 1e-8 for deviations up to 1, 1e-3 for e.
const STEP: f64 = 0.5;
const NODES: i32 = 17;

/// `E[f(z)]` of a standard normal z.
fn expectation<const N: usize>(f: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let mut total = [0.0; N];
    for node in -NODES..=NODES {
        let z = STEP * f64::from(node);
        let weight = STEP * Real::exp(-0.5 * z * z - HALF_LN_TAU);
        for (total, value) in total.iter_mut().zip(f(z)) {
            *total += weight * value;
        }
    }
    total
}

impl Component for Squashed {
    fn draw(&self, [mean, log_std]: [f64; 2], rng: &mut Stream) -> f64 {
        mean + Real::exp(log_std) * rng.normal_pair::<f64>()[0]
    }

    fn place(&self, u: f64) -> f64 {
        Real::tanh(u)
    }

    fn mode(&self, [mean, _]: [f64; 2]) -> f64 {
        mean
    }

    fn log_prob(&self, [mean, log_std]: [f64; 2], u: f64) -> f64 {
        let z = (u - mean) * Real::exp(-log_std);
        -0.5 * z * z - log_std - HALF_LN_TAU - ln_slope(u)
    }

    fn entropy(&self, [mean, log_std]: [f64; 2]) -> f64 {
        let std = Real::exp(log_std);
        let [slope] = expectation(|z| [ln_slope(mean + std * z)]);
        log_std + HALF_LN_TAU + 0.5 + slope
    }

    /// With `d = log_std' - log_std` and `z = (mean - mean') / std'`: `d + (exp(-2 d) - 1 + z^2) / 2`.
    fn kl(&self, [mean, log_std]: [f64; 2], [new_mean, new_log_std]: [f64; 2]) -> f64 {
        let d = new_log_std - log_std;
        let z = (mean - new_mean) * Real::exp(-new_log_std);
        d + 0.5 * (libm::expm1(-2.0 * d) + z * z)
    }

    fn d_log_prob(&self, [mean, log_std]: [f64; 2], u: f64) -> [f64; 2] {
        let inverse = Real::exp(-log_std);
        let z = (u - mean) * inverse;
        [z * inverse, z * z - 1.0]
    }

    /// `d ln(1 - tanh(u)^2) / du = -2 tanh(u)`.
    fn d_entropy(&self, [mean, log_std]: [f64; 2]) -> [f64; 2] {
        let std = Real::exp(log_std);
        let [d_mean, d_log_std] = expectation(|z| {
            let d = -2.0 * Real::tanh(mean + std * z);
            [d, d * std * z]
        });
        [d_mean, 1.0 + d_log_std]
    }

    fn d_kl(&self, [mean, log_std]: [f64; 2], [new_mean, new_log_std]: [f64; 2]) -> [f64; 2] {
        let (inverse, shrink) = (Real::exp(-new_log_std), Real::exp(log_std - new_log_std));
        let z = (new_mean - mean) * inverse;
        [z * inverse, 1.0 - shrink * shrink - z * z]
    }

    fn fisher(&self, [_, log_std]: [f64; 2]) -> [f64; 3] {
        [Real::exp(-2.0 * log_std), 0.0, 2.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimate of the entropy against the same rule with a sixteenth of the step.
    #[test]
    fn the_entropy_is_as_exact_as_documented() {
        for (log_std, bound) in [(-1.0, 1e-14), (0.0, 1e-8), (1.0, 1e-3)] {
            for mean in [0.0, 0.7, -3.0] {
                let (step, std) = (STEP / 16.0, Real::exp(log_std));
                let node = |k: i32| {
                    let z = step * f64::from(k);
                    step * Real::exp(-0.5 * z * z - HALF_LN_TAU) * ln_slope(mean + std * z)
                };
                let slope: f64 = (-16 * NODES..=16 * NODES).map(node).sum();
                let want = log_std + HALF_LN_TAU + 0.5 + slope;
                let error = (Squashed.entropy([mean, log_std]) - want).abs();
                assert!(error < bound, "mean {mean}, log_std {log_std}: {error}");
            }
        }
    }
}
