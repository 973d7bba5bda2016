//! Evaluation: how good a policy is, independent of how it is computed.
//!
//! Episode `i` is keyed by (seed, i), and exactly the first N episodes count: taking whichever
//! finish first would favour short ones.

use crate::Error;
use crate::play::{Game, Played, PolicyPlayer, play};
use crate::policy::Policy;
use gradwerk_env::{End, EnvFactory};
use gradwerk_math::Pool;
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// What to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct EvalOptions {
    /// Number of episodes.
    pub episodes: usize,
    /// Seed of the episodes (and of stochastic actions).
    pub seed: u64,
    /// Sample actions instead of taking the most probable one.
    pub stochastic: bool,
}

impl Default for EvalOptions {
    /// 100 episodes of seed 0 with the most probable actions, as `gradwerk eval` plays them.
    fn default() -> Self {
        Self { episodes: 100, seed: 0, stochastic: false }
    }
}

/// The result over N episodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Name of the environment.
    pub env: String,
    /// Number of episodes.
    pub episodes: usize,
    /// Mean raw return.
    pub mean_return: f64,
    /// Sample standard deviation of the returns (0 for one episode).
    pub std_return: f64,
    /// Half width of the 95 % confidence interval of the mean.
    pub ci95: f64,
    /// Smallest return.
    pub min: f64,
    /// Largest return.
    pub max: f64,
    /// Mean length in agent steps.
    pub mean_length: f64,
    /// Episodes that only `eval.longest` ended (0 where the environment has a time limit).
    pub cut: usize,
    /// Return of every episode, in the order of the keys.
    #[serde(skip)]
    pub returns: Vec<f64>,
}

/// Run `options.episodes` keyed episodes of the policy, with the environment's settings that it
/// was trained with, and the frozen normaliser.
///
/// # Errors
/// If the policy does not fit the environment, or the environment yields a NaN.
pub fn evaluate(
    policy: &Policy,
    env: &dyn EnvFactory,
    options: EvalOptions,
    pool: &Pool,
) -> Result<Evaluation, Error> {
    let never = AtomicBool::new(false);
    let result = evaluate_until(policy, env, options, pool, &never)?;
    Ok(result.expect("nobody else can set the flag"))
}

/// [`evaluate`] that can be stopped: `None` within a step after `interrupt` was set.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_until(
    policy: &Policy,
    env: &dyn EnvFactory,
    options: EvalOptions,
    pool: &Pool,
    interrupt: &AtomicBool,
) -> Result<Option<Evaluation>, Error> {
    let env = &policy.as_seen(env)?;
    let (settings, cut_at) = policy.episode_settings(env);
    let game = Game { env, settings, episodes: options.episodes, seed: options.seed, keep: false };
    let player = PolicyPlayer::new(policy, options.stochastic);
    let played = play(&game, &player, pool, interrupt)?;
    Ok(played.map(|played| summarize(env.id(), &played, cut_at)))
}

fn summarize(env: &str, played: &[Played], cut_at: Option<u32>) -> Evaluation {
    let n = played.len() as f64;
    let returns: Vec<f64> = played.iter().map(|p| p.total).collect();
    let mean_return = returns.iter().sum::<f64>() / n;
    let square: f64 = returns.iter().map(|r| (r - mean_return) * (r - mean_return)).sum();
    let std_return = if returns.len() > 1 { (square / (n - 1.0)).sqrt() } else { 0.0 };
    Evaluation {
        env: env.into(),
        episodes: returns.len(),
        mean_return,
        std_return,
        ci95: 1.959_964 * std_return / n.sqrt(),
        min: returns.iter().copied().fold(f64::INFINITY, f64::min),
        max: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        mean_length: played.iter().map(|p| f64::from(p.length)).sum::<f64>() / n,
        cut: played.iter().filter(|p| p.end == End::Truncated && Some(p.length) == cut_at).count(),
        returns,
    }
}
