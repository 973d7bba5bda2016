//! Gaussian distribution whose deviation follows the policy's last hidden features: generalised
//! state-dependent exploration (gSDE; Raffin, Kober and Stulp 2021, "Smooth exploration for
//! robotic reinforcement learning", <https://arxiv.org/abs/2005.05719>).

use super::{ActionRow, ActionRowMut, ActionRows, Distribution, Evaluated, Head, Widths};
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
        let terms = self.features.iter().enumerate();
        terms.fold(R::from_f64(EPSILON), |v, (j, &h)| v + h * h * square(j))
    }

    /// `v_i`.
    fn variance_of(&self, i: usize) -> R {
        self.variance(|j| self.square(j, i))
    }
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

    /// Evaluate one row: leaves `[v | exp(2 log_std)]` in `work`. The deviations are the same in
    /// every state: those of the row before, whose `y` and `work` are at hand, need no exponentials.
    fn evaluate_row<R: Real>(
        &self,
        y: Parts<'_, R>,
        a: &[R],
        work: &mut [R],
        before: Option<(Parts<'_, R>, &[R])>,
    ) -> Evaluated<R> {
        let (variance, rest) = work.split_at_mut(self.dim);
        let squares = &mut rest[..y.log_std.len()];
        match before {
            Some((before, work)) if before.log_std == y.log_std => {
                squares.copy_from_slice(&work[self.dim..][..squares.len()]);
            }
            _ => squares.iter_mut().zip(y.log_std).for_each(|(square, s)| {
                let std = s.exp();
                *square = std * std;
            }),
        }
        let mut sum = Evaluated::default();
        for (i, v) in variance.iter_mut().enumerate() {
            *v = y.variance(|j| squares[j * self.dim + i]);
            let miss = a[i] - y.mean[i];
            sum = sum + evaluated(miss * miss / *v, *v);
        }
        sum
    }
}

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
        let Parts { mean, log_std, features } = self.split(y);
        let (action, floor) = (&mut a.continuous[..self.dim], R::from_f64(EPSILON).sqrt());
        for (k, pair) in action.chunks_mut(2).enumerate() {
            let noise = rng.normal_pair::<R>();
            for (i, a) in pair.iter_mut().enumerate() {
                *a = mean[2 * k + i] + floor * noise[i];
            }
        }
        for (k, pair) in log_std.chunks(2).enumerate() {
            let noise = rng.normal_pair::<R>();
            for (n, log_std) in pair.iter().enumerate() {
                let (j, i) = ((2 * k + n) / self.dim, (2 * k + n) % self.dim);
                action[i] += features[j] * log_std.exp() * noise[n];
            }
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

    /// Leaves `[v | exp(2 log_std)]` in the rows of `work`.
    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        let width = self.params();
        for (i, out) in out.iter_mut().enumerate() {
            let (done, rest) = work[..(i + 1) * width].split_at_mut(i * width);
            let before = i.checked_sub(1).map(|k| (self.split(self.row(y, k)), self.row(done, k)));
            *out = self.evaluate_row(
                self.split(self.row(y, i)),
                a.row(i, self).continuous,
                rest,
                before,
            );
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
                let square = &mut d_log_std[j * self.dim + i];
                let by_h = (slope + slope) * h * *square;
                *square = by_h * h;
                if self.learn_features {
                    d_features[j] += by_h;
                }
            }
        }
    }
}
