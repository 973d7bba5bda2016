//! Independent bits, each parametrised by the logit of being 1.

use super::categorical::plogp;
use super::{ActionRow, ActionRowMut, Distribution, Widths};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream, special::softplus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the policy over bits: one logit per bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MultiBernoulliConfig {}

impl MultiBernoulliConfig {
    /// The distribution for `space`, or `None` unless it is a `MultiBinary`.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<MultiBernoulli> {
        match space {
            Space::MultiBinary { n } => Some(MultiBernoulli { n: *n }),
            _ => None,
        }
    }
}

/// `pi(a|y) = prod_k p_k^(a_k) (1 - p_k)^(1 - a_k)` with `p_k = 1 / (1 + exp(-y_k))`.
///
/// A logit of plus or minus infinity fixes its bit: that is how a mask of its two values acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiBernoulli {
    /// Number of bits (and logits).
    pub n: usize,
}

/// `[ln(1 - p), ln p]` for the logit `y` of `p`.
fn log_probs<R: Real>(y: R) -> [R; 2] {
    [-softplus(y), -softplus(-y)]
}

/// `[1 - p, p]` for the logit `y` of `p`.
fn probs<R: Real>(y: R) -> [R; 2] {
    [(-y).sigmoid(), y.sigmoid()]
}

fn entropy<R: Real>(y: R) -> R {
    let ([q, p], [log_q, log_p]) = (probs(y), log_probs(y));
    -(plogp(q, log_q) + plogp(p, log_p))
}

/// `d ln pi(bit|y) / dy = bit - p`, exactly 0 where the bit is fixed.
fn score<R: Real>(y: R, bit: u32) -> R {
    let [q, p] = probs(y);
    if bit == 1 { q } else { -p }
}

/// `dH / dy = -y p (1 - p)`, 0 where the bit is fixed.
fn d_entropy<R: Real>(y: R) -> R {
    let [q, p] = probs(y);
    -plogp(p * q, y)
}

impl Widths for MultiBernoulli {
    fn params(&self) -> usize {
        self.n
    }
    fn discrete(&self) -> usize {
        self.n
    }
    fn continuous(&self) -> usize {
        0
    }
    fn mask(&self) -> usize {
        2 * self.n
    }
}

impl<R: Real> Distribution<R> for MultiBernoulli {
    fn apply_mask(&self, mask: &[bool], y: &mut [R]) {
        let infinity = R::from_f64(f64::INFINITY);
        for (y, valid) in y.iter_mut().zip(mask.chunks_exact(2)) {
            match (valid[0], valid[1]) {
                (false, true) => *y = infinity,
                (true, false) => *y = -infinity,
                _ => {}
            }
        }
    }

    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        for (bit, &y) in a.discrete.iter_mut().zip(y) {
            *bit = u32::from(R::from_f32(rng.uniform()) < y.sigmoid());
        }
    }

    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        for (bit, &y) in a.discrete.iter_mut().zip(y) {
            *bit = u32::from(y > R::ZERO);
        }
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        y.iter().zip(a.discrete).map(|(&y, &bit)| log_probs(y)[bit as usize]).sum()
    }

    fn entropy(&self, y: &[R]) -> R {
        y.iter().map(|&y| entropy(y)).sum()
    }

    /// Per bit `p (ln p - ln p') + (1 - p) (ln(1 - p) - ln(1 - p'))`.
    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        let kl = |(&old, &new): (&R, &R)| {
            let ([q, p], [log_q, log_p]) = (probs(old), log_probs(old));
            let [new_q, new_p] = log_probs(new);
            plogp(p, log_p - new_p) + plogp(q, log_q - new_q)
        };
        y_old.iter().zip(y_new).map(kl).sum()
    }

    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        for ((d, &y), &bit) in dy.iter_mut().zip(y).zip(a.discrete) {
            *d += scale * score(y, bit);
        }
    }

    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        for (d, &y) in dy.iter_mut().zip(y) {
            *d += scale * d_entropy(y);
        }
    }

    /// `d KL / dy' = p' - p`.
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        for ((d, &old), &new) in dy_new.iter_mut().zip(y_old).zip(y_new) {
            *d += scale * (new.sigmoid() - old.sigmoid());
        }
    }

    /// `F = diag(p (1 - p))`.
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        for ((o, &y), &v) in out.iter_mut().zip(y).zip(v) {
            let [q, p] = probs(y);
            *o += scale * p * q * v;
        }
    }
}
