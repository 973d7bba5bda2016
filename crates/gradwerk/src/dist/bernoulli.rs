//! The choice between two actions, parametrised by the probability itself.

use super::{ActionRow, ActionRowMut, Distribution, Head, Widths};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the policy over two actions whose head output is the probability of the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BernoulliConfig {}

impl BernoulliConfig {
    /// The distribution for `space`, or `None` unless it has two actions.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<Bernoulli> {
        (*space == Space::Discrete { n: 2 }).then_some(Bernoulli)
    }
}

/// `pi(0|y) = y`, `pi(1|y) = 1 - y`: one head output, the probability itself.
///
/// The closed forms of the lecture's one-state problem are in this parameter, and so are some
/// textbook examples. Nothing keeps `y` inside `[0, 1]`: outside, every quantity is NaN, so that a
/// run stops there. For training prefer the categorical distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bernoulli;

/// Probabilities of both actions; NaN if `y` is no probability.
fn probs<R: Real>(y: &[R]) -> [R; 2] {
    let inside = y[0] >= R::ZERO && y[0] <= R::ONE;
    let p = if inside { y[0] } else { R::from_f64(f64::NAN) };
    [p, R::ONE - p]
}

/// `[ln y, ln(1 - y)]`.
fn log_probs<R: Real>(y: &[R]) -> [R; 2] {
    let [p, _] = probs(y);
    [p.ln(), (-p).ln_1p()]
}

/// `p * log` with the limit 0 at `p = 0`.
fn weighted<R: Real>(p: R, log: R) -> R {
    if p == R::ZERO { R::ZERO } else { p * log }
}

/// `d log pi(a|y) / dy`: `1/y` of the first action, `-1/(1 - y)` of the second.
fn score<R: Real>(y: &[R], a: ActionRow<'_, R>) -> R {
    let [p, q] = probs(y);
    if a.discrete[0] == 0 { R::ONE / p } else { -(R::ONE / q) }
}

impl Widths for Bernoulli {
    fn params(&self) -> usize {
        1
    }
    fn discrete(&self) -> usize {
        1
    }
    fn continuous(&self) -> usize {
        0
    }
    /// Both actions start equally probable.
    fn head(&self) -> Head {
        Head { network: 1, free: 0, features: 0, init: 0.5, bias_from: 0 }
    }
}

impl<R: Real> Distribution<R> for Bernoulli {
    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        a.discrete[0] = u32::from(R::from_f32(rng.uniform()) >= y[0]);
    }

    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        a.discrete[0] = u32::from(y[0] < R::from_f64(0.5));
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        log_probs(y)[a.discrete[0] as usize]
    }

    fn entropy(&self, y: &[R]) -> R {
        let ([p, q], [log_p, log_q]) = (probs(y), log_probs(y));
        -(weighted(p, log_p) + weighted(q, log_q))
    }

    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        let ([p, q], [log_p, log_q]) = (probs(y_old), log_probs(y_old));
        let [new_p, new_q] = log_probs(y_new);
        weighted(p, log_p - new_p) + weighted(q, log_q - new_q)
    }

    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        dy[0] += scale * score(y, a);
    }

    /// `dH / dy = ln(1 - y) - ln y`.
    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        let [log_p, log_q] = log_probs(y);
        dy[0] += scale * (log_q - log_p);
    }

    /// `d KL / dy_new = (1 - y_old) / (1 - y_new) - y_old / y_new`.
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        let ([p, q], [new_p, new_q]) = (probs(y_old), probs(y_new));
        dy_new[0] += scale * (q / new_q - p / new_p);
    }

    /// `F = 1 / (y (1 - y))`.
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        let [p, q] = probs(y);
        out[0] += scale * v[0] / (p * q);
    }
}
