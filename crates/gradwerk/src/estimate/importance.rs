//! Importance sampling: the gradient of the present policy from trajectories of another one.
//!
//! With `rho_t = pi(a_t|s_t) / mu(a_t|s_t)`, trajectory by trajectory (index range: `0..T` of
//! the trajectory, not of the rollout):
//!
//! | form | weight `W_t` | coefficient `A_t` of `grad log pi(a_t\|s_t)` |
//! |---|---|---|
//! | trajectory | `prod_{t' < T} rho_t'` | `W (G_t - b_t)` |
//! | per-decision | `prod_{t' <= t} rho_t'` | `W_t (Q_t - b_t)`, `Q_t = sum_{t'>=t} gamma^{t'-t} W_t'/W_t r_t'` |
//! | first-order | `rho_t` | `W_t (G_t - b_t)` |
//!
//! where `G_t - b_t` is what [`super::estimate`] gives on-policy. With ordinary weights the
//! first two have the gradient as their mean (Precup et al. 2000; Jie and Abbeel 2010). The
//! first-order form leaves the states where the behaviour policy went: the gradient of the
//! surrogate `E_mu[rho_t A_t]` of TRPO and PPO (Kakade and Langford 2002).
//!
//! Weights are kept as logarithms in double precision: a product over 500 steps overflows.

use super::run::{Scratch, estimate_raw, subtract_baseline};
use super::{
    Bias, Discounting, EstimatorConfig, Kind, Normalize, Steps, normalize, reward_to_go,
    scale_from_start,
};
use gradwerk_math::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which ratios weigh a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The product over the whole trajectory: unbiased, of a variance exponential in its length.
    Trajectory,
    /// A reward is weighed by the ratios up to its own step: unbiased, less variance.
    PerDecision,
    /// The step's own ratio only: biased, of little variance; what PPO-like surrogates use.
    FirstOrder,
}

/// What is done to the weights before they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// Nothing.
    Ordinary,
    /// Divided by their mean (the weighted estimate): consistent, biased, never larger than N.
    SelfNormalised,
    /// Limited from above by `clip`: biased, the variance is bounded.
    Clipped,
}

/// How batches of another policy are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImportanceConfig {
    /// Which ratios weigh a step.
    pub form: Form,
    /// What is done to the weights.
    pub weighting: Weighting,
    /// Largest weight where they are clipped, above 0.
    pub clip: f64,
}

impl ImportanceConfig {
    /// Declared bias for whole episodes of a behaviour policy other than the present one. The
    /// first cause that applies is named.
    #[must_use]
    pub fn bias(&self, estimator: &EstimatorConfig, gamma: f64) -> Bias {
        if self.form == Form::FirstOrder {
            return Bias::Biased("the states are distributed as the behaviour policy visits them");
        }
        match self.weighting {
            Weighting::Ordinary => estimator.bias(gamma),
            Weighting::SelfNormalised => {
                Bias::Biased("weights are divided by their mean over the same trajectories")
            }
            Weighting::Clipped => Bias::Biased("clipping takes weight away"),
        }
    }

    /// Why this does not go with the estimator, naming the settings; none if it does.
    #[must_use]
    pub fn obstacle(&self, estimator: &EstimatorConfig) -> Option<&'static str> {
        if estimator.baseline.entry().needs_score {
            return Some(
                "weights change which baseline is optimal; expected another estimator.baseline",
            );
        }
        let ordinary = self.weighting == Weighting::Ordinary;
        match (estimator.kind, self.form) {
            (Kind::VTrace, Form::FirstOrder) if ordinary => None,
            (Kind::VTrace, _) => Some(
                "estimator.kind = \"v-trace\" has its ratios and their bounds in itself; \
                 expected form \"first-order\" with weights \"ordinary\"",
            ),
            (Kind::RewardToGo, Form::PerDecision) => None,
            (_, Form::PerDecision) => Some(
                "\"per-decision\" weighs single rewards; expected estimator.kind = \"reward-to-go\"",
            ),
            _ => None,
        }
    }
}

/// A log-ratio that no weight can be made of.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "log pi - log mu is {value} in row {row} (time {time}, environment {env}): importance \
     sampling needs both policies to give every recorded action a probability above 0"
)]
pub struct ImportanceError {
    /// Index of the row in `[T, N]`.
    pub row: usize,
    /// Its time in the rollout.
    pub time: usize,
    /// Its environment.
    pub env: usize,
    /// The log-ratio.
    pub value: f64,
}

/// Check that every valid row has a finite log-ratio.
///
/// # Errors
/// The first row that has not: infinite where one of the policies gives the action
/// probability 0.
pub fn check_log_ratios<R: Real>(
    steps: &Steps<'_, R>,
    log_ratio: &[R],
) -> Result<(), ImportanceError> {
    assert_eq!(log_ratio.len(), steps.rows(), "column log_ratio: expected T * N rows");
    let found = (0..steps.rows()).find(|&k| steps.valid[k] && !log_ratio[k].is_finite());
    let error = |row| ImportanceError {
        row,
        time: row / steps.n,
        env: row % steps.n,
        value: log_ratio[row].to_f64(),
    };
    found.map_or(Ok(()), |row| Err(error(row)))
}

/// `log W_t` `[T, N]` of a form, before any correction; 0 in rows that are not valid.
pub fn log_weights<R: Real>(steps: &Steps<'_, R>, log_ratio: &[R], form: Form, out: &mut [f64]) {
    for (k, (out, x)) in out.iter_mut().zip(log_ratio).enumerate() {
        *out = if steps.valid[k] { x.to_f64() } else { 0.0 };
    }
    if form == Form::FirstOrder {
        return;
    }
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            let mut sum = 0.0;
            for t in range.clone() {
                sum += out[t * steps.n + i];
                out[t * steps.n + i] = sum;
            }
            if form == Form::Trajectory {
                range.for_each(|t| out[t * steps.n + i] = sum);
            }
        });
    }
}

/// Correct `log W_t` in place. Self-normalised means divided by the mean over all trajectories
/// (trajectory), over all trajectories at the same step, where those that have ended keep their
/// last weight (per-decision; Thomas 2015, section 3.8), or over all rows (first-order).
/// `scratch` grows to two numbers per time.
pub fn correct_weights<R: Real>(
    steps: &Steps<'_, R>,
    config: &ImportanceConfig,
    log_weight: &mut [f64],
    scratch: &mut Vec<f64>,
) {
    match (config.weighting, config.form) {
        (Weighting::Ordinary, _) => {}
        (Weighting::Clipped, _) => {
            let bound = Real::ln(config.clip);
            log_weight.iter_mut().for_each(|x| *x = Real::minimum(*x, bound));
        }
        (Weighting::SelfNormalised, Form::PerDecision) => {
            normalize_steps(steps, log_weight, scratch);
        }
        (Weighting::SelfNormalised, form) => {
            let mean = log_mean(|f| for_each_sample(steps, form, 0..steps.n, |k| f(log_weight[k])));
            log_weight.iter_mut().for_each(|x| *x -= mean);
        }
    }
}

/// Call `f` with the row that carries the weight of each sample: the last one of each
/// trajectory, or each valid row (first-order).
fn for_each_sample<R: Real>(
    steps: &Steps<'_, R>,
    form: Form,
    envs: Range<usize>,
    mut f: impl FnMut(usize),
) {
    for i in envs {
        steps.for_each_trajectory(i, |range| {
            let first = if form == Form::FirstOrder { range.start } else { range.end - 1 };
            (first..range.end).for_each(|t| f(t * steps.n + i));
        });
    }
}

/// Logarithm of the mean of `e^x` over what `each` hands out, twice the same numbers.
fn log_mean(each: impl Fn(&mut dyn FnMut(f64))) -> f64 {
    let (mut largest, mut count) = (f64::NEG_INFINITY, 0.0);
    each(&mut |x| (largest, count) = (Real::maximum(largest, x), count + 1.0));
    let mut sum = 0.0;
    each(&mut |x| sum += Real::exp(x - largest));
    largest + Real::ln(sum / count)
}

/// Divide by the mean at each step since the start of the trajectory.
fn normalize_steps<R: Real>(steps: &Steps<'_, R>, log_weight: &mut [f64], scratch: &mut Vec<f64>) {
    scratch.clear();
    scratch.resize(2 * steps.t, 0.0);
    let (largest, sum) = scratch.split_at_mut(steps.t);
    largest.fill(f64::NEG_INFINITY);
    // Of a trajectory with rows `range`, the row that counts at step `s` since its start.
    let row = |range: &Range<usize>, i: usize, s: usize| {
        (range.start + s).min(range.end - 1) * steps.n + i
    };
    let mut count = 0.0;
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            count += 1.0;
            for (s, largest) in largest.iter_mut().enumerate() {
                *largest = Real::maximum(*largest, log_weight[row(&range, i, s)]);
            }
        });
    }
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            for (s, sum) in sum.iter_mut().enumerate() {
                *sum += Real::exp(log_weight[row(&range, i, s)] - largest[s]);
            }
        });
    }
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            for t in range.clone() {
                let s = t - range.start;
                log_weight[t * steps.n + i] -= largest[s] + Real::ln(sum[s] / count);
            }
        });
    }
}

/// How much data is left after weighing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ess {
    /// Effective sample size `(sum w)^2 / sum w^2` (Kong 1992): from 1 to `samples`.
    pub ess: f64,
    /// Number of samples: trajectories, or rows for the first-order form.
    pub samples: usize,
}

impl Ess {
    /// The share of the samples that is left, in `(0, 1]`; 0 of no samples.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { self.ess / self.samples as f64 }
    }
}

/// Effective sample size of the environments `envs` from the logarithms of their weights
/// `[T, N]` (before or after self-normalisation: it does not depend on their scale).
#[must_use]
pub fn effective_sample_size<R: Real>(
    steps: &Steps<'_, R>,
    form: Form,
    log_weight: &[f64],
    envs: Range<usize>,
) -> Ess {
    let each = |f: &mut dyn FnMut(f64)| {
        for_each_sample(steps, form, envs.clone(), |k| f(log_weight[k]));
    };
    let (mut largest, mut samples) = (f64::NEG_INFINITY, 0);
    each(&mut |x| (largest, samples) = (Real::maximum(largest, x), samples + 1));
    let (mut sum, mut squares) = (0.0, 0.0);
    each(&mut |x| {
        let w = Real::exp(x - largest);
        (sum, squares) = (sum + w, squares + w * w);
    });
    Ess { ess: if samples == 0 { 0.0 } else { sum * sum / squares }, samples }
}

/// `Q_t = r_t + discount_t (W_{t+1} / W_t) Q_{t+1}`, bootstrapping with `discount_t V(s_{t+1})`
/// where the trajectory is cut: with ordinary per-decision weights `W_{t+1} / W_t = rho_{t+1}`.
/// Writes `out` `[T, N]`.
pub fn per_decision_return<R: Real>(steps: &Steps<'_, R>, log_weight: &[f64], out: &mut [R]) {
    steps.check_shapes();
    for k in (0..steps.rows()).rev() {
        out[k] = if !steps.valid[k] {
            R::ZERO
        } else if steps.continues(k) {
            let next = k + steps.n;
            let ratio = R::from_f64(Real::exp(log_weight[next] - log_weight[k]));
            steps.reward[k] + steps.discount[k] * ratio * out[next]
        } else {
            steps.reward[k] + steps.discount[k] * steps.next_value[k]
        };
    }
}

/// Memory that [`estimate_off_policy`] reuses from call to call.
#[derive(Clone, Debug, Default)]
pub struct ImportanceScratch {
    /// `log W_t` after correction, `[T, N]`: left for whoever wants to look at it.
    pub log_weight: Vec<f64>,
    /// Of the estimator.
    pub scratch: Scratch,
    sums: Vec<f64>,
}

impl ImportanceScratch {
    /// Room for rollouts of T x N = `t` x `n` rows, so that nothing allocates later.
    #[must_use]
    pub fn new(t: usize, n: usize) -> Self {
        Self {
            log_weight: vec![0.0; t * n],
            scratch: Scratch::with_rows(t * n),
            sums: Vec::with_capacity(2 * t),
        }
    }
}

/// Coefficients of `grad log pi(a_t|s_t)`, importance ratios included, and value targets, both
/// `[T, N]`, from experience of other policies; 0 in rows that are not valid. Returns how much
/// of the data is left.
///
/// `log_ratio` `[T, N]` is `log pi(a_t|s_t) - log mu(a_t|s_t)` with the policy that acted as
/// `mu`; rows of several policies may stand side by side as environments. Targets are those of
/// [`super::estimate`] (of the policies that acted; for V-trace of the present one).
///
/// # Errors
/// [`ImportanceError`] if a log-ratio is not finite.
///
/// # Panics
/// If a slice does not have T * N entries. Ask [`ImportanceConfig::obstacle`] first.
pub fn estimate_off_policy<R: Real>(
    estimator: &EstimatorConfig,
    config: &ImportanceConfig,
    steps: &Steps<'_, R>,
    log_ratio: &[R],
    advantage: &mut [R],
    target: &mut [R],
    scratch: &mut ImportanceScratch,
) -> Result<Ess, ImportanceError> {
    check_log_ratios(steps, log_ratio)?;
    scratch.log_weight.resize(steps.rows(), 0.0);
    let ImportanceScratch { log_weight, scratch, sums } = scratch;
    log_weights(steps, log_ratio, config.form, log_weight);
    let ess = effective_sample_size(steps, config.form, log_weight, 0..steps.n);
    correct_weights(steps, config, log_weight, sums);
    if config.form == Form::PerDecision {
        reward_to_go(steps, target);
        per_decision_return(steps, log_weight, advantage);
        subtract_baseline(estimator, steps, advantage, scratch);
        if estimator.discounting == Discounting::FromStart {
            scale_from_start(steps, advantage);
        }
    } else {
        estimate_raw(estimator, steps, Some(log_ratio), advantage, target, scratch);
    }
    if estimator.kind != Kind::VTrace {
        let weight = |k: usize| R::from_f64(Real::exp(log_weight[k]));
        let valid = advantage.iter_mut().enumerate().filter(|(k, _)| steps.valid[*k]);
        valid.for_each(|(k, a)| *a *= weight(k));
    }
    if estimator.normalize == Normalize::Batch {
        normalize(advantage, steps.valid);
    }
    Ok(ess)
}
