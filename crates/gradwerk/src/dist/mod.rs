//! Action distributions `pi(.|y)` as pure functions of one row `y` of head outputs.
//!
//! A distribution knows neither the network that made `y` nor the loss that asks for
//! derivatives. Every derivative is written in closed form and checked by finite differences.
//! Nothing here allocates, and only the full covariance bounds the number of dimensions.

mod bernoulli;
mod beta;
mod categorical;
mod composite;
mod config;
mod full_gaussian;
mod gaussian;
mod independent;
mod list;
mod multi_bernoulli;
mod multi_categorical;
mod squashed_gaussian;
mod truncated_normal;

pub use bernoulli::{Bernoulli, BernoulliConfig};
pub use beta::{Beta, BetaConfig};
pub use categorical::{Categorical, CategoricalConfig};
pub use composite::{Composite, CompositeConfig, Continuous};
pub use config::{DistError, Head};
pub use full_gaussian::{FullGaussian, FullGaussianConfig};
pub use gaussian::{Gaussian, GaussianConfig};
pub use independent::{Component, Independent};
pub use list::{AnyDist, DISTRIBUTIONS, DistConfig, DistEntry, DistVisitor};
pub use multi_bernoulli::{MultiBernoulli, MultiBernoulliConfig};
pub use multi_categorical::{MultiCategorical, MultiCategoricalConfig};
pub use squashed_gaussian::{SquashedGaussian, SquashedGaussianConfig};
pub use truncated_normal::{TruncatedNormal, TruncatedNormalConfig};

use gradwerk_math::{Real, Stream};
use std::fmt::Debug;

/// One action: its discrete and its continuous components (either may be empty).
#[derive(Clone, Copy, Debug)]
pub struct ActionRow<'a, R> {
    /// One index per discrete component.
    pub discrete: &'a [u32],
    /// One number per continuous component as sampled, before [`Distribution::to_space`].
    pub continuous: &'a [R],
}

/// Where an action is written to; the widths are those of the distribution.
#[derive(Debug)]
pub struct ActionRowMut<'a, R> {
    /// One index per discrete component.
    pub discrete: &'a mut [u32],
    /// One number per continuous component.
    pub continuous: &'a mut [R],
}

/// The shape of a distribution: how wide its rows are. Independent of the scalar type.
pub trait Widths {
    /// Number of head outputs in a row `y`.
    fn params(&self) -> usize;
    /// Number of discrete action components.
    fn discrete(&self) -> usize;
    /// Number of continuous action components.
    fn continuous(&self) -> usize;
    /// Entries of an action mask: one per value of every discrete component. 0 if the
    /// distribution knows no masks.
    fn mask(&self) -> usize {
        0
    }
    /// What the head in front of the distribution has to produce.
    fn head(&self) -> Head {
        Head::from_network(self.params())
    }
}

/// What one evaluation of a row yields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluated<R> {
    /// `log pi(a|y)` in nats (a density for continuous components).
    pub log_prob: R,
    /// `H(pi(.|y))` in nats (differential entropy for continuous components).
    pub entropy: R,
}

/// A differentiable action distribution. All functions work on one row of head outputs.
///
/// NaN in `y` gives a NaN log-probability, entropy (if it depends on that entry) and KL; it is
/// never replaced. Slices must have
/// the widths of [`Widths`] (checked in debug builds; a shorter slice panics).
pub trait Distribution<R: Real>: Widths + Send + Sync + Debug {
    /// Take the invalid values' probability away, in the row `y` itself: `mask` has
    /// [`Widths::mask`] entries, `true` where valid, at least one per component. All functions of
    /// the row are then those of the distribution over the valid values: probability, gradient and
    /// Fisher matrix of the others are exactly 0.
    fn apply_mask(&self, mask: &[bool], y: &mut [R]) {
        let _ = (mask, y);
    }

    /// The continuous components that the environment receives for a recorded sample, before they
    /// are clipped to the space: usually the sample itself.
    fn to_space(&self, sample: &[R], action: &mut [R]) {
        action.copy_from_slice(sample);
    }

    /// Draw `a ~ pi(.|y)`. The number of random words drawn does not depend on `y`.
    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>);

    /// Draw `a` and return `log pi(a|y)`: the same bits as [`Distribution::sample`] followed by
    /// [`Distribution::log_prob`]; for those who do so cheaper, `work` is scratch of `params()`
    /// numbers.
    fn sample_with_log_prob(
        &self,
        y: &[R],
        rng: &mut Stream,
        a: ActionRowMut<'_, R>,
        work: &mut [R],
    ) -> R {
        let (_, ActionRowMut { discrete, continuous }) = (work, a);
        let drawn = ActionRowMut { discrete: &mut *discrete, continuous: &mut *continuous };
        self.sample(y, rng, drawn);
        self.log_prob(y, ActionRow { discrete, continuous })
    }

    /// The action of largest probability (density); of several, the first. The squashed
    /// Gaussian's is its median: see there.
    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>);

    /// `log pi(a|y)`.
    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R;

    /// `H(pi(.|y)) = -E[log pi]`.
    fn entropy(&self, y: &[R]) -> R;

    /// `KL(pi(.|y_old) || pi(.|y_new))`, exact.
    fn kl(&self, y_old: &[R], y_new: &[R]) -> R;

    /// `dy += scale * d log pi(a|y) / dy`.
    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]);

    /// `dy += scale * d H / dy`.
    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]);

    /// `dy_new += scale * d KL(old || new) / dy_new`.
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]);

    /// `out += scale * F(y) v` with the Fisher information of the head outputs,
    /// `F(y) = E_a[grad log pi grad log pi^T]`, which is also the Hessian of
    /// `KL(y || y_new)` at `y_new = y` (natural gradient; Kakade 2001).
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]);

    /// Log-probability and entropy in one pass, leaving in `work` (`params()` numbers) what
    /// [`Distribution::turn_into_grad`] needs. The hot path of every policy loss: where it counts,
    /// each exponential is computed once.
    fn evaluate(&self, y: &[R], a: ActionRow<'_, R>, work: &mut [R]) -> Evaluated<R> {
        let _ = work;
        Evaluated { log_prob: self.log_prob(y, a), entropy: self.entropy(y) }
    }

    /// Turn the `work` of [`Distribution::evaluate`] on the same row into
    /// `d_log_prob * d log pi(a|y)/dy + d_entropy * dH/dy`, in place.
    fn turn_into_grad(
        &self,
        y: &[R],
        a: ActionRow<'_, R>,
        evaluated: Evaluated<R>,
        d_log_prob: R,
        d_entropy: R,
        work: &mut [R],
    ) {
        let _ = evaluated;
        work.fill(R::ZERO);
        self.add_log_prob_grad(y, a, d_log_prob, work);
        if d_entropy != R::ZERO {
            self.add_entropy_grad(y, d_entropy, work);
        }
    }
}
