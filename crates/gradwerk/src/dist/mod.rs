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
mod gsde;
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
pub use gsde::{Gsde, GsdeConfig};
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

/// Several actions, row after row: `[rows, discrete]` and `[rows, continuous]`.
#[derive(Clone, Copy, Debug)]
pub struct ActionRows<'a, R> {
    /// Indices.
    pub discrete: &'a [u32],
    /// Numbers, not clipped to the space.
    pub continuous: &'a [R],
}

impl<'a, R> ActionRows<'a, R> {
    /// Row `i` of actions with the widths of `dist`.
    #[inline]
    #[must_use]
    pub fn row(&self, i: usize, dist: &(impl Widths + ?Sized)) -> ActionRow<'a, R> {
        let (d, c) = (dist.discrete(), dist.continuous());
        ActionRow {
            discrete: &self.discrete[i * d..(i + 1) * d],
            continuous: &self.continuous[i * c..(i + 1) * c],
        }
    }
}

/// Where several actions are written to, row after row.
#[derive(Debug)]
pub struct ActionRowsMut<'a, R> {
    /// Indices, `[rows, discrete]`.
    pub discrete: &'a mut [u32],
    /// Numbers, `[rows, continuous]`.
    pub continuous: &'a mut [R],
}

impl<R> ActionRowsMut<'_, R> {
    /// Row `i` of actions with the widths of `dist`.
    #[inline]
    pub fn row(&mut self, i: usize, dist: &(impl Widths + ?Sized)) -> ActionRowMut<'_, R> {
        let (d, c) = (dist.discrete(), dist.continuous());
        ActionRowMut {
            discrete: &mut self.discrete[i * d..(i + 1) * d],
            continuous: &mut self.continuous[i * c..(i + 1) * c],
        }
    }
}

/// Most rows that [`Distribution::evaluate`] and [`Distribution::sample_rows`] take at once.
pub const MAX_ROWS: usize = 64;

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
    /// Whether a sample is the action itself, but for clipping: what [`Distribution::to_space`]
    /// does by default.
    fn samples_are_actions(&self) -> bool {
        true
    }
    /// Steps of an environment in a row that draw with the same random numbers, counted from the
    /// first that it ever takes; the beginning of an episode makes no difference.
    fn redraw_every(&self) -> u64 {
        1
    }
    /// The number by which the random numbers of step `step` are keyed.
    fn noise_step(&self, step: u64) -> u64 {
        step - step % self.redraw_every()
    }
    /// What the head in front of the distribution has to produce.
    fn head(&self) -> Head {
        Head::from_network(self.params())
    }
}

/// What one evaluation of a row yields.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evaluated<R> {
    /// `log pi(a|y)` in nats (a density for continuous components).
    pub log_prob: R,
    /// `H(pi(.|y))` in nats (differential entropy for continuous components).
    pub entropy: R,
}

impl<R: Real> std::ops::Add for Evaluated<R> {
    type Output = Self;

    /// Of independent parts.
    fn add(self, other: Self) -> Self {
        let (log_prob, entropy) = (self.log_prob + other.log_prob, self.entropy + other.entropy);
        Self { log_prob, entropy }
    }
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

    /// Draw an action per row and write `log pi(a|y)`: the same bits as [`Distribution::sample`]
    /// followed by [`Distribution::log_prob`], cheaper where it counts. `y` is `[rows, params]`, row `i` draws
    /// from `rngs[i]`; `work` is scratch as long as `y`.
    ///
    /// # Panics
    /// If there are more than [`MAX_ROWS`] rows, or the slices disagree on their number.
    fn sample_rows(
        &self,
        y: &[R],
        rngs: &mut [Stream],
        a: ActionRowsMut<'_, R>,
        log_prob: &mut [R],
        work: &mut [R],
    ) {
        let _ = work;
        let (discrete, continuous) = (a.discrete, a.continuous);
        for (i, (y, rng)) in y.chunks_exact(self.params()).zip(rngs).enumerate() {
            let mut to = ActionRowsMut { discrete: &mut *discrete, continuous: &mut *continuous };
            self.sample(y, rng, to.row(i, self));
            let drawn = ActionRows { discrete: &*discrete, continuous: &*continuous };
            log_prob[i] = self.log_prob(y, drawn.row(i, self));
        }
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

    /// Log-probability and entropy of several rows, leaving in `work` (as long as `y`, which is
    /// `[rows, params]`) what [`Distribution::turn_into_grad`] needs. The hot path of every policy
    /// loss: where it counts, each exponential is computed once, and those of many rows together. The
    /// log-probabilities have the bits of [`Distribution::log_prob`].
    ///
    /// # Panics
    /// If there are more than [`MAX_ROWS`] rows, or the slices disagree on their number.
    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        let _ = work;
        for (i, (y, out)) in y.chunks_exact(self.params()).zip(out).enumerate() {
            let log_prob = self.log_prob(y, a.row(i, self));
            *out = Evaluated { log_prob, entropy: self.entropy(y) };
        }
    }

    /// [`Distribution::evaluate`] of one row.
    fn evaluate_one(&self, y: &[R], a: ActionRow<'_, R>, work: &mut [R]) -> Evaluated<R> {
        let mut out = [Evaluated::default()];
        let a = ActionRows { discrete: a.discrete, continuous: a.continuous };
        self.evaluate(y, a, work, &mut out);
        out[0]
    }

    /// Turn one row of the `work` of [`Distribution::evaluate`] into
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
