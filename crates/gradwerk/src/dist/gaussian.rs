//! Gaussian distribution with a diagonal covariance.

use super::{
    ActionRow, ActionRowMut, ActionRows, ActionRowsMut, Distribution, Evaluated, Head, Widths,
};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream, special::HALF_LN_TAU};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the Gaussian policy: a mean and a log standard deviation per action component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianConfig {
    /// Initial logarithm of the standard deviation, in units of the action: 0 starts at
    /// standard deviation 1, -1 at 0.37.
    pub log_std_init: f64,
    /// Whether the network computes the log standard deviation from the observation. If not,
    /// it is one free parameter per action component, the same in every state.
    pub state_dependent_std: bool,
}

impl GaussianConfig {
    /// The distribution for `space`, or `None` if it has no Gaussian policy.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<Gaussian> {
        match space {
            Space::Box { low, .. } => Some(Gaussian {
                dim: low.len(),
                log_std_init: self.log_std_init,
                state_dependent_std: self.state_dependent_std,
            }),
            _ => None,
        }
    }
}

/// `pi(a|y) = N(a; mean, diag(exp(2 log_std)))` with `y = [mean | log_std]`, both `dim` long.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// Number of action components.
    pub dim: usize,
    /// Initial value of every log standard deviation.
    pub log_std_init: f64,
    /// Whether the log standard deviations are outputs of the network.
    pub state_dependent_std: bool,
}

impl Gaussian {
    /// Split a row into mean and log standard deviation.
    #[inline]
    fn split<'a, R: Real>(&self, y: &'a [R]) -> (&'a [R], &'a [R]) {
        debug_assert_eq!(y.len(), 2 * self.dim, "Gaussian of {} components: wrong width", self.dim);
        y.split_at(self.dim)
    }

    /// Write `mean + std * noise`. Normals come in pairs;
    /// an odd last one is thrown away, so that the number of words drawn is fixed.
    fn draw<R: Real>(&self, y: &[R], rng: &mut Stream, action: &mut [R]) {
        let (mean, log_std) = self.split(y);
        for (k, pair) in action.chunks_mut(2).enumerate() {
            let noise = rng.normal_pair::<R>();
            for (i, a) in pair.iter_mut().enumerate() {
                *a = mean[2 * k + i] + log_std[2 * k + i].exp() * noise[i];
            }
        }
    }

    /// `-sum log_std - dim ln(2 pi)/2`, less half the squares that the caller subtracts.
    fn log_norm<R: Real>(&self, log_std: &[R]) -> R {
        let constant = R::from_f64(self.dim as f64 * HALF_LN_TAU);
        -(log_std.iter().copied().sum::<R>() + constant)
    }
}

impl Gaussian {
    fn row<'a, R>(&self, rows: &'a [R], i: usize) -> &'a [R] {
        &rows[2 * self.dim * i..2 * self.dim * (i + 1)]
    }

    /// Evaluate one row. Deviations that do not depend on the state are those of the row before,
    /// whose `y` and `work` are at hand, and so are their exponentials.
    fn evaluate_row<R: Real>(
        &self,
        y: &[R],
        a: &[R],
        work: &mut [R],
        before: Option<(&[R], &[R])>,
    ) -> Evaluated<R> {
        let (mean, log_std) = self.split(y);
        let (z, inverse_std) = work.split_at_mut(self.dim);
        match before {
            Some((y, work)) if y[self.dim..] == *log_std => {
                inverse_std.copy_from_slice(&work[self.dim..]);
            }
            _ => inverse_std.iter_mut().zip(log_std).for_each(|(i, &s)| *i = (-s).exp()),
        }
        let mut squares = R::ZERO;
        for i in 0..self.dim {
            z[i] = (a[i] - mean[i]) * inverse_std[i];
            squares += z[i] * z[i];
        }
        let log_norm = self.log_norm(log_std);
        Evaluated {
            log_prob: log_norm - half::<R>() * squares,
            entropy: R::from_f64(0.5 * self.dim as f64) - log_norm,
        }
    }
}

impl Widths for Gaussian {
    fn params(&self) -> usize {
        2 * self.dim
    }
    fn discrete(&self) -> usize {
        0
    }
    fn continuous(&self) -> usize {
        self.dim
    }
    fn head(&self) -> Head {
        let network = if self.state_dependent_std { 2 * self.dim } else { self.dim };
        let free = 2 * self.dim - network;
        Head { network, free, features: 0, init: self.log_std_init, bias_from: self.dim }
    }
}

/// `1/2`.
fn half<R: Real>() -> R {
    R::from_f64(0.5)
}

impl<R: Real> Distribution<R> for Gaussian {
    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        self.draw(y, rng, &mut a.continuous[..self.dim]);
    }

    fn sample_rows(
        &self,
        y: &[R],
        rngs: &mut [Stream],
        mut a: ActionRowsMut<'_, R>,
        log_prob: &mut [R],
        _work: &mut [R],
    ) {
        for (i, (y, rng)) in y.chunks_exact(2 * self.dim).zip(rngs).enumerate() {
            let action = a.row(i, self).continuous;
            self.draw(y, rng, action);
            // From the rounded action, not from the noise: the loss will see the action only, and
            // the ratio of an unchanged policy must be 1 exactly.
            log_prob[i] = self.log_prob(y, ActionRow { discrete: &[], continuous: action });
        }
    }

    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        a.continuous[..self.dim].copy_from_slice(self.split(y).0);
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        let (mean, log_std) = self.split(y);
        let mut squares = R::ZERO;
        for i in 0..self.dim {
            let z = (a.continuous[i] - mean[i]) * (-log_std[i]).exp();
            squares += z * z;
        }
        self.log_norm(log_std) - half::<R>() * squares
    }

    /// `sum log_std + dim (1 + ln(2 pi)) / 2`.
    fn entropy(&self, y: &[R]) -> R {
        let log_std = self.split(y).1;
        R::from_f64(0.5 * self.dim as f64) - self.log_norm(log_std)
    }

    /// Per component, with `d = log_std_new - log_std_old` and `z = (mean_old - mean_new) /
    /// std_new`: `d + (exp(-2 d) - 1 + z^2) / 2`.
    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        let ((mean_old, log_old), (mean_new, log_new)) = (self.split(y_old), self.split(y_new));
        let mut kl = R::ZERO;
        for i in 0..self.dim {
            let d = log_new[i] - log_old[i];
            let shrink = (-d).exp();
            let z = (mean_old[i] - mean_new[i]) * (-log_new[i]).exp();
            kl += d + half::<R>() * (shrink * shrink - R::ONE + z * z);
        }
        kl
    }

    /// `d/d mean = z / std`, `d/d log_std = z^2 - 1` with `z = (a - mean) / std`.
    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        let (mean, log_std) = self.split(y);
        let (d_mean, d_log_std) = dy.split_at_mut(self.dim);
        for i in 0..self.dim {
            let inverse_std = (-log_std[i]).exp();
            let z = (a.continuous[i] - mean[i]) * inverse_std;
            d_mean[i] += scale * z * inverse_std;
            d_log_std[i] += scale * (z * z - R::ONE);
        }
    }

    /// `dH / d log_std = 1`; the mean does not matter.
    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        debug_assert_eq!(y.len(), 2 * self.dim);
        for d in &mut dy[self.dim..2 * self.dim] {
            *d += scale;
        }
    }

    /// `d/d mean_new = (mean_new - mean_old) / var_new`,
    /// `d/d log_std_new = 1 - (var_old + (mean_old - mean_new)^2) / var_new`.
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        let ((mean_old, log_old), (mean_new, log_new)) = (self.split(y_old), self.split(y_new));
        let (d_mean, d_log_std) = dy_new.split_at_mut(self.dim);
        for i in 0..self.dim {
            let inverse_std = (-log_new[i]).exp();
            let shrink = (log_old[i] - log_new[i]).exp();
            let z = (mean_new[i] - mean_old[i]) * inverse_std;
            d_mean[i] += scale * z * inverse_std;
            d_log_std[i] += scale * (R::ONE - shrink * shrink - z * z);
        }
    }

    /// `F = diag(1 / var, 2)`.
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        let log_std = self.split(y).1;
        for i in 0..self.dim {
            let inverse_std = (-log_std[i]).exp();
            out[i] += scale * v[i] * inverse_std * inverse_std;
            out[self.dim + i] += scale * (v[self.dim + i] + v[self.dim + i]);
        }
    }

    /// Leaves `[z | 1/std]` in `work`, `z = (a - mean) / std`.
    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        let width = 2 * self.dim;
        for (i, out) in out.iter_mut().enumerate() {
            let (done, rest) = work[..(i + 1) * width].split_at_mut(i * width);
            let before = i.checked_sub(1).map(|k| (self.row(y, k), self.row(done, k)));
            *out = self.evaluate_row(self.row(y, i), a.row(i, self).continuous, rest, before);
        }
    }

    #[inline]
    fn turn_into_grad(
        &self,
        _y: &[R],
        _a: ActionRow<'_, R>,
        _evaluated: Evaluated<R>,
        d_log_prob: R,
        d_entropy: R,
        work: &mut [R],
    ) {
        let (d_mean, d_log_std) = work[..2 * self.dim].split_at_mut(self.dim);
        for (m, s) in d_mean.iter_mut().zip(d_log_std) {
            let (z, inverse_std) = (*m, *s);
            *m = d_log_prob * z * inverse_std;
            *s = d_log_prob * (z * z - R::ONE) + d_entropy;
        }
    }
}
