//! Beta distributions, stretched to the bounds of the action space.

use super::independent::Component;
use super::{Head, Independent};
use gradwerk_env::Space;
use gradwerk_math::special::{digamma, ln_beta, softplus, trigamma};
use gradwerk_math::{Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the Beta policy: two shapes above 1 per action component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BetaConfig {}

impl BetaConfig {
    /// The distribution for `space`, or `None` unless it is a bounded box.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<Beta> {
        Independent::on(space, Shapes, |dim| Head::from_network(2 * dim))
    }
}

/// `p ~ Beta(alpha, beta)` stretched to the bounds, with `alpha = 1 + ln(1 + exp(y_1))` and `beta`
/// likewise, so that the density has one peak and vanishes at no inner point (Chou et al. 2017).
/// A sample is recorded as the logit of `p`.
pub type Beta = Independent<Shapes>;

/// One component of [`Beta`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shapes;

/// `alpha` and `beta`.
fn shapes(y: [f64; 2]) -> [f64; 2] {
    y.map(|y| 1.0 + softplus(y))
}

/// Derivatives by the shapes turned into those by `y`.
fn chain(y: [f64; 2], d: [f64; 2]) -> [f64; 2] {
    [d[0] * y[0].sigmoid(), d[1] * y[1].sigmoid()]
}

/// `ln p` and `ln(1 - p)` of a logit.
fn logs(x: f64) -> [f64; 2] {
    [-softplus(-x), -softplus(x)]
}

/// Random words set aside for one gamma variable: 16 attempts of three words, each of which
/// succeeds with probability 0.95 or more.
const ATTEMPTS: u32 = 16;
const WORDS: u32 = 3;

/// `ln` of a variable of the gamma distribution of this shape, at least 1 (Marsaglia and Tsang
/// 2000). Always takes the same number of words from the stream.
fn ln_gamma_variable(shape: f64, rng: &mut Stream) -> f64 {
    let start = rng.position();
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    let mut accepted = d;
    for _ in 0..ATTEMPTS {
        let (x, u) = (rng.normal_pair::<f64>()[0], f64::from(1.0 - rng.uniform()));
        let root = 1.0 + c * x;
        let v = root * root * root;
        if v > 0.0 && Real::ln(u) < 0.5 * x * x + d - d * v + d * Real::ln(v) {
            accepted = d * v;
            break;
        }
    }
    rng.seek(start + ATTEMPTS * WORDS);
    Real::ln(accepted)
}

impl Component for Shapes {
    /// `p = g / (g + h)` of two gamma variables has the logit `ln g - ln h`.
    fn draw(&self, y: [f64; 2], rng: &mut Stream) -> f64 {
        let [alpha, beta] = shapes(y);
        ln_gamma_variable(alpha, rng) - ln_gamma_variable(beta, rng)
    }

    /// `2 p - 1`.
    fn place(&self, x: f64) -> f64 {
        Real::tanh(0.5 * x)
    }

    /// `p = (alpha - 1) / (alpha + beta - 2)`.
    fn mode(&self, y: [f64; 2]) -> f64 {
        let [a, b] = y.map(|y| Real::maximum(softplus(y), f64::MIN_POSITIVE));
        Real::ln(a) - Real::ln(b)
    }

    fn log_prob(&self, y: [f64; 2], x: f64) -> f64 {
        let ([alpha, beta], [ln_p, ln_q]) = (shapes(y), logs(x));
        (alpha - 1.0) * ln_p + (beta - 1.0) * ln_q - ln_beta(alpha, beta) - std::f64::consts::LN_2
    }

    fn entropy(&self, y: [f64; 2]) -> f64 {
        let [alpha, beta] = shapes(y);
        ln_beta(alpha, beta) - (alpha - 1.0) * digamma(alpha) - (beta - 1.0) * digamma(beta)
            + (alpha + beta - 2.0) * digamma(alpha + beta)
            + std::f64::consts::LN_2
    }

    fn kl(&self, old: [f64; 2], new: [f64; 2]) -> f64 {
        let ([a, b], [new_a, new_b]) = (shapes(old), shapes(new));
        ln_beta(new_a, new_b) - ln_beta(a, b)
            + (a - new_a) * digamma(a)
            + (b - new_b) * digamma(b)
            + (new_a - a + new_b - b) * digamma(a + b)
    }

    fn d_log_prob(&self, y: [f64; 2], x: f64) -> [f64; 2] {
        let ([alpha, beta], [ln_p, ln_q]) = (shapes(y), logs(x));
        let both = digamma(alpha + beta);
        chain(y, [ln_p - digamma(alpha) + both, ln_q - digamma(beta) + both])
    }

    fn d_entropy(&self, y: [f64; 2]) -> [f64; 2] {
        let [alpha, beta] = shapes(y);
        let both = (alpha + beta - 2.0) * trigamma(alpha + beta);
        let d = |shape: f64| both - (shape - 1.0) * trigamma(shape);
        chain(y, [d(alpha), d(beta)])
    }

    /// `E_old[ln p] = psi(a) - psi(a + b)` subtracted from that of `new`.
    fn d_kl(&self, old: [f64; 2], new: [f64; 2]) -> [f64; 2] {
        let ([a, b], [new_a, new_b]) = (shapes(old), shapes(new));
        let (both, new_both) = (digamma(a + b), digamma(new_a + new_b));
        let d = |shape: f64, new: f64| digamma(new) - new_both - digamma(shape) + both;
        chain(new, [d(a, new_a), d(b, new_b)])
    }

    fn fisher(&self, y: [f64; 2]) -> [f64; 3] {
        let ([alpha, beta], [da, db]) = (shapes(y), y.map(Real::sigmoid));
        let both = trigamma(alpha + beta);
        [(trigamma(alpha) - both) * da * da, -both * da * db, (trigamma(beta) - both) * db * db]
    }
}
