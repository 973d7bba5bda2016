//! Evaluation: how good a policy is, independent of how it is computed.
//!
//! Episode `i` is keyed by (seed, i), and exactly the first N episodes count: taking whichever
//! finish first would favour short ones.

use crate::Error;
use crate::collect::check_finite;
use crate::policy::{ActionBatch, Policy};
use gradwerk_env::{Actions, End, EnvError, EnvFactory, EpisodeKeys, StepRows, VecEnv, mask};
use gradwerk_math::{Pool, Purpose, Stream};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Slots per shard: enough rows for the kernels, few enough that short runs stay parallel.
const SLOTS: usize = 64;

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
    policy.check_env(env)?;
    if options.episodes == 0 {
        return Err(Error::Usage("episodes = 0: must be at least 1".into()));
    }
    let mut settings = policy.config().env_settings(env.default_time_limit());
    let longest = policy.config().eval.longest;
    // In agent steps; of no meaning where the environment has a limit of its own.
    let cut_at = settings.time_limit.is_none().then(|| longest.div_ceil(settings.frame_skip));
    settings.time_limit.get_or_insert(longest);
    let slots = options.episodes.min(SLOTS * pool.threads());
    let mut players: Vec<Player> = (0..slots)
        .step_by(SLOTS)
        .map(|first| {
            let count = SLOTS.min(slots - first);
            let keys = EpisodeKeys::Evaluation { first: first as u64, stride: slots as u64 };
            let batch = env.make(options.seed, keys, count, &settings);
            Player::new(policy.clone(), batch, first, slots, options)
        })
        .collect();
    pool.for_each(&mut players, |_, player| player.result = player.play(interrupt));
    let mut played: Vec<Played> = Vec::new();
    for player in players {
        if !player.result? {
            return Ok(None);
        }
        played.extend(player.played);
    }
    played.sort_unstable_by_key(|p| p.episode);
    Ok(Some(summarize(env.id(), &played, cut_at)))
}

/// A finished episode.
struct Played {
    episode: usize,
    total: f64,
    length: u32,
    end: End,
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

/// Slots that play their share of the episodes: slot `i` plays `first + i + k * stride`.
struct Player {
    policy: Policy,
    env: Box<dyn VecEnv>,
    stride: usize,
    options: EvalOptions,
    episode: Vec<usize>,
    time: Vec<u32>,
    total: Vec<f64>,
    active: Vec<bool>,
    played: Vec<Played>,
    /// Whether all episodes were played.
    result: Result<bool, Error>,
}

impl Player {
    fn new(
        policy: Policy,
        env: Box<dyn VecEnv>,
        first: usize,
        stride: usize,
        options: EvalOptions,
    ) -> Self {
        let n = env.num_envs();
        Self {
            policy,
            env,
            stride,
            options,
            episode: (first..first + n).collect(),
            time: vec![0; n],
            total: vec![0.0; n],
            active: vec![true; n],
            played: Vec::new(),
            result: Ok(false),
        }
    }

    /// Play to the end; false if interrupted before.
    fn play(&mut self, interrupt: &AtomicBool) -> Result<bool, Error> {
        let (n, d) = (self.env.num_envs(), self.env.observation_space().width());
        let (mut obs, mut final_obs) = (vec![0.0; n * d], vec![0.0; n * d]);
        let (mut reward, mut end) = (vec![0.0; n], vec![End::Continue; n]);
        let mut masks = vec![true; n * self.env.mask_width()];
        self.env.reset(&mut obs);
        for i in 0..n {
            self.check(i, &obs[i * d..(i + 1) * d], 0.0)?;
        }
        while self.active.contains(&true) {
            if interrupt.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let actions = self.act(&obs, &mut masks)?;
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut final_obs,
            };
            let batch = Actions { discrete: &actions.discrete, continuous: &actions.continuous };
            self.env.step(batch, &self.active, &mut rows);
            for i in (0..n).filter(|&i| self.active[i]).collect::<Vec<_>>() {
                let entries = i * d..(i + 1) * d;
                self.check(i, &obs[entries.clone()], reward[i])?;
                if end[i].is_end() {
                    self.check(i, &final_obs[entries], 0.0)?;
                }
                self.record(i, reward[i], end[i]);
            }
        }
        Ok(true)
    }

    fn act(&mut self, obs: &[f32], masks: &mut [bool]) -> Result<ActionBatch, Error> {
        self.env.masks(masks);
        self.check_masks(masks)?;
        if !self.options.stochastic {
            return self.policy.predict_masked(obs, masks);
        }
        let streams: Vec<Stream> = (0..self.episode.len())
            .map(|i| {
                let (episode, time) = (self.episode[i] as u64, u64::from(self.time[i]));
                Stream::new(self.options.seed, Purpose::EvalAction, episode, time)
            })
            .collect();
        self.policy.sample_masked(obs, masks, &streams)
    }

    /// In every state something must be valid.
    fn check_masks(&self, masks: &[bool]) -> Result<(), Error> {
        let (width, choices) = (self.env.mask_width(), self.env.action_space().choices());
        for (i, row) in masks.chunks_exact(width.max(1)).enumerate() {
            if let Some(k) = mask::first_blocked(&choices, row) {
                let (place, n) = (self.place(i), choices[k]);
                let what = format!("no valid action: component {k}, none of 0..{n}");
                return Err(EnvError(format!("{place}: {what}")).into());
            }
        }
        Ok(())
    }

    fn place(&self, i: usize) -> String {
        format!("evaluation episode {}, step {}", self.episode[i], self.time[i])
    }

    /// A NaN or an infinity ends the evaluation.
    fn check(&self, i: usize, obs: &[f32], reward: f64) -> Result<(), Error> {
        check_finite(obs, reward).map_err(|(what, value)| Error::NonFinite {
            what,
            value,
            place: self.place(i),
        })
    }

    fn record(&mut self, i: usize, reward: f64, end: End) {
        self.total[i] += reward;
        self.time[i] += 1;
        if end.is_end() {
            let (episode, total, length) = (self.episode[i], self.total[i], self.time[i]);
            self.played.push(Played { episode, total, length, end });
            self.episode[i] += self.stride;
            (self.total[i], self.time[i]) = (0.0, 0);
            self.active[i] = self.episode[i] < self.options.episodes;
        }
    }
}
