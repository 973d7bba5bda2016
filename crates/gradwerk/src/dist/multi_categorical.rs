//! Several independent categorical choices at once, each parametrised by logits.

use super::categorical::plogp;
use super::{ActionRow, ActionRowMut, ActionRows, Categorical, Distribution, Evaluated, Widths};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Settings of the multi-categorical policy: a softmax per component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MultiCategoricalConfig {}

impl MultiCategoricalConfig {
    /// The distribution for `space`, or `None` unless it is a `MultiDiscrete`.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<MultiCategorical> {
        match space {
            Space::MultiDiscrete { n } => Some(MultiCategorical { n: n.clone() }),
            _ => None,
        }
    }
}

/// `pi(a|y) = prod_k softmax(y_k)[a_k]`: `y` holds the `n[k]` logits of component after component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiCategorical {
    /// Number of values of each component.
    pub n: Vec<usize>,
}

impl MultiCategorical {
    /// The components: their number, their distribution and their logits' place in a row.
    fn components(&self) -> impl Iterator<Item = (usize, Categorical, Range<usize>)> + '_ {
        let mut start = 0;
        self.n.iter().enumerate().map(move |(k, &n)| {
            start += n;
            (k, Categorical { n }, start - n..start)
        })
    }
}

/// The action of component `k` alone.
fn component<'a, R>(a: ActionRow<'a, R>, k: usize) -> ActionRow<'a, R> {
    ActionRow { discrete: &a.discrete[k..=k], continuous: &[] }
}

/// Where the action of component `k` goes.
fn component_mut<'b, R>(a: &'b mut ActionRowMut<'_, R>, k: usize) -> ActionRowMut<'b, R> {
    ActionRowMut { discrete: &mut a.discrete[k..=k], continuous: &mut [] }
}

/// Log-probability and entropy of one component from its probabilities: one logarithm, of the
/// largest probability, where it loses nothing.
fn from_probs<R: Real>(y: &[R], action: usize, probs: &[R]) -> Evaluated<R> {
    let top = (1..y.len()).fold(0, |best, j| if y[j] > y[best] { j } else { best });
    let log = |j: usize| (y[j] - y[top]) + probs[top].ln();
    let negative = (0..y.len()).map(|j| plogp(probs[j], log(j))).sum::<R>();
    Evaluated { log_prob: log(action), entropy: -negative }
}

impl Widths for MultiCategorical {
    fn params(&self) -> usize {
        self.n.iter().sum()
    }
    fn discrete(&self) -> usize {
        self.n.len()
    }
    fn continuous(&self) -> usize {
        0
    }
    fn mask(&self) -> usize {
        self.params()
    }
}

impl<R: Real> Distribution<R> for MultiCategorical {
    fn apply_mask(&self, mask: &[bool], y: &mut [R]) {
        // The mask has one entry per logit, as of one categorical over all of them.
        Categorical { n: y.len() }.apply_mask(mask, y);
    }

    fn sample(&self, y: &[R], rng: &mut Stream, mut a: ActionRowMut<'_, R>) {
        for (k, dist, at) in self.components() {
            dist.sample(&y[at], rng, component_mut(&mut a, k));
        }
    }

    fn mode(&self, y: &[R], mut a: ActionRowMut<'_, R>) {
        for (k, dist, at) in self.components() {
            dist.mode(&y[at], component_mut(&mut a, k));
        }
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        self.components().map(|(k, dist, at)| dist.log_prob(&y[at], component(a, k))).sum()
    }

    fn entropy(&self, y: &[R]) -> R {
        self.components().map(|(_, dist, at)| dist.entropy(&y[at])).sum()
    }

    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        let kl = |(_, dist, at): (usize, Categorical, Range<usize>)| {
            dist.kl(&y_old[at.clone()], &y_new[at])
        };
        self.components().map(kl).sum()
    }

    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        for (k, dist, at) in self.components() {
            dist.add_log_prob_grad(&y[at.clone()], component(a, k), scale, &mut dy[at]);
        }
    }

    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        for (_, dist, at) in self.components() {
            dist.add_entropy_grad(&y[at.clone()], scale, &mut dy[at]);
        }
    }

    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        for (_, dist, at) in self.components() {
            dist.add_kl_grad(&y_old[at.clone()], &y_new[at.clone()], scale, &mut dy_new[at]);
        }
    }

    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        for (_, dist, at) in self.components() {
            dist.add_fisher_product(&y[at.clone()], &v[at.clone()], scale, &mut out[at]);
        }
    }

    /// Leaves the probabilities in `work`.
    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        let width = self.params();
        let rows = y.chunks_exact(width).zip(work.chunks_exact_mut(width));
        for (i, ((y, work), out)) in rows.zip(out).enumerate() {
            let a = a.row(i, self);
            *out = self.components().fold(Evaluated::default(), |total, (k, dist, at)| {
                total + dist.evaluate_one(&y[at.clone()], component(a, k), &mut work[at])
            });
        }
    }

    fn turn_into_grad(
        &self,
        y: &[R],
        a: ActionRow<'_, R>,
        _evaluated: Evaluated<R>,
        d_log_prob: R,
        d_entropy: R,
        work: &mut [R],
    ) {
        for (k, dist, at) in self.components() {
            let (y, a, work) = (&y[at.clone()], component(a, k), &mut work[at]);
            let evaluated = from_probs(y, a.discrete[0] as usize, work);
            dist.turn_into_grad(y, a, evaluated, d_log_prob, d_entropy, work);
        }
    }
}
