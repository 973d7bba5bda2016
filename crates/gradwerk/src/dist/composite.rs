//! Actions of several parts: one block of the row per part, independent of one another.

use super::{
    ActionRow, ActionRowMut, ActionRows, AnyDist, BetaConfig, Distribution, Evaluated,
    FullGaussianConfig, GaussianConfig, Head, MultiBernoulli, MultiCategorical,
    SquashedGaussianConfig, TruncatedNormalConfig, Widths,
};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Settings of the policy over `Dict` and `Tuple` actions: choices and bits by their logits, all
/// boxes together by one continuous distribution.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompositeConfig {
    /// The distribution over all continuous components.
    pub continuous: Continuous,
    /// Its initial logarithm of the standard deviation, where it has one.
    pub log_std_init: f64,
    /// Whether the network computes that deviation from the observation.
    pub state_dependent_std: bool,
}

/// Which distribution the continuous components of a composite have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Continuous {
    /// Independent normal distributions.
    #[default]
    Gaussian,
    /// A normal distribution with all covariances.
    FullGaussian,
    /// The hyperbolic tangent of a normal distribution.
    SquashedGaussian,
    /// Beta distributions.
    Beta,
    /// Truncated normal distributions.
    TruncatedNormal,
}

impl CompositeConfig {
    /// The distribution for `space`, or `None` unless it is a `Dict` or `Tuple` without images
    /// whose boxes the continuous distribution acts on.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<Composite> {
        let leaves = space.leaves();
        let image = leaves.iter().any(|leaf| matches!(leaf, Space::Image { .. }));
        if image || !matches!(space, Space::Dict(_) | Space::Tuple(_)) {
            return None;
        }
        let mut parts: Vec<AnyDist> = leaves.into_iter().filter_map(discrete).collect();
        let (low, high) = space.action_bounds();
        if !low.is_empty() {
            parts.push(self.continuous(&Space::Box { low, high })?);
        }
        Some(Composite::new(parts))
    }

    /// The distribution over all boxes joined to one.
    fn continuous(&self, joined: &Space) -> Option<AnyDist> {
        let Self { log_std_init, state_dependent_std, .. } = *self;
        Some(match self.continuous {
            Continuous::Gaussian => AnyDist::Gaussian(
                GaussianConfig { log_std_init, state_dependent_std }.build(joined)?,
            ),
            Continuous::FullGaussian => AnyDist::FullGaussian(
                FullGaussianConfig { log_std_init, state_dependent_std }.build(joined)?,
            ),
            Continuous::SquashedGaussian => AnyDist::SquashedGaussian(
                SquashedGaussianConfig { log_std_init, state_dependent_std }.build(joined)?,
            ),
            Continuous::Beta => AnyDist::Beta(BetaConfig {}.build(joined)?),
            Continuous::TruncatedNormal => AnyDist::TruncatedNormal(
                TruncatedNormalConfig { log_std_init, state_dependent_std }.build(joined)?,
            ),
        })
    }
}

/// The distribution over a discrete part of an action, if it is one.
fn discrete(leaf: &Space) -> Option<AnyDist> {
    match leaf {
        Space::Discrete { n } => Some(AnyDist::MultiCategorical(MultiCategorical { n: vec![*n] })),
        Space::MultiDiscrete { n } => {
            Some(AnyDist::MultiCategorical(MultiCategorical { n: n.clone() }))
        }
        Space::MultiBinary { n } => Some(AnyDist::MultiBernoulli(MultiBernoulli { n: *n })),
        _ => None,
    }
}

/// `pi(a|y) = prod_b pi_b(a_b|y_b)`: one block of `y` per discrete part in the order of the space,
/// then one over all continuous components. Log-probabilities, entropies, divergences and Fisher
/// matrices add up, block by block.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    blocks: Vec<Block>,
}

/// One part and its places in a row, an action and a mask.
#[derive(Clone, Debug, PartialEq)]
struct Block {
    dist: AnyDist,
    y: Range<usize>,
    discrete: Range<usize>,
    continuous: Range<usize>,
    mask: Range<usize>,
}

impl Composite {
    /// Parts that follow one another. Only the last may have free parameters, and none may need
    /// what [`Distribution::evaluate`] returned to turn it into a gradient.
    fn new(parts: Vec<AnyDist>) -> Self {
        let (mut y, mut discrete, mut continuous, mut mask) = (0, 0, 0, 0);
        let next = |at: &mut usize, width: usize| {
            *at += width;
            *at - width..*at
        };
        let block = |dist: AnyDist| Block {
            y: next(&mut y, dist.params()),
            discrete: next(&mut discrete, dist.discrete()),
            continuous: next(&mut continuous, dist.continuous()),
            mask: next(&mut mask, dist.mask()),
            dist,
        };
        Self { blocks: parts.into_iter().map(block).collect() }
    }

    /// The last part: the distribution over all boxes, where there are any.
    ///
    /// # Panics
    /// If there is no part.
    #[must_use]
    pub fn last(&self) -> &AnyDist {
        &self.blocks.last().expect("a composite has parts").dist
    }

    fn total(&self, width: impl Fn(&AnyDist) -> usize) -> usize {
        self.blocks.iter().map(|block| width(&block.dist)).sum()
    }
}

impl Block {
    fn action<'a, R>(&self, a: ActionRow<'a, R>) -> ActionRow<'a, R> {
        ActionRow {
            discrete: &a.discrete[self.discrete.clone()],
            continuous: &a.continuous[self.continuous.clone()],
        }
    }

    fn action_mut<'b, R>(&self, a: &'b mut ActionRowMut<'_, R>) -> ActionRowMut<'b, R> {
        ActionRowMut {
            discrete: &mut a.discrete[self.discrete.clone()],
            continuous: &mut a.continuous[self.continuous.clone()],
        }
    }

    fn of<'a, R>(&self, y: &'a [R]) -> &'a [R] {
        &y[self.y.clone()]
    }

    fn of_mut<'a, R>(&self, y: &'a mut [R]) -> &'a mut [R] {
        &mut y[self.y.clone()]
    }
}

impl Widths for Composite {
    fn params(&self) -> usize {
        self.total(AnyDist::params)
    }
    fn discrete(&self) -> usize {
        self.total(AnyDist::discrete)
    }
    fn continuous(&self) -> usize {
        self.total(AnyDist::continuous)
    }
    fn mask(&self) -> usize {
        self.total(AnyDist::mask)
    }
    fn samples_are_actions(&self) -> bool {
        self.blocks.iter().all(|block| block.dist.samples_are_actions())
    }
    /// The last block's head behind the outputs of the blocks before it.
    fn head(&self) -> Head {
        let Some(last) = self.blocks.last() else { return Head::from_network(0) };
        let (head, before) = (last.dist.head(), last.y.start);
        Head { network: before + head.network, bias_from: before + head.bias_from, ..head }
    }
}

impl<R: Real> Distribution<R> for Composite {
    fn apply_mask(&self, mask: &[bool], y: &mut [R]) {
        for b in &self.blocks {
            b.dist.apply_mask(&mask[b.mask.clone()], b.of_mut(y));
        }
    }

    fn to_space(&self, sample: &[R], action: &mut [R]) {
        for b in &self.blocks {
            let at = b.continuous.clone();
            b.dist.to_space(&sample[at.clone()], &mut action[at]);
        }
    }

    fn sample(&self, y: &[R], rng: &mut Stream, mut a: ActionRowMut<'_, R>) {
        for b in &self.blocks {
            b.dist.sample(b.of(y), rng, b.action_mut(&mut a));
        }
    }

    fn mode(&self, y: &[R], mut a: ActionRowMut<'_, R>) {
        for b in &self.blocks {
            b.dist.mode(b.of(y), b.action_mut(&mut a));
        }
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        self.blocks.iter().map(|b| b.dist.log_prob(b.of(y), b.action(a))).sum()
    }

    fn entropy(&self, y: &[R]) -> R {
        self.blocks.iter().map(|b| b.dist.entropy(b.of(y))).sum()
    }

    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        self.blocks.iter().map(|b| b.dist.kl(b.of(y_old), b.of(y_new))).sum()
    }

    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        for b in &self.blocks {
            b.dist.add_log_prob_grad(b.of(y), b.action(a), scale, b.of_mut(dy));
        }
    }

    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        for b in &self.blocks {
            b.dist.add_entropy_grad(b.of(y), scale, b.of_mut(dy));
        }
    }

    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        for b in &self.blocks {
            b.dist.add_kl_grad(b.of(y_old), b.of(y_new), scale, b.of_mut(dy_new));
        }
    }

    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        for b in &self.blocks {
            b.dist.add_fisher_product(b.of(y), b.of(v), scale, b.of_mut(out));
        }
    }

    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        let width = self.params();
        let rows = y.chunks_exact(width).zip(work.chunks_exact_mut(width));
        for (i, ((y, work), out)) in rows.zip(out).enumerate() {
            let a = a.row(i, self);
            *out = self.blocks.iter().fold(Evaluated::default(), |total, b| {
                total + b.dist.evaluate_one(b.of(y), b.action(a), b.of_mut(work))
            });
        }
    }

    fn turn_into_grad(
        &self,
        y: &[R],
        a: ActionRow<'_, R>,
        evaluated: Evaluated<R>,
        d_log_prob: R,
        d_entropy: R,
        work: &mut [R],
    ) {
        for b in &self.blocks {
            let (y, a, work) = (b.of(y), b.action(a), b.of_mut(work));
            b.dist.turn_into_grad(y, a, evaluated, d_log_prob, d_entropy, work);
        }
    }
}
