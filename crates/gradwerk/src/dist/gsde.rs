//! Gaussian distribution whose deviation follows the policy's last hidden features: generalised
//! state-dependent exploration (gSDE; Raffin, Kober and Stulp 2021, "Smooth exploration for
//! robotic reinforcement learning", <https://arxiv.org/abs/2005.05719>).

use super::{
    ActionRow, ActionRowMut, ActionRows, ActionRowsMut, Distribution, Evaluated, Head, Widths,
};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream, special::HALF_LN_TAU};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Settings of the Gaussian policy with state-dependent exploration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GsdeConfig {
    /// Initial logarithm of the deviations of the noise matrix: an action's standard deviation is
    /// their exponential times the length of the vector of hidden features.
    pub log_std_init: f64,
    /// Whether the features learn from the deviation that they make, or from the mean alone.
    pub learn_features: bool,
    /// Steps of an environment with the same noise matrix.
    pub redraw_every: NonZeroU32,
}

impl Default for GsdeConfig {
    fn default() -> Self {
        let redraw_every = NonZeroU32::new(4).expect("four is not zero");
        Self { log_std_init: -2.0, learn_features: false, redraw_every }
    }
}

impl GsdeConfig {
    /// The distribution for `space`, or `None` unless it is a box; with one feature
    /// ([`AnyDist::with_features`](super::AnyDist::with_features)).
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<Gsde> {
        match space {
            Space::Box { low, .. } => Some(Gsde {
                dim: low.len(),
                features: 1,
                log_std_init: self.log_std_init,
                learn_features: self.learn_features,
                redraw_every: self.redraw_every,
            }),
            _ => None,
        }
    }
}

/// Variance that is there without any feature.
pub const EPSILON: f64 = 1e-6;

/// `pi(a|y) = N(a; mean, diag(v))`, `v_i = EPSILON + sum_j h_j^2 exp(2 log_std_ji)`, with
/// `y = [mean | log_std | h]`: `dim` means, the matrix `log_std` `[features, dim]` of free
/// parameters, and the `features` numbers `h` that the network's last layer reads.
///
/// A sample is `mean + W^T h + sqrt(EPSILON) n` with `W_ji = exp(log_std_ji) e_ji`, where `e` and `n`
/// are standard normals: the same function of the state for as long as the stream begins at the
/// same place ([`Widths::redraw_every`]). The authors' code adds the constant to the density's
/// variance alone; here the sample has it too, so that it is a sample of the density.
///
/// Unless `learn_features`, all derivatives by `h` are 0 (as are its rows of the Fisher matrix),
/// though the density depends on it: the method's own choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Gsde {
    /// Number of action components.
    pub dim: usize,
    /// Number of hidden features.
    pub features: usize,
    /// Initial value of every log deviation.
    pub log_std_init: f64,
    /// Whether there are derivatives by the features.
    pub learn_features: bool,
    /// Steps with the same random numbers.
    pub redraw_every: NonZeroU32,
}

/// A row of head outputs by its parts.
#[derive(Clone, Copy)]
struct Parts<'a, R> {
    mean: &'a [R],
    log_std: &'a [R],
    features: &'a [R],
}

impl<R: Real> Parts<'_, R> {
    /// `exp(2 log_std_ji)`.
    fn square(&self, j: usize, i: usize) -> R {
        let std = self.log_std[j * self.mean.len() + i].exp();
        std * std
    }

    /// `v_i`, of the squares `exp(2 log_std_ji)` in column i.
    fn variance(&self, square: impl Fn(usize) -> R) -> R {
        let h = self.features;
        R::from_f64(EPSILON) + sum_in_fours(h.len(), |j| h[j] * h[j] * square(j))
    }

    /// `v_i`.
    fn variance_of(&self, i: usize) -> R {
        self.variance(|j| self.square(j, i))
    }
}

/// `sum_j term(j)`, in four sums none of which waits for another.
fn sum_in_fours<R: Real>(count: usize, term: impl Fn(usize) -> R) -> R {
    let (mut sums, whole) = ([R::ZERO; 4], count - count % 4);
    for j in (0..whole).step_by(4) {
        sums = std::array::from_fn(|n| sums[n] + term(j + n));
    }
    (whole..count).for_each(|j| sums[j - whole] += term(j));
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// `ln N(0; m, v)` and the entropy, of one component with `m^2 / v` and `v`.
fn evaluated<R: Real>(ratio: R, variance: R) -> Evaluated<R> {
    let half = R::from_f64(0.5);
    let norm = R::from_f64(HALF_LN_TAU) + half * variance.ln();
    Evaluated { log_prob: -norm - half * ratio, entropy: norm + half }
}

impl Gsde {
    fn split<'a, R: Real>(&self, y: &'a [R]) -> Parts<'a, R> {
        debug_assert_eq!(y.len(), self.params(), "gSDE of {} components: wrong width", self.dim);
        let (mean, rest) = y.split_at(self.dim);
        let (log_std, features) = rest.split_at(self.features * self.dim);
        Parts { mean, log_std, features }
    }

    fn row<'a, R>(&self, rows: &'a [R], i: usize) -> &'a [R] {
        &rows[i * self.params()..(i + 1) * self.params()]
    }

    /// Add `slope dv_i` to the derivative by the log deviations and the features.
    fn add_variance_grad<R: Real>(&self, y: Parts<'_, R>, i: usize, slope: R, dy: &mut [R]) {
        let (d_log_std, d_features) = dy[self.dim..].split_at_mut(self.features * self.dim);
        for (j, &h) in y.features.iter().enumerate() {
            let by_h = (slope + slope) * h * y.square(j, i);
            d_log_std[j * self.dim + i] += by_h * h;
            if self.learn_features {
                d_features[j] += by_h;
            }
        }
    }

    /// `dv_i` along `v`.
    fn variance_along<R: Real>(&self, y: Parts<'_, R>, i: usize, v: Parts<'_, R>) -> R {
        let mut sum = R::ZERO;
        for (j, &h) in y.features.iter().enumerate() {
            let mut along = h * v.log_std[j * self.dim + i];
            if self.learn_features {
                along += v.features[j];
            }
            sum += h * y.square(j, i) * along;
        }
        sum + sum
    }

    /// The part of a row of scratch that holds the deviations.
    fn deviations_in<'a, R>(&self, work: &'a mut [R]) -> &'a mut [R] {
        &mut work[self.dim..][..self.features * self.dim]
    }

    /// Leave the deviations `exp(log_std)` of row `i` in its row of `work`. They are the same in every
    /// state: those of the row before need no exponentials.
    fn deviate<R: Real>(&self, y: &[R], i: usize, work: &mut [R]) {
        let width = self.params();
        let (done, own) = work[..(i + 1) * width].split_at_mut(i * width);
        let (log_std, std) = (self.split(self.row(y, i)).log_std, self.deviations_in(own));
        let before = i.checked_sub(1).map(|k| self.split(self.row(y, k)).log_std);
        if before == Some(log_std) {
            std.copy_from_slice(self.deviations_in(&mut done[(i - 1) * width..]));
        } else {
            std.copy_from_slice(log_std);
            R::exp_all(std);
        }
    }

    /// Evaluate one row, given its deviations in `work`, which is left as `[v | std]`.
    fn evaluate_row<R: Real>(&self, y: Parts<'_, R>, a: &[R], work: &mut [R]) -> Evaluated<R> {
        let (variance, std) = work.split_at_mut(self.dim);
        let mut sum = Evaluated::default();
        for (i, v) in variance.iter_mut().enumerate() {
            *v = y.variance(|j| std[j * self.dim + i] * std[j * self.dim + i]);
            let miss = a[i] - y.mean[i];
            sum = sum + evaluated(miss * miss / *v, *v);
        }
        sum
    }

    /// Write `mean + W^T h + sqrt(EPSILON) n` with the deviations `std(j * dim + i)`.
    fn draw<R: Real>(
        &self,
        y: Parts<'_, R>,
        std: impl Fn(usize) -> R,
        rng: &mut Stream,
        action: &mut [R],
    ) {
        let floor = R::from_f64(EPSILON).sqrt();
        rng.normals(action);
        for (i, a) in action.iter_mut().enumerate() {
            *a = y.mean[i] + floor * *a;
            for first in (0..self.features).step_by(NOISE) {
                let (mut noise, count) = ([R::ZERO; NOISE], NOISE.min(self.features - first));
                rng.normals(&mut noise[..count]);
                let h = &y.features[first..];
                let std = |k: usize| std((first + k) * self.dim + i);
                *a += sum_in_fours(count, |k| h[k] * std(k) * noise[k]);
            }
        }
    }
}

/// Entries of a column of the noise matrix that are drawn at once; even, since normals come in pairs.
const NOISE: usize = 64;

impl Widths for Gsde {
    fn params(&self) -> usize {
        self.dim + self.features * self.dim + self.features
    }
    fn discrete(&self) -> usize {
        0
    }
    fn continuous(&self) -> usize {
        self.dim
    }
    fn redraw_every(&self) -> u64 {
        self.redraw_every.get().into()
    }
    fn head(&self) -> Head {
        let (network, free) = (self.dim, self.features * self.dim);
        let init = self.log_std_init;
        Head { network, free, init, bias_from: network, features: self.features }
    }
}

impl<R: Real> Distribution<R> for Gsde {
    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        let y = self.split(y);
        self.draw(y, |k| y.log_std[k].exp(), rng, &mut a.continuous[..self.dim]);
    }

    fn sample_rows(
        &self,
        y: &[R],
        rngs: &mut [Stream],
        mut a: ActionRowsMut<'_, R>,
        log_prob: &mut [R],
        work: &mut [R],
    ) {
        for (i, rng) in rngs.iter_mut().enumerate() {
            self.deviate(y, i, work);
            let (y, work) = (self.split(self.row(y, i)), &mut work[i * self.params()..]);
            let (action, std) = (a.row(i, self).continuous, self.deviations_in(work));
            self.draw(y, |k| std[k], rng, action);
            log_prob[i] = self.evaluate_row(y, action, work).log_prob;
        }
    }

    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        a.continuous[..self.dim].copy_from_slice(self.split(y).mean);
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        let y = self.split(y);
        let mut sum = R::ZERO;
        for i in 0..self.dim {
            let (miss, v) = (a.continuous[i] - y.mean[i], y.variance_of(i));
            sum += evaluated(miss * miss / v, v).log_prob;
        }
        sum
    }

    /// `sum (1 + ln(2 pi) + ln v_i) / 2`.
    fn entropy(&self, y: &[R]) -> R {
        let y = self.split(y);
        (0..self.dim).map(|i| evaluated(R::ZERO, y.variance_of(i)).entropy).sum()
    }

    /// `sum (ln(v'_i / v_i) + (v_i + (mean_i - mean'_i)^2) / v'_i - 1) / 2`.
    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        let (old, new) = (self.split(y_old), self.split(y_new));
        let mut sum = R::ZERO;
        for i in 0..self.dim {
            let (v, w) = (old.variance_of(i), new.variance_of(i));
            let miss = old.mean[i] - new.mean[i];
            sum += (w / v).ln() + (v + miss * miss) / w - R::ONE;
        }
        R::from_f64(0.5) * sum
    }

    /// `d/d mean = z / v`, `d/dv = (z^2 / v - 1) / 2v` with `z = a - mean`.
    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        let y = self.split(y);
        for i in 0..self.dim {
            let (miss, v) = (a.continuous[i] - y.mean[i], y.variance_of(i));
            dy[i] += scale * miss / v;
            let slope = R::from_f64(0.5) * scale * (miss * miss / v - R::ONE) / v;
            self.add_variance_grad(y, i, slope, dy);
        }
    }

    /// `dH/dv = 1 / 2v`.
    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        let y = self.split(y);
        for i in 0..self.dim {
            self.add_variance_grad(y, i, R::from_f64(0.5) * scale / y.variance_of(i), dy);
        }
    }

    /// `d/d mean' = (mean' - mean) / v'`, `d/dv' = (1 - (v + (mean - mean')^2) / v') / 2v'`.
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        let (old, new) = (self.split(y_old), self.split(y_new));
        for i in 0..self.dim {
            let (v, w) = (old.variance_of(i), new.variance_of(i));
            let miss = new.mean[i] - old.mean[i];
            dy_new[i] += scale * miss / w;
            let slope = R::from_f64(0.5) * scale * (R::ONE - (v + miss * miss) / w) / w;
            self.add_variance_grad(new, i, slope, dy_new);
        }
    }

    /// `1 / v_i` by the mean, `1 / 2 v_i^2` by the variance.
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        let (y, v) = (self.split(y), self.split(v));
        for i in 0..self.dim {
            let variance = y.variance_of(i);
            out[i] += scale * v.mean[i] / variance;
            let along = self.variance_along(y, i, v);
            let slope = R::from_f64(0.5) * scale * along / (variance * variance);
            self.add_variance_grad(y, i, slope, out);
        }
    }

    /// Leaves `[v | std]` in the rows of `work`.
    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        for (i, out) in out.iter_mut().enumerate() {
            self.deviate(y, i, work);
            let (y, work) = (self.split(self.row(y, i)), &mut work[i * self.params()..]);
            *out = self.evaluate_row(y, a.row(i, self).continuous, work);
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
        let (y, half) = (self.split(y), R::from_f64(0.5));
        let (d_mean, rest) = work.split_at_mut(self.dim);
        let (d_log_std, d_features) = rest.split_at_mut(y.log_std.len());
        d_features.fill(R::ZERO);
        for (i, m) in d_mean.iter_mut().enumerate() {
            let (miss, v) = (a.continuous[i] - y.mean[i], *m);
            *m = d_log_prob * miss / v;
            let slope = half * (d_log_prob * (miss * miss / v - R::ONE) + d_entropy) / v;
            for (j, &h) in y.features.iter().enumerate() {
                let std = &mut d_log_std[j * self.dim + i];
                let by_h = (slope + slope) * h * (*std * *std);
                *std = by_h * h;
                if self.learn_features {
                    d_features[j] += by_h;
                }
            }
        }
    }
}
