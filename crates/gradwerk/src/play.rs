//! Keyed episodes: whoever plays them, on however many threads, they are the same.
//!
//! Episode `i` is keyed by (seed, i), and exactly the first N episodes count: taking whichever
//! finish first would favour short ones.

use crate::Error;
use crate::collect::check_finite;
use crate::encode::Encoder;
use crate::model::clip_to_space;
use crate::policy::{ActionBatch, Policy};
use crate::recording::Trajectory;
use gradwerk_env::{
    Actions, Batching, End, EnvError, EnvFactory, EnvSettings, EpisodeKeys, Space, StepRows,
    VecEnv, mask,
};
use gradwerk_math::{Pool, Purpose, Stream};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whoever chooses actions.
pub trait Player: Clone + Send {
    /// Actions for raw observations `[rows, d]`, as they are chosen (see [`Player::to_space`]),
    /// and `log mu(a|s)` of each; an empty list where nobody knows that. `masks` is
    /// `[rows, mask_width]`, empty where the environment has none ([`gradwerk_env::mask`]). What is
    /// random draws from `streams[row]`.
    ///
    /// # Errors
    /// If the player knows no masks, but there are some.
    fn act(
        &mut self,
        obs: &[f32],
        masks: &[bool],
        streams: &[Stream],
    ) -> Result<(ActionBatch, Vec<f32>), Error>;

    /// The number that keys what is random in step `step` of an episode
    /// ([`Policy::noise_step`]).
    fn noise_step(&self, step: u64) -> u64 {
        step
    }

    /// Row `row` begins an episode; what was remembered of another one is forgotten.
    fn forget(&mut self, row: usize) {
        let _ = row;
    }

    /// Turn chosen actions into those that the environment receives: clipped to its space, unless
    /// the player chooses in another coordinate.
    fn to_space(&self, space: &Space, actions: &mut ActionBatch) {
        clip_to_space(space, &mut actions.continuous);
    }
}

/// A policy that plays.
#[derive(Clone, Debug)]
pub struct PolicyPlayer {
    policy: Policy,
    /// Whether it draws its actions instead of taking the most probable ones.
    stochastic: bool,
}

impl PolicyPlayer {
    /// A copy of `policy` that remembers nothing yet.
    #[must_use]
    pub fn new(policy: &Policy, stochastic: bool) -> Self {
        let mut policy = policy.clone();
        policy.forget();
        Self { policy, stochastic }
    }
}

impl Player for PolicyPlayer {
    fn act(
        &mut self,
        obs: &[f32],
        masks: &[bool],
        streams: &[Stream],
    ) -> Result<(ActionBatch, Vec<f32>), Error> {
        if self.stochastic {
            self.policy.sample_with_log_prob(obs, masks, streams)
        } else {
            Ok((self.policy.predict_masked(obs, masks)?, Vec::new()))
        }
    }

    fn noise_step(&self, step: u64) -> u64 {
        self.policy.noise_step(step)
    }

    fn forget(&mut self, row: usize) {
        self.policy.forget_row(row);
    }

    /// The most probable actions are taken to the space already.
    fn to_space(&self, _: &Space, actions: &mut ActionBatch) {
        if self.stochastic {
            self.policy.take_to_space(actions);
        }
    }
}

/// What is played.
pub struct Game<'a> {
    /// The environment.
    pub env: &'a dyn EnvFactory,
    /// Its settings; there must be a time limit where an episode may never end.
    pub settings: EnvSettings,
    /// Number of episodes.
    pub episodes: usize,
    /// Their seed.
    pub seed: u64,
    /// Whether whole trajectories are kept.
    pub keep: bool,
}

/// A finished episode.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its number.
    pub episode: usize,
    /// Sum of its rewards.
    pub total: f64,
    /// Its length in agent steps.
    pub length: u32,
    /// How it ended.
    pub end: End,
    /// What happened in it, if that was to be kept; else empty.
    pub trajectory: Trajectory,
}

/// Slots per shard: enough rows for the kernels, few enough that short runs stay parallel.
const SLOTS: usize = 64;

/// Play the episodes, in the order of their numbers; `None` within a step after `interrupt` was
/// set.
///
/// # Errors
/// If no episode is asked for, or the environment yields a NaN or what is not in its space.
pub fn play<P: Player>(
    game: &Game<'_>,
    player: &P,
    pool: &Pool,
    interrupt: &AtomicBool,
) -> Result<Option<Vec<Played>>, Error> {
    if game.episodes == 0 {
        return Err(Error::Usage("episodes = 0: must be at least 1".into()));
    }
    let (slots, batch) = match game.env.batching() {
        Batching::Free => (game.episodes.min(SLOTS * pool.threads()), SLOTS),
        Batching::Whole { evaluation } => (game.episodes.min(evaluation), evaluation),
    };
    let mut tables: Vec<Table<P>> = (0..slots)
        .step_by(batch)
        .map(|first| {
            let count = batch.min(slots - first);
            let keys = EpisodeKeys::Evaluation { first: first as u64, stride: slots as u64 };
            let env = game.env.make(game.seed, keys, count, &game.settings);
            Table::new(game, player.clone(), env, first, slots)
        })
        .collect();
    pool.for_each(&mut tables, |_, table| table.result = table.play(interrupt));
    let mut played: Vec<Played> = Vec::new();
    for table in tables {
        if !table.result? {
            return Ok(None);
        }
        played.extend(table.played);
    }
    played.sort_unstable_by_key(|p| p.episode);
    Ok(Some(played))
}

/// Slots that play their share of the episodes: slot `i` plays `first + i + k * stride`.
struct Table<P> {
    player: P,
    env: Box<dyn VecEnv>,
    encoder: Encoder,
    stride: usize,
    episodes: usize,
    seed: u64,
    keep: bool,
    episode: Vec<usize>,
    time: Vec<u32>,
    total: Vec<f64>,
    active: Vec<bool>,
    tape: Vec<Trajectory>,
    played: Vec<Played>,
    /// Whether all episodes were played.
    result: Result<bool, Error>,
}

impl<P: Player> Table<P> {
    fn new(game: &Game<'_>, player: P, env: Box<dyn VecEnv>, first: usize, stride: usize) -> Self {
        let n = env.num_envs();
        Self {
            player,
            encoder: Encoder::of(env.observation_space()),
            env,
            stride,
            episodes: game.episodes,
            seed: game.seed,
            keep: game.keep,
            episode: (first..first + n).collect(),
            time: vec![0; n],
            total: vec![0.0; n],
            active: vec![true; n],
            tape: vec![Trajectory::default(); n],
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
        self.check_env()?;
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
            let resetting = self.env.resetting().to_vec();
            self.env.step(batch, &self.active, &mut rows);
            self.check_env()?;
            let lost = self.env.lost().to_vec();
            for i in (0..n).filter(|&i| self.active[i]).collect::<Vec<_>>() {
                let entries = i * d..(i + 1) * d;
                if lost.get(i) == Some(&true) {
                    self.check(i, &obs[entries], 0.0)?;
                    self.begin_again(i);
                    continue;
                }
                if resetting.get(i) == Some(&true) {
                    self.check(i, &obs[entries], 0.0)?;
                    self.player.forget(i);
                    continue;
                }
                self.check(i, &obs[entries.clone()], reward[i])?;
                if end[i].is_end() {
                    self.check(i, &final_obs[entries.clone()], 0.0)?;
                }
                self.record(i, reward[i], end[i], &final_obs[entries]);
            }
        }
        Ok(true)
    }

    /// Choose, write down, and take to the space.
    fn act(&mut self, obs: &[f32], masks: &mut [bool]) -> Result<ActionBatch, Error> {
        self.env.masks(masks);
        self.check_masks(masks)?;
        let stream = |(&episode, &time): (&usize, &u32)| {
            let step = self.player.noise_step(time.into());
            Stream::new(self.seed, Purpose::EvalAction, episode as u64, step)
        };
        let streams: Vec<Stream> = self.episode.iter().zip(&self.time).map(stream).collect();
        let (mut actions, log_mu) = self.player.act(obs, masks, &streams)?;
        if self.keep {
            self.write_down(obs, masks, &actions, &log_mu);
        }
        self.player.to_space(self.env.action_space(), &mut actions);
        Ok(actions)
    }

    fn write_down(&mut self, obs: &[f32], masks: &[bool], actions: &ActionBatch, log_mu: &[f32]) {
        let (d, n) = (self.env.observation_space().width(), self.tape.len());
        let (wd, wc, wm) =
            (actions.discrete.len() / n, actions.continuous.len() / n, masks.len() / n);
        let resetting = self.env.resetting();
        let acts = |i: usize| self.active[i] && resetting.get(i) != Some(&true);
        for (i, tape) in self.tape.iter_mut().enumerate().filter(|(i, _)| acts(*i)) {
            tape.obs.extend_from_slice(&obs[i * d..(i + 1) * d]);
            tape.discrete.extend_from_slice(&actions.discrete[i * wd..(i + 1) * wd]);
            tape.continuous.extend_from_slice(&actions.continuous[i * wc..(i + 1) * wc]);
            tape.mask.extend_from_slice(&masks[i * wm..(i + 1) * wm]);
            tape.log_mu.extend(log_mu.get(i));
        }
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

    fn check_env(&mut self) -> Result<(), EnvError> {
        self.env.take_failure().map_or(Ok(()), Err)
    }

    fn place(&self, i: usize) -> String {
        format!("evaluation episode {}, step {}", self.episode[i], self.time[i])
    }

    /// What the environment returned must be finite and fit its space.
    fn check(&self, i: usize, obs: &[f32], reward: f64) -> Result<(), Error> {
        let finite = check_finite(obs, self.env.observation_space(), reward);
        finite.map_err(|(what, value)| Error::NonFinite { what, value, place: self.place(i) })?;
        let unfit = |error| EnvError(format!("{}: {error}", self.place(i)));
        Ok(self.encoder.check(obs).map_err(unfit)?)
    }

    /// A step of the slot's episode was lost, and it begins once more.
    fn begin_again(&mut self, i: usize) {
        self.tape[i] = Trajectory::default();
        (self.total[i], self.time[i]) = (0.0, 0);
        self.player.forget(i);
    }

    fn record(&mut self, i: usize, reward: f64, end: End, final_obs: &[f32]) {
        self.total[i] += reward;
        self.time[i] += 1;
        if self.keep {
            self.tape[i].reward.push(reward);
        }
        if !end.is_end() {
            return;
        }
        let mut trajectory = std::mem::take(&mut self.tape[i]);
        trajectory.end = end;
        if self.keep && end == End::Truncated {
            trajectory.final_obs.extend_from_slice(final_obs);
        }
        self.player.forget(i);
        let (episode, total, length) = (self.episode[i], self.total[i], self.time[i]);
        self.played.push(Played { episode, total, length, end, trajectory });
        self.episode[i] += self.stride;
        (self.total[i], self.time[i]) = (0.0, 0);
        self.active[i] = self.episode[i] < self.episodes;
    }
}
