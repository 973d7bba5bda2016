//! Categorical distribution over `0..n`, parametrised by logits.

use super::{
    ActionRow, ActionRowMut, ActionRows, ActionRowsMut, Distribution, Evaluated, MAX_ROWS, Widths,
};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the categorical policy: a softmax over one logit per action.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoricalConfig {}

impl CategoricalConfig {
    /// The distribution for `space`, or `None` if it has no categorical policy.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<Categorical> {
        match space {
            Space::Discrete { n } => Some(Categorical { n: *n }),
            _ => None,
        }
    }
}

/// `pi(a|y) = exp(y_a) / sum_j exp(y_j)`: `y` holds `n` logits, the action one index.
///
/// A logit of minus infinity masks its action: probability 0, never sampled, no entropy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Categorical {
    /// Number of actions (and logits), at least 1.
    pub n: usize,
}

/// The largest logit and `Z = sum_j exp(y_j - max)`, summed in the order of the index.
#[derive(Clone, Copy, Default)]
struct Normaliser<R> {
    max: R,
    sum: R,
}

impl<R: Real> Normaliser<R> {
    fn of(y: &[R]) -> Self {
        let max = largest(y);
        let sum = y.iter().fold(R::ZERO, |z, &logit| z + (logit - max).exp());
        Self { max, sum }
    }

    /// `log pi` of the action with this logit.
    fn log_prob(&self, logit: R) -> R {
        (logit - self.max) - self.sum.ln()
    }

    fn prob(&self, logit: R) -> R {
        (logit - self.max).exp() / self.sum
    }

    /// `H = ln Z - sum_j w_j (y_j - max) / Z` for the weights `w_j = exp(y_j - max)`.
    fn entropy(&self, y: &[R], weights: impl Iterator<Item = R>) -> R {
        let mut dot = R::ZERO;
        for (weight, &logit) in weights.zip(y) {
            dot += plogp(weight, logit - self.max);
        }
        self.sum.ln() - dot / self.sum
    }
}

/// The largest logit; NaN if any is NaN.
fn largest<R: Real>(y: &[R]) -> R {
    y.iter().copied().reduce(R::maximum).unwrap_or(R::ZERO)
}

/// The normalisers of rows of `n` logits, keeping the summands `exp(y_j - max)` in `weights`: the
/// bits of [`Normaliser::of`], but many exponentials at once.
fn normalise<R: Real>(n: usize, y: &[R], weights: &mut [R], out: &mut [Normaliser<R>]) {
    for ((y, w), z) in y.chunks_exact(n).zip(weights.chunks_exact_mut(n)).zip(&mut *out) {
        z.max = largest(y);
        w.iter_mut().zip(y).for_each(|(w, &logit)| *w = logit - z.max);
    }
    R::exp_all(&mut weights[..y.len()]);
    for (w, z) in weights.chunks_exact(n).zip(out) {
        z.sum = w.iter().fold(R::ZERO, |sum, &w| sum + w);
    }
}

/// The logarithms of the sums.
fn log_sums<R: Real>(z: &[Normaliser<R>]) -> [R; MAX_ROWS] {
    let mut logs = [R::ZERO; MAX_ROWS];
    logs.iter_mut().zip(z).for_each(|(log, z)| *log = z.sum);
    R::ln_all(&mut logs[..z.len()]);
    logs
}

/// `p * log_p` with the limit 0 at `p = 0`, where `log_p` is minus infinity. NaN stays NaN.
pub(super) fn plogp<R: Real>(p: R, log_p: R) -> R {
    if p == R::ZERO { R::ZERO } else { p * log_p }
}

/// Inverse of the cumulative sum at `threshold < sum(weights)`.
///
/// The first index whose cumulative weight exceeds the threshold has positive weight, because
/// the sum does not grow over a zero weight. Should rounding or NaN leave no such index, it is
/// the last one of positive weight, else 0 (then all weights are NaN, as is the log-probability).
fn inverse_cdf<R: Real>(threshold: R, weights: impl Iterator<Item = R>) -> usize {
    let (mut cumulative, mut last) = (R::ZERO, 0);
    for (j, weight) in weights.enumerate() {
        cumulative += weight;
        if cumulative > threshold {
            return j;
        }
        if weight > R::ZERO {
            last = j;
        }
    }
    last
}

impl Categorical {
    fn check(&self, y: &[impl Real]) {
        debug_assert_eq!(y.len(), self.n, "categorical over {} actions: wrong row width", self.n);
    }
}

impl Widths for Categorical {
    fn params(&self) -> usize {
        self.n
    }
    fn discrete(&self) -> usize {
        1
    }
    fn continuous(&self) -> usize {
        0
    }
    fn mask(&self) -> usize {
        self.n
    }
}

impl<R: Real> Distribution<R> for Categorical {
    fn apply_mask(&self, mask: &[bool], y: &mut [R]) {
        self.check(y);
        for (logit, _) in y.iter_mut().zip(mask).filter(|(_, valid)| !**valid) {
            *logit = R::from_f64(f64::NEG_INFINITY);
        }
    }

    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        self.check(y);
        let z = Normaliser::of(y);
        let threshold = R::from_f32(rng.uniform()) * z.sum;
        let weights = y.iter().map(|&logit| (logit - z.max).exp());
        a.discrete[0] = inverse_cdf(threshold, weights) as u32;
    }

    fn sample_rows(
        &self,
        y: &[R],
        rngs: &mut [Stream],
        a: ActionRowsMut<'_, R>,
        log_prob: &mut [R],
        work: &mut [R],
    ) {
        let mut z = [Normaliser::default(); MAX_ROWS];
        let z = &mut z[..rngs.len()];
        normalise(self.n, y, work, z);
        let rows = y.chunks_exact(self.n).zip(work.chunks_exact(self.n));
        for (i, ((y, weights), rng)) in rows.zip(rngs).enumerate() {
            let threshold = R::from_f32(rng.uniform()) * z[i].sum;
            let action = inverse_cdf(threshold, weights.iter().copied());
            a.discrete[i] = action as u32;
            log_prob[i] = y[action] - z[i].max;
        }
        log_prob.iter_mut().zip(log_sums(z)).for_each(|(l, log_sum)| *l -= log_sum);
    }

    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        self.check(y);
        let mut best = 0;
        for j in 1..y.len() {
            if y[j] > y[best] {
                best = j;
            }
        }
        a.discrete[0] = best as u32;
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        self.check(y);
        Normaliser::of(y).log_prob(y[a.discrete[0] as usize])
    }

    fn entropy(&self, y: &[R]) -> R {
        self.check(y);
        let z = Normaliser::of(y);
        z.entropy(y, y.iter().map(|&logit| (logit - z.max).exp()))
    }

    /// `sum_j p_j (log p_j - log q_j)`; infinite where `q` masks an action that `p` takes.
    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        self.check(y_old);
        self.check(y_new);
        let (old, new) = (Normaliser::of(y_old), Normaliser::of(y_new));
        let mut kl = R::ZERO;
        for (&p, &q) in y_old.iter().zip(y_new) {
            kl += plogp(old.prob(p), old.log_prob(p) - new.log_prob(q));
        }
        kl
    }

    /// `d log pi(a) / dy_j = 1[j = a] - p_j`.
    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        self.check(y);
        let z = Normaliser::of(y);
        for (d, &logit) in dy.iter_mut().zip(y) {
            *d -= scale * z.prob(logit);
        }
        dy[a.discrete[0] as usize] += scale;
    }

    /// `dH / dy_j = -p_j (log p_j + H)`.
    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        self.check(y);
        let z = Normaliser::of(y);
        let entropy = z.entropy(y, y.iter().map(|&logit| (logit - z.max).exp()));
        for (d, &logit) in dy.iter_mut().zip(y) {
            *d -= scale * plogp(z.prob(logit), z.log_prob(logit) + entropy);
        }
    }

    /// `d KL(p || q) / dy_j = q_j - p_j`.
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        self.check(y_old);
        self.check(y_new);
        let (old, new) = (Normaliser::of(y_old), Normaliser::of(y_new));
        for ((d, &p), &q) in dy_new.iter_mut().zip(y_old).zip(y_new) {
            *d += scale * (new.prob(q) - old.prob(p));
        }
    }

    /// `(F v)_j = p_j (v_j - p . v)`.
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        self.check(y);
        let z = Normaliser::of(y);
        let mut mean = R::ZERO;
        for (&logit, &component) in y.iter().zip(v) {
            mean += z.prob(logit) * component;
        }
        for ((o, &logit), &component) in out.iter_mut().zip(y).zip(v) {
            *o += scale * z.prob(logit) * (component - mean);
        }
    }

    /// Leaves the probabilities in `work`.
    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        let mut z = [Normaliser::default(); MAX_ROWS];
        let z = &mut z[..out.len()];
        normalise(self.n, y, work, z);
        let log_sums = log_sums(z);
        let rows = y.chunks_exact(self.n).zip(work.chunks_exact_mut(self.n));
        for (i, ((y, work), out)) in rows.zip(out).enumerate() {
            let (inverse, mut dot) = (R::ONE / z[i].sum, R::ZERO);
            for (w, &logit) in work.iter_mut().zip(y) {
                *w *= inverse;
                dot += plogp(*w, logit - z[i].max);
            }
            out.log_prob = (y[a.discrete[i] as usize] - z[i].max) - log_sums[i];
            out.entropy = log_sums[i] - dot;
        }
    }

    /// `c (1[j = a] - p_j) - e p_j (log p_j + H)`. As `log p_j = (y_j - y_a) + log p_a`, no
    /// logarithm is needed.
    #[inline]
    fn turn_into_grad(
        &self,
        y: &[R],
        a: ActionRow<'_, R>,
        evaluated: Evaluated<R>,
        d_log_prob: R,
        d_entropy: R,
        work: &mut [R],
    ) {
        let action = a.discrete[0] as usize;
        let (own, base) = (y[action], evaluated.log_prob + evaluated.entropy);
        for (w, &logit) in work.iter_mut().zip(y) {
            *w = -(d_log_prob * *w + d_entropy * plogp(*w, (logit - own) + base));
        }
        work[action] += d_log_prob;
    }
}

#[cfg(test)]
mod tests {
    use super::inverse_cdf;

    /// A uniform number of exactly 0, or exactly on a step, never selects a zero weight.
    #[test]
    fn inverse_cdf_skips_zero_weights() {
        let select = |threshold| inverse_cdf(threshold, [0.0, 0.5, 0.0, 0.5, 0.0].into_iter());
        assert_eq!(select(0.0), 1);
        assert_eq!(select(0.49), 1);
        assert_eq!(select(0.5), 3);
        // At or beyond the total, which rounding could reach: the last positive weight.
        assert_eq!(select(1.0), 3);
        assert_eq!(inverse_cdf(f64::NAN, [f64::NAN; 3].into_iter()), 0);
    }
}
