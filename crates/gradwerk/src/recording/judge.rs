//! How good a policy is, told from a recording of another one.

use super::Recording;
use crate::Error;
use crate::estimate::{Ess, Estimate, PolicyValue, Weighed, policy_value};
use crate::policy::{ActionBatch, Policy};
use gradwerk_env::EnvFactory;
use serde::Serialize;
use std::ops::Range;

/// What a recording says about the mean return of a policy that draws its actions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Name of the environment.
    pub env: String,
    /// The recording.
    pub recording: String,
    /// Its episodes.
    pub episodes: usize,
    /// Its steps.
    pub steps: usize,
    /// Discount of the returns.
    pub gamma: f64,
    /// Mean return of the recorded episodes themselves, under the same discount.
    pub behaviour_return: f64,
    /// The estimates, by form and weights.
    pub estimates: Vec<Line>,
    /// Effective number of episodes that the weights leave.
    pub ess: f64,
    /// The same as a share of the episodes.
    pub ess_share: f64,
    /// Mean `log pi(a|s)` of the recorded actions in nats.
    pub log_likelihood: f64,
}

/// One estimate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Line {
    /// `trajectory` or `per-decision`.
    pub form: &'static str,
    /// `ordinary` or `self-normalised`.
    pub weights: &'static str,
    /// The estimated mean return.
    pub mean_return: f64,
    /// Its standard error; null of a single episode.
    pub std_error: Option<f64>,
}

/// Share of the episodes below which an estimate is not to be trusted.
const LOW_SHARE: f64 = 0.1;

impl Judgement {
    /// Why the estimates should not be believed, if so: what the weights leave is too little.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        (self.ess_share < LOW_SHARE || !self.ess.is_finite()).then(|| {
            format!(
                "the weights leave {:.2} of {} episodes: the policy is too far from the one that \
                 was recorded for these estimates and their errors to be trusted",
                self.ess, self.episodes
            )
        })
    }
}

/// Estimate the mean return of `policy`, drawing its actions, from `recording`: weighed by the
/// products of `pi / mu`, returns discounted by `gamma` (1: not at all).
///
/// # Errors
/// If the recording has no `log mu`, is of another environment, or holds an action to which the
/// policy gives the probability 0 (the row is named).
pub fn judge(
    policy: &Policy,
    env: &dyn EnvFactory,
    recording: &Recording,
    gamma: f64,
) -> Result<Judgement, Error> {
    if !(gamma > 0.0 && gamma <= 1.0) {
        return Err(Error::Usage(format!("gamma = {gamma}: must be in (0, 1]")));
    }
    let env = &policy.as_seen(env)?;
    recording.check_env(env, policy.config().env.frame_skip)?;
    recording.check_log_mu()?;
    recording.check_dist(&policy.model().dist)?;
    let log_pi = log_probs(policy, recording)?;
    let weighed: Vec<Weighed> = recording
        .episodes
        .iter()
        .map(|rows| Weighed {
            log_ratio: rows
                .clone()
                .map(|row| f64::from(log_pi[row]) - f64::from(recording.log_mu[row]))
                .collect(),
            reward: recording.reward[rows.clone()].to_vec(),
        })
        .collect();
    let of_behaviour = |w: &Weighed| Weighed { log_ratio: vec![0.0; w.reward.len()], ..w.clone() };
    let behaviour: Vec<Weighed> = weighed.iter().map(of_behaviour).collect();
    let PolicyValue {
        ordinary,
        self_normalised,
        per_decision,
        self_normalised_per_decision,
        ess: Ess { ess, samples },
    } = policy_value(&weighed, gamma);
    let line = |form, weights, e: Estimate| Line {
        form,
        weights,
        mean_return: e.value,
        std_error: e.std_error,
    };
    Ok(Judgement {
        env: env.id().into(),
        recording: recording.name(),
        episodes: recording.episodes(),
        steps: recording.rows(),
        gamma,
        behaviour_return: policy_value(&behaviour, gamma).ordinary.value,
        estimates: vec![
            line("trajectory", "ordinary", ordinary),
            line("trajectory", "self-normalised", self_normalised),
            line("per-decision", "ordinary", per_decision),
            line("per-decision", "self-normalised", self_normalised_per_decision),
        ],
        ess,
        ess_share: ess / samples as f64,
        log_likelihood: log_pi.iter().map(|&x| f64::from(x)).sum::<f64>() / log_pi.len() as f64,
    })
}

fn log_probs(policy: &Policy, recording: &Recording) -> Result<Vec<f32>, Error> {
    let log_pi = if policy.memory_width() > 0 {
        live_through(policy, recording)?
    } else {
        log_probs_of(&mut policy.clone(), recording, 0..recording.rows())?
    };
    match log_pi.iter().position(|x| !x.is_finite()) {
        None => Ok(log_pi),
        Some(row) => Err(Error::Usage(format!(
            "{}: row {row}: log pi(a|s) of the recorded action is {}, so that it cannot be weighed",
            recording.name(),
            log_pi[row]
        ))),
    }
}

/// As they lie, whatever came before.
fn log_probs_of(
    policy: &mut Policy,
    recording: &Recording,
    rows: Range<usize>,
) -> Result<Vec<f32>, Error> {
    let (raw, (wd, wc)) = recording.widths();
    let cut = |width: usize| rows.start * width..rows.end * width;
    let actions = ActionBatch {
        discrete: recording.discrete[cut(wd)].to_vec(),
        continuous: recording.continuous[cut(wc)].to_vec(),
    };
    let (obs, mask) = (&recording.obs[cut(raw)], &recording.mask[cut(recording.mask_width())]);
    policy.log_probs(obs, mask, &actions)
}

/// Row by row, with what the policy remembers of each episode.
fn live_through(policy: &Policy, recording: &Recording) -> Result<Vec<f32>, Error> {
    let (mut policy, mut log_pi) = (policy.clone(), Vec::with_capacity(recording.rows()));
    for episode in &recording.episodes {
        policy.forget();
        for row in episode.clone() {
            log_pi.extend(log_probs_of(&mut policy, recording, row..row + 1)?);
        }
    }
    Ok(log_pi)
}
