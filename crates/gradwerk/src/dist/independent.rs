//! Independent components on bounded intervals, two parameters each: what squashed Gaussian, Beta
//! and truncated normal have in common.

use super::{ActionRow, ActionRowMut, Distribution, Head, Widths};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream};
use std::fmt::Debug;

/// The formulas of one component on the interval `[-1, 1]`, in double precision.
///
/// `y` are its two head outputs. `x` is the coordinate in which a sample is recorded; the value on
/// the interval is [`Component::place`] of it, and densities are those of that value. So a value
/// that rounds to a bound still has a finite density.
pub trait Component: Copy + Debug + PartialEq + Send + Sync {
    /// Draw `x`, with a number of random words that does not depend on `y`.
    fn draw(&self, y: [f64; 2], rng: &mut Stream) -> f64;
    /// The value in `[-1, 1]` of a recorded `x`.
    fn place(&self, x: f64) -> f64;
    /// See [`Distribution::mode`].
    fn mode(&self, y: [f64; 2]) -> f64;
    /// Log-density of the value of `x`.
    fn log_prob(&self, y: [f64; 2], x: f64) -> f64;
    /// Differential entropy of the value.
    fn entropy(&self, y: [f64; 2]) -> f64;
    /// Divergence of `new` from `old`.
    fn kl(&self, old: [f64; 2], new: [f64; 2]) -> f64;
    /// `d log_prob / dy`.
    fn d_log_prob(&self, y: [f64; 2], x: f64) -> [f64; 2];
    /// `d entropy / dy`.
    fn d_entropy(&self, y: [f64; 2]) -> [f64; 2];
    /// `d kl / dnew`.
    fn d_kl(&self, old: [f64; 2], new: [f64; 2]) -> [f64; 2];
    /// `F_11`, `F_12` and `F_22` of the Fisher information of `y`.
    fn fisher(&self, y: [f64; 2]) -> [f64; 3];
}

/// Independent components, each stretched from `[-1, 1]` to the bounds of its action component:
/// `y` holds the first parameters of all, then the second ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Independent<C> {
    component: C,
    head: Head,
    low: Vec<f64>,
    /// Half the width of each interval, and its logarithm.
    half: Vec<f64>,
    ln_half: Vec<f64>,
}

impl<C: Component> Independent<C> {
    /// On a box with finite bounds that differ; `None` on any other space.
    pub(super) fn on(space: &Space, component: C, head: impl Fn(usize) -> Head) -> Option<Self> {
        let Space::Box { low, high } = space else { return None };
        let half = |(&low, &high): (&f32, &f32)| {
            let half = 0.5 * (f64::from(high) - f64::from(low));
            (half > 0.0 && half.is_finite()).then_some(half)
        };
        let half = low.iter().zip(high).map(half).collect::<Option<Vec<f64>>>()?;
        Some(Self {
            component,
            head: head(low.len()),
            low: low.iter().copied().map(f64::from).collect(),
            ln_half: half.iter().map(|&h| Real::ln(h)).collect(),
            half,
        })
    }

    fn dim(&self) -> usize {
        self.low.len()
    }

    /// The parameters of component `k`.
    fn of<R: Real>(&self, y: &[R], k: usize) -> [f64; 2] {
        [y[k].to_f64(), y[self.dim() + k].to_f64()]
    }

    /// Sum of a number per component.
    fn sum<R: Real>(&self, f: impl Fn(usize) -> f64) -> R {
        (0..self.dim()).map(|k| R::from_f64(f(k))).sum()
    }

    /// Add `scale` times a pair per component.
    fn add<R: Real>(&self, scale: R, dy: &mut [R], f: impl Fn(usize) -> [f64; 2]) {
        for k in 0..self.dim() {
            let [first, second] = f(k);
            dy[k] += scale * R::from_f64(first);
            dy[self.dim() + k] += scale * R::from_f64(second);
        }
    }
}

/// Locations by the network, log standard deviations free or by the network too.
pub(super) fn location_and_scale(init: f64, state_dependent: bool) -> impl Fn(usize) -> Head {
    move |dim| {
        let network = if state_dependent { 2 * dim } else { dim };
        Head { network, free: 2 * dim - network, features: 0, init, bias_from: dim }
    }
}

impl<C: Component> Widths for Independent<C> {
    fn params(&self) -> usize {
        2 * self.dim()
    }
    fn discrete(&self) -> usize {
        0
    }
    fn continuous(&self) -> usize {
        self.dim()
    }
    fn samples_are_actions(&self) -> bool {
        false
    }
    fn head(&self) -> Head {
        self.head
    }
}

impl<R: Real, C: Component> Distribution<R> for Independent<C> {
    fn to_space(&self, sample: &[R], action: &mut [R]) {
        for k in 0..self.dim() {
            let place = self.component.place(sample[k].to_f64());
            action[k] = R::from_f64(self.low[k] + self.half[k] * (1.0 + place));
        }
    }

    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        for k in 0..self.dim() {
            a.continuous[k] = R::from_f64(self.component.draw(self.of(y, k), rng));
        }
    }

    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        for k in 0..self.dim() {
            a.continuous[k] = R::from_f64(self.component.mode(self.of(y, k)));
        }
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        self.sum(|k| {
            self.component.log_prob(self.of(y, k), a.continuous[k].to_f64()) - self.ln_half[k]
        })
    }

    fn entropy(&self, y: &[R]) -> R {
        self.sum(|k| self.component.entropy(self.of(y, k)) + self.ln_half[k])
    }

    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        self.sum(|k| self.component.kl(self.of(y_old, k), self.of(y_new, k)))
    }

    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        self.add(scale, dy, |k| self.component.d_log_prob(self.of(y, k), a.continuous[k].to_f64()));
    }

    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        self.add(scale, dy, |k| self.component.d_entropy(self.of(y, k)));
    }

    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        self.add(scale, dy_new, |k| self.component.d_kl(self.of(y_old, k), self.of(y_new, k)));
    }

    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        self.add(scale, out, |k| {
            let ([f11, f12, f22], [v1, v2]) = (self.component.fisher(self.of(y, k)), self.of(v, k));
            [f11 * v1 + f12 * v2, f12 * v1 + f22 * v2]
        });
    }
}
