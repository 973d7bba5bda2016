//! Evaluation: how good a policy is, independent of how it is computed.
//!
//! Episode `i` is keyed by (seed, i), and exactly the first N episodes count: taking whichever
//! finish first would favour short ones.

use crate::Error;
use crate::policy::{ActionBatch, Policy};
use gradwerk_env::{Actions, End, EnvFactory, EpisodeKeys, StepRows, VecEnv};
use gradwerk_math::{Pool, Purpose, Stream};
use serde::Serialize;

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
    policy.check_env(env)?;
    if options.episodes == 0 {
        return Err(Error::Usage("episodes = 0: must be at least 1".into()));
    }
    let mut settings = policy.config().env_settings(env.default_time_limit());
    settings.time_limit.get_or_insert(policy.config().eval.longest);
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
    pool.for_each(&mut players, |_, player| player.result = player.play());
    let mut played: Vec<(usize, f64, u32)> = Vec::with_capacity(options.episodes);
    for player in players {
        player.result?;
        played.extend(player.played);
    }
    played.sort_unstable_by_key(|p| p.0);
    Ok(summarize(env.id(), &played))
}

fn summarize(env: &str, played: &[(usize, f64, u32)]) -> Evaluation {
    let n = played.len() as f64;
    let returns: Vec<f64> = played.iter().map(|p| p.1).collect();
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
        mean_length: played.iter().map(|p| f64::from(p.2)).sum::<f64>() / n,
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
    played: Vec<(usize, f64, u32)>,
    result: Result<(), Error>,
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
            result: Ok(()),
        }
    }

    fn play(&mut self) -> Result<(), Error> {
        let (n, d) = (self.env.num_envs(), self.env.observation_space().width());
        let (mut obs, mut final_obs) = (vec![0.0; n * d], vec![0.0; n * d]);
        let (mut reward, mut end) = (vec![0.0; n], vec![End::Continue; n]);
        self.env.reset(&mut obs);
        while self.active.contains(&true) {
            let actions = self.act(&obs);
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut final_obs,
            };
            let batch = Actions { discrete: &actions.discrete, continuous: &actions.continuous };
            self.env.step(batch, &self.active, &mut rows);
            for i in 0..n {
                if self.active[i] {
                    self.record(i, reward[i], end[i], &obs[i * d..(i + 1) * d])?;
                }
            }
        }
        Ok(())
    }

    fn act(&mut self, obs: &[f32]) -> ActionBatch {
        if !self.options.stochastic {
            return self.policy.predict(obs);
        }
        let streams: Vec<Stream> = (0..self.episode.len())
            .map(|i| {
                let (episode, time) = (self.episode[i] as u64, u64::from(self.time[i]));
                Stream::new(self.options.seed, Purpose::EvalAction, episode, time)
            })
            .collect();
        self.policy.sample(obs, &streams)
    }

    fn record(&mut self, i: usize, reward: f64, end: End, obs: &[f32]) -> Result<(), Error> {
        if !reward.is_finite() || obs.iter().any(|x| !x.is_finite()) {
            return Err(Error::NonFinite {
                what: "observation or reward".into(),
                value: reward,
                place: format!("evaluation episode {}, step {}", self.episode[i], self.time[i]),
            });
        }
        self.total[i] += reward;
        self.time[i] += 1;
        if end.is_end() {
            self.played.push((self.episode[i], self.total[i], self.time[i]));
            self.episode[i] += self.stride;
            (self.total[i], self.time[i]) = (0.0, 0);
            self.active[i] = self.episode[i] < self.options.episodes;
        }
        Ok(())
    }
}
