//! The return of one policy estimated from whole episodes of another, by importance sampling.
//!
//! With `W_t = prod_{t' <= t} rho_t'` of episode i, `rho = pi / mu`, and `R = sum_t gamma^t r_t`:
//!
//! | estimate | value |
//! |---|---|
//! | ordinary | `mean_i W_T R` |
//! | self-normalised | `sum_i W_T R / sum_i W_T` |
//! | per-decision | `mean_i sum_t gamma^t W_t r_t` |
//! | self-normalised per-decision | `sum_t gamma^t (sum_i W_t r_t / sum_i W_t)`, where episodes that have ended keep their last weight |
//!
//! (Precup et al. 2000; the last is the consistent form of Thomas 2015, section 3.8.) Standard
//! errors are those of a mean of independent episodes; of the self-normalised forms by the delta
//! method: `sqrt(sum_i W^2 (R - J)^2) / sum_i W`.

use super::Ess;
use gradwerk_math::Real;

/// An episode of the policy that acted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weighed {
    /// `log pi(a_t|s_t) - log mu(a_t|s_t)` of every step.
    pub log_ratio: Vec<f64>,
    /// Reward of every step.
    pub reward: Vec<f64>,
}

/// A value with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error; none of a single episode.
    pub std_error: Option<f64>,
}

/// What importance sampling says about the return of a policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyValue {
    /// Weighed by the ratios of whole episodes: unbiased, of a variance exponential in length.
    pub ordinary: Estimate,
    /// The same divided by the sum of the weights: consistent, biased, never outside the returns.
    pub self_normalised: Estimate,
    /// Every reward weighed by the ratios up to its step: unbiased, less variance.
    pub per_decision: Estimate,
    /// The same, divided by the sum of the weights at each step: consistent, biased.
    pub self_normalised_per_decision: Estimate,
    /// Effective sample size of the episodes' weights.
    pub ess: Ess,
}

/// Estimate the return, discounted by `gamma` from the start of an episode (1: not at all).
///
/// # Panics
/// Without an episode, or if one has no step or columns of different lengths.
#[must_use]
pub fn policy_value(episodes: &[Weighed], gamma: f64) -> PolicyValue {
    let weighed: Vec<Sums> = episodes.iter().map(|episode| Sums::of(episode, gamma)).collect();
    let weights: Vec<f64> = weighed.iter().map(|e| *e.weights.last().expect("a step")).collect();
    let returns: Vec<f64> = weighed.iter().map(|e| e.rewards.iter().sum()).collect();
    let product = |(w, r): (&f64, &f64)| w * r;
    let ordinary: Vec<f64> = weights.iter().zip(&returns).map(product).collect();
    let decided: Vec<f64> = weighed.iter().map(Sums::per_decision).collect();
    PolicyValue {
        ordinary: mean(&ordinary),
        self_normalised: ratio(&weights, &returns),
        per_decision: mean(&decided),
        self_normalised_per_decision: ratio_per_decision(&weighed),
        ess: ess(&weights),
    }
}

/// `W_t` and `gamma^t r_t` of an episode.
struct Sums {
    weights: Vec<f64>,
    rewards: Vec<f64>,
}

impl Sums {
    fn of(episode: &Weighed, gamma: f64) -> Self {
        let Weighed { log_ratio, reward } = episode;
        assert!(!reward.is_empty(), "an episode has a step");
        assert_eq!(log_ratio.len(), reward.len(), "one ratio per reward");
        let mut log_weight = 0.0;
        let mut discount = 1.0;
        let weights = log_ratio.iter().map(|x| {
            log_weight += x;
            Real::exp(log_weight)
        });
        let weights = weights.collect();
        let rewards = reward.iter().map(|r| {
            let discounted = discount * r;
            discount *= gamma;
            discounted
        });
        Self { weights, rewards: rewards.collect() }
    }

    fn per_decision(&self) -> f64 {
        self.weights.iter().zip(&self.rewards).map(|(w, r)| w * r).sum()
    }

    /// Weight and reward at step `t`: after the end the last weight and nothing.
    fn at(&self, t: usize) -> (f64, f64) {
        let last = self.weights.len() - 1;
        (self.weights[t.min(last)], self.rewards.get(t).copied().unwrap_or(0.0))
    }
}

fn mean(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - value) * (x - value)).sum();
    Estimate { value, std_error: (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt()) }
}

fn ratio(weights: &[f64], returns: &[f64]) -> Estimate {
    let total: f64 = weights.iter().sum();
    let pairs = || weights.iter().zip(returns);
    let value = pairs().map(|(w, r)| w * r).sum::<f64>() / total;
    let squares: f64 = pairs().map(|(w, r)| w * w * (r - value) * (r - value)).sum();
    Estimate { value, std_error: (weights.len() > 1).then(|| squares.sqrt() / total) }
}

/// At each step a ratio; the errors of an episode at its steps add up.
fn ratio_per_decision(episodes: &[Sums]) -> Estimate {
    let longest = episodes.iter().map(|e| e.weights.len()).max().expect("an episode");
    let mut errors = vec![0.0; episodes.len()];
    let mut value = 0.0;
    for t in 0..longest {
        let at = || episodes.iter().map(|e| e.at(t));
        let total: f64 = at().map(|(w, _)| w).sum();
        let mean = at().map(|(w, r)| w * r).sum::<f64>() / total;
        value += mean;
        for (error, (w, r)) in errors.iter_mut().zip(at()) {
            *error += w * (r - mean) / total;
        }
    }
    let squares: f64 = errors.iter().map(|e| e * e).sum();
    Estimate { value, std_error: (episodes.len() > 1).then(|| squares.sqrt()) }
}

fn ess(weights: &[f64]) -> Ess {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    Ess { ess: sum * sum / squares, samples: weights.len() }
}
