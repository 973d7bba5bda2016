//! The collector: environments in shards, each with its own inference.
//!
//! A shard steps its environments for a whole rollout without waiting for another shard. What it
//! writes depends only on (seed, environment, step) and the parameters, never on how the
//! environments were divided into shards.

use crate::Error;
use crate::dist::{Distribution, MAX_ROWS, Widths};
use crate::encode::Encoder;
use crate::model::{Lanes, Model, Weights};
use crate::normalize::ObsMap;
use crate::rollout::{Inputs, Rollout};
use gradwerk_env::{Actions, End, EnvError, Space, StepRows, VecEnv, mask, vec_env::SlotState};
use gradwerk_math::{Kernel, Pool, Purpose, Stream};
use std::ops::Range;
use std::time::Instant;

/// How much a rollout takes from each environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// This many steps.
    Steps(usize),
    /// This many whole episodes of at most `longest` steps.
    Episodes {
        /// Episodes per environment.
        quota: usize,
        /// Most steps an episode can take.
        longest: usize,
    },
}

impl Plan {
    /// With a row more per episode, if its reset takes one ([`VecEnv::resetting`]).
    #[must_use]
    pub fn with_resets(self, takes_a_row: bool) -> Self {
        match self {
            Self::Episodes { quota, longest } if takes_a_row => {
                Self::Episodes { quota, longest: longest.saturating_add(1) }
            }
            other => other,
        }
    }

    /// Most rows per environment.
    #[must_use]
    pub fn capacity(self) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Episodes { quota, longest } => quota * longest,
        }
    }
}

/// A finished training episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Row of the rollout in which it ended.
    pub t: usize,
    /// The environment.
    pub env: usize,
    /// Sum of its raw rewards.
    pub total: f64,
    /// Its length in steps.
    pub length: u32,
}

/// What a collection needs and does not change.
#[derive(Debug)]
pub struct Context<'a> {
    /// The policy and value functions.
    pub model: &'a Model<f32>,
    /// Their parameters.
    pub weights: &'a Weights<f32>,
    /// The frozen observation normaliser.
    pub obs_map: &'a ObsMap,
    /// Shift and scale that turn the value network's output into a value.
    pub value_map: (f32, f32),
    /// Seed of the run.
    pub seed: u64,
    /// How much to collect.
    pub plan: Plan,
    /// The threads: one for each shard, or for each lane of the only one.
    pub pool: &'a Pool,
}

/// A contiguous range of environments and everything needed to roll them out.
pub struct Shard {
    first: usize,
    env: Box<dyn VecEnv>,
    encoder: Encoder,
    /// Number of values of each discrete action component.
    choices: Vec<usize>,
    active: Vec<bool>,
    /// The active environments whose step is a transition ([`VecEnv::resetting`]).
    live: Vec<bool>,
    finished: Vec<usize>,
    /// Raw current observations, `[n, d]`.
    obs: Vec<f32>,
    final_obs: Vec<f32>,
    reward: Vec<f64>,
    end: Vec<End>,
    /// Valid steps of each environment since the run began.
    steps: Vec<u64>,
    time: Vec<u32>,
    total: Vec<f64>,
    clipped: Vec<f32>,
    heads: Vec<f32>,
    /// Scratch as long as `heads`.
    work: Vec<f32>,
    /// Of the actions of up to [`MAX_ROWS`] environments.
    streams: Vec<Stream>,
    lanes: Lanes<f32>,
    /// What the networks remember of each environment's episode, `[n, memory_width]`.
    memory: Vec<f32>,
    /// Raw observations before the current one, `[n, frames - 1, d]`: what was seen of another
    /// episode means nothing.
    earlier: Vec<f32>,
    /// Encoded observations to bootstrap from, stacked frame by frame: the final ones, then the
    /// current ones; without their images.
    boot_obs: Vec<f32>,
    /// The images.
    boot_pixels: Vec<u8>,
    /// What is remembered before them.
    boot_memory: Vec<f32>,
    boot_row: Vec<usize>,
    boot_value: Vec<f32>,
    /// Observations that were acted on per environment, where they are normalised.
    pub obs_count: Vec<u64>,
    /// Sums of `x - mean` and its square per environment and entry, `[n, d]` each.
    pub obs_sum: Vec<f64>,
    /// See [`Shard::obs_sum`].
    pub obs_square: Vec<f64>,
    /// The rollout of this shard.
    pub rollout: Rollout<f32>,
    /// Episodes that ended in this rollout, by (t, environment).
    pub episodes: Vec<Episode>,
    /// The first failure of this rollout.
    pub error: Option<Error>,
}

impl Shard {
    /// Environments `first..first + env.num_envs()`, at their first episodes' starts. The
    /// networks' rows are divided over so many `lanes` (1 where shards run side by side).
    #[must_use]
    pub fn new(
        first: usize,
        env: Box<dyn VecEnv>,
        model: &Model<f32>,
        plan: Plan,
        (kernel, lanes): (Kernel, usize),
    ) -> Self {
        let (n, raw) = (env.num_envs(), model.encoder.raw_width());
        let (d, pixels) = (model.frame.numbers(), model.frame.pixels());
        let (memory, frames) = (model.memory_width(), model.frames);
        let masks = "masks of the environment and of the model";
        assert_eq!(env.mask_width(), model.mask_width, "{masks}");
        let rows = plan.capacity() * n;
        // Cut episodes and the last observations. With fixed steps there may be more cuts.
        let boots = n * match plan {
            Plan::Steps(_) => 2,
            Plan::Episodes { quota, .. } => quota + 1,
        };
        let mut shard = Self {
            first,
            encoder: model.encoder.clone(),
            choices: env.action_space().choices(),
            active: vec![true; n],
            live: vec![true; n],
            finished: vec![0; n],
            obs: vec![0.0; n * raw],
            final_obs: vec![0.0; n * raw],
            reward: vec![0.0; n],
            end: vec![End::Continue; n],
            steps: vec![0; n],
            time: vec![0; n],
            total: vec![0.0; n],
            clipped: vec![0.0; n * model.dist.continuous()],
            heads: vec![0.0; n * model.head_width()],
            work: vec![0.0; n * model.head_width()],
            streams: Vec::with_capacity(n.min(MAX_ROWS)),
            lanes: Lanes::new(model, kernel, lanes),
            memory: vec![0.0; n * memory],
            earlier: vec![0.0; n * (frames - 1) * raw],
            boot_obs: Vec::with_capacity(boots * frames * d),
            boot_pixels: Vec::with_capacity(boots * frames * pixels),
            boot_memory: Vec::with_capacity(boots * memory),
            boot_row: Vec::with_capacity(boots),
            boot_value: Vec::with_capacity(boots),
            obs_count: vec![0; n],
            obs_sum: vec![0.0; n * d],
            obs_square: vec![0.0; n * d],
            rollout: model.rollout(plan.capacity(), n),
            episodes: Vec::with_capacity(rows.min(1 << 16)),
            error: None,
            env,
        };
        shard.env.reset(&mut shard.obs);
        shard
    }

    /// Index of the first environment.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// Roll the environments out as planned; a failure is left in `self.error`.
    pub fn collect(&mut self, ctx: &Context<'_>) {
        self.error = self.try_collect(ctx).err();
    }

    /// The failure of the environments, if their reset failed.
    ///
    /// # Errors
    /// As said.
    pub fn check_env(&mut self) -> Result<(), EnvError> {
        self.env.take_failure().map_or(Ok(()), Err)
    }

    fn try_collect(&mut self, ctx: &Context<'_>) -> Result<(), Error> {
        self.begin(ctx.plan);
        self.check_env()?;
        for (i, obs) in self.obs.chunks_exact(self.encoder.raw_width()).enumerate() {
            self.check(i, obs, 0.0)?;
        }
        self.show_earlier(ctx.obs_map);
        let (mut t, begun) = (0, Instant::now());
        while self.goes_on(ctx.plan, t) {
            self.find_live();
            self.act(ctx, t)?;
            self.step(ctx, t)?;
            t += 1;
            self.announce(ctx, t, begun);
        }
        self.rollout.set_len(t);
        self.evaluate(ctx);
        Ok(())
    }

    /// The other threads have slept while one stepped the environments, and are needed when the
    /// last of its rows is there.
    fn announce(&self, ctx: &Context<'_>, t: usize, begun: Instant) {
        let Plan::Steps(steps) = ctx.plan else { return };
        let left = || begun.elapsed().mul_f64((steps - t) as f64 / t as f64);
        if self.lanes.are_several() && left() < Pool::WAKING {
            ctx.pool.rouse();
        }
    }

    fn begin(&mut self, plan: Plan) {
        self.rollout.set_len(plan.capacity());
        self.active.fill(true);
        self.finished.fill(0);
        self.episodes.clear();
        self.boot_obs.clear();
        self.boot_pixels.clear();
        self.boot_memory.clear();
        self.boot_row.clear();
        self.obs_count.fill(0);
        self.obs_sum.fill(0.0);
        self.obs_square.fill(0.0);
        if let Plan::Episodes { .. } = plan {
            self.env.begin_round(&mut self.obs);
        }
    }

    /// Encode the frames from before the rollout with the map of this one.
    fn show_earlier(&mut self, map: &ObsMap) {
        let (raw, frames) = (self.encoder.raw_width(), self.rollout.earlier);
        for (at, frame) in self.earlier.chunks_exact(raw).enumerate() {
            let (numbers, pixels) = self.rollout.earlier_mut(at / frames, at % frames);
            self.encoder.store(map, frame, numbers, pixels);
        }
    }

    /// The current observations of the environments that act become earlier ones.
    fn shift_earlier(&mut self) {
        let (raw, frames) = (self.encoder.raw_width(), self.rollout.earlier);
        if frames == 0 {
            return;
        }
        let rows = self.earlier.chunks_exact_mut(frames * raw).zip(self.obs.chunks_exact(raw));
        for ((earlier, obs), _) in rows.zip(&self.live).filter(|(_, live)| **live) {
            earlier.copy_within(raw.., 0);
            earlier[(frames - 1) * raw..].copy_from_slice(obs);
        }
    }

    fn find_live(&mut self) {
        self.live.copy_from_slice(&self.active);
        let resetting = self.env.resetting().iter();
        self.live.iter_mut().zip(resetting).for_each(|(live, resetting)| *live &= !resetting);
    }

    fn goes_on(&self, plan: Plan, t: usize) -> bool {
        match plan {
            Plan::Steps(steps) => t < steps,
            Plan::Episodes { .. } => self.active.contains(&true),
        }
    }

    /// Encode what is seen, ask the policy, sample an action for every environment.
    fn act(&mut self, ctx: &Context<'_>, t: usize) -> Result<(), Error> {
        let n = self.rollout.n;
        self.rollout.valid[t * n..(t + 1) * n].copy_from_slice(&self.live);
        self.rollout.time[t * n..(t + 1) * n].copy_from_slice(&self.time);
        let (numbers, pixels) = self.rollout.frames_mut(t * n..(t + 1) * n);
        self.encoder.store(ctx.obs_map, &self.obs, numbers, pixels);
        self.infer(ctx, t);
        self.apply_masks(ctx, t)?;
        for first in (0..n).step_by(MAX_ROWS) {
            self.draw(ctx, t, first..n.min(first + MAX_ROWS));
        }
        let log_prob = &self.rollout.log_prob[t * n..(t + 1) * n];
        match log_prob.iter().position(|l| !l.is_finite()) {
            Some(i) => Err(self.non_finite("log-probability of the action", log_prob[i].into(), i)),
            None => Ok(()),
        }
    }

    /// Ask the policy, and for the values as well if that is the time for it.
    fn infer(&mut self, ctx: &Context<'_>, t: usize) {
        let rows = t * self.rollout.n..(t + 1) * self.rollout.n;
        let r = &mut self.rollout;
        let before = rows.start * r.memory_width..rows.end * r.memory_width;
        r.memory[before].copy_from_slice(&self.memory);
        let mut value = std::mem::take(&mut r.value);
        let v = if ctx.model.evaluates_with_policy() { rows.clone() } else { 0..0 };
        let (seen, out) = (r.inputs(rows), (&mut self.heads[..], &mut value[v]));
        self.lanes.run(ctx.pool, (ctx.model, ctx.weights), seen, &mut self.memory, out);
        self.rollout.value = value;
    }

    /// Sample the actions of some environments, from their head outputs.
    fn draw(&mut self, ctx: &Context<'_>, t: usize, envs: Range<usize>) {
        self.streams.clear();
        self.streams.extend(envs.clone().map(|i| {
            let step = ctx.model.dist.noise_step(self.steps[i]);
            Stream::new(ctx.seed, Purpose::Action, (self.first + i) as u64, step)
        }));
        let (width, start) = (ctx.model.head_width(), t * self.rollout.n);
        let heads = envs.start * width..envs.end * width;
        let rows = start + envs.start..start + envs.end;
        let (actions, log_prob) = self.rollout.sampled_mut(rows);
        let (y, work) = (&self.heads[heads.clone()], &mut self.work[heads]);
        ctx.model.dist.sample_rows(y, &mut self.streams, actions, log_prob, work);
    }

    /// Ask the environments which actions are valid and take the others' probability away.
    fn apply_masks(&mut self, ctx: &Context<'_>, t: usize) -> Result<(), Error> {
        let (n, width) = (self.rollout.n, self.rollout.mask_width);
        if width == 0 {
            return Ok(());
        }
        let rows = &mut self.rollout.mask[t * n * width..(t + 1) * n * width];
        self.env.masks(rows);
        for (i, row) in rows.chunks_exact(width).enumerate() {
            if let Some(k) = mask::first_blocked(&self.choices, row) {
                let n = self.choices[k];
                let what = format!("no valid action: component {k}, none of 0..{n}");
                return Err(EnvError(format!("{}: {what}", self.place(i))).into());
            }
        }
        ctx.model.dist.mask_rows(rows.chunks_exact(width), &mut self.heads);
        Ok(())
    }

    /// Step the active environments with the clipped actions and record what follows.
    fn step(&mut self, ctx: &Context<'_>, t: usize) -> Result<(), Error> {
        let (n, d) = (self.rollout.n, self.encoder.raw_width());
        if ctx.obs_map.is_active() {
            self.add_moments(ctx.obs_map);
        }
        self.clip_actions(ctx.model, t);
        self.shift_earlier();
        let wd = self.rollout.discrete_width;
        let actions = Actions {
            discrete: &self.rollout.discrete[t * n * wd..(t + 1) * n * wd],
            continuous: &self.clipped,
        };
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut self.reward,
            end: &mut self.end,
            final_obs: &mut self.final_obs,
        };
        self.env.step(actions, &self.active, &mut rows);
        self.check_env()?;
        self.take_back_lost(t);
        for i in (0..n).filter(|&i| self.active[i]) {
            let row = i * d..(i + 1) * d;
            let reward = if self.live[i] { self.reward[i] } else { 0.0 };
            self.check(i, &self.obs[row.clone()], reward)?;
            if self.live[i] && self.end[i].is_end() {
                self.check(i, &self.final_obs[row], 0.0)?;
            }
        }
        for i in 0..n {
            if self.live[i] {
                self.record(ctx, t, i);
            } else {
                // It stands at the start of an episode, begun in this row, or waits.
                forget(&mut self.memory, self.rollout.memory_width, i);
            }
        }
        if let Plan::Episodes { quota, .. } = ctx.plan {
            for i in 0..n {
                self.active[i] = self.finished[i] < quota;
            }
        }
        Ok(())
    }

    /// Steps that were lost ([`VecEnv::lost`]) are no transitions: their episodes are cut at the
    /// observations that they acted on, and the rows before bootstrap with their values. Such an
    /// episode has no return; where whole episodes are collected, it takes the place of one.
    fn take_back_lost(&mut self, t: usize) {
        let n = self.rollout.n;
        let Self { env, live, rollout, time, total, finished, .. } = self;
        let lost = env.lost().iter().enumerate();
        for (i, _) in lost.filter(|(_, lost)| **lost) {
            if !live[i] {
                continue;
            }
            let row = t * n + i;
            live[i] = false;
            rollout.valid[row] = false;
            if t > 0 && time[i] > 0 {
                rollout.end[row - n] = End::Truncated;
            }
            finished[i] += 1;
            (time[i], total[i]) = (0, 0.0);
        }
    }

    /// What environment `i` returned must be finite and fit its space.
    fn check(&self, i: usize, obs: &[f32], reward: f64) -> Result<(), Error> {
        let finite = check_finite(obs, self.env.observation_space(), reward);
        finite.map_err(|(what, value)| self.non_finite(&what, value, i))?;
        let unfit = |error| EnvError(format!("{}: {error}", self.place(i)));
        Ok(self.encoder.check(obs).map_err(unfit)?)
    }

    fn add_moments(&mut self, map: &ObsMap) {
        let (d, raw) = (self.rollout.obs_width, self.encoder.raw_width());
        let (sums, squares, live) = (&mut self.obs_sum, &mut self.obs_square, &self.live);
        for (i, x) in self.obs.chunks_exact(raw).enumerate().filter(|(i, _)| live[*i]) {
            self.obs_count[i] += 1;
            self.encoder.for_vectors(&mut |from, first, width| {
                for (k, &x) in x[from..from + width].iter().enumerate() {
                    let deviation = f64::from(x) - map.shift(first + k);
                    sums[i * d + first + k] += deviation;
                    squares[i * d + first + k] += deviation * deviation;
                }
            });
        }
    }

    /// The environment receives the action taken to its space; the rollout keeps the sample.
    fn clip_actions(&mut self, model: &Model<f32>, t: usize) {
        let wc = self.rollout.continuous_width;
        if wc == 0 {
            return;
        }
        let sampled = &self.rollout.continuous[t * self.clipped.len()..];
        for (sample, action) in sampled.chunks_exact(wc).zip(self.clipped.chunks_exact_mut(wc)) {
            model.to_space(sample, action);
        }
    }

    fn record(&mut self, ctx: &Context<'_>, t: usize, i: usize) {
        let row = t * self.rollout.n + i;
        self.rollout.reward[row] = self.reward[i] as f32;
        self.rollout.end[row] = self.end[i];
        self.steps[i] += 1;
        self.time[i] += 1;
        self.total[i] += self.reward[i];
        if !self.end[i].is_end() {
            return;
        }
        self.finish(ctx, t, i);
        forget(&mut self.memory, self.rollout.memory_width, i);
    }

    /// The episode of environment `i` ended with step `t`.
    fn finish(&mut self, ctx: &Context<'_>, t: usize, i: usize) {
        let (env, total, length) = (self.first + i, self.total[i], self.time[i]);
        self.episodes.push(Episode { t, env, total, length });
        self.finished[i] += 1;
        self.time[i] = 0;
        self.total[i] = 0.0;
        if self.end[i] == End::Truncated {
            let row = t * self.rollout.n + i;
            self.push_boot(ctx.obs_map, &Bootstrap::Final(i), (row + self.rollout.n, length));
            self.boot_row.push(row);
        }
    }

    /// Encode an observation to bootstrap from behind those that are there. It would be row `row`
    /// of the rollout, and is step `time` of its episode.
    fn push_boot(&mut self, map: &ObsMap, of: &Bootstrap, (row, time): (usize, u32)) {
        let (raw, i) = match *of {
            Bootstrap::Final(i) => (&self.final_obs, i),
            Bootstrap::Current(i) => (&self.obs, i),
        };
        let (r, cut) = (&self.rollout, |width: usize| i * width..(i + 1) * width);
        let (before, (numbers, pixels)) = (r.earlier, (r.obs_width, r.pixel_width));
        self.boot_memory.extend_from_slice(&self.memory[cut(r.memory_width)]);
        let (n, p) = (self.boot_obs.len(), self.boot_pixels.len());
        self.boot_obs.resize(n + (before + 1) * numbers, 0.0);
        self.boot_pixels.resize(p + (before + 1) * pixels, 0);
        let (n, p) = (&mut self.boot_obs[n..], &mut self.boot_pixels[p..]);
        let last = (&mut n[before * numbers..], &mut p[before * pixels..]);
        self.encoder.store(map, &raw[cut(self.encoder.raw_width())], last.0, last.1);
        r.complete_stack((row, time), n, p);
    }

    /// Values of all observations, of the final ones of truncated episodes and of the last ones.
    fn evaluate(&mut self, ctx: &Context<'_>) {
        if !ctx.model.has_critic() {
            self.rollout.value.fill(0.0);
            self.rollout.next_value.fill(0.0);
            return;
        }
        let (t, n) = (self.rollout.t, self.rollout.n);
        if ctx.model.evaluates_with_policy() {
            to_values(ctx, &mut self.rollout.value);
        } else {
            self.value_rows(ctx, ValueOf::Rollout);
        }
        let finals = self.boot_row.len();
        for i in 0..n {
            self.push_boot(ctx.obs_map, &Bootstrap::Current(i), (t * n + i, self.time[i]));
        }
        self.boot_value.resize(finals + n, 0.0);
        self.value_rows(ctx, ValueOf::Bootstrap);
        let r = &mut self.rollout;
        let last = (t - 1) * n;
        r.next_value[..last].copy_from_slice(&r.value[n..]);
        r.next_value[last..].copy_from_slice(&self.boot_value[finals..]);
        for (k, &row) in self.boot_row.iter().enumerate() {
            r.next_value[row] = self.boot_value[k];
        }
    }

    fn value_rows(&mut self, ctx: &Context<'_>, of: ValueOf) {
        let mut value = match of {
            ValueOf::Rollout => std::mem::take(&mut self.rollout.value),
            ValueOf::Bootstrap => std::mem::take(&mut self.boot_value),
        };
        let r = &self.rollout;
        let (obs, memory) = match of {
            ValueOf::Rollout => (r.inputs(0..r.rows()), &mut [][..]),
            ValueOf::Bootstrap => {
                let (frames, numbers) = (1 + r.earlier, &self.boot_obs);
                let seen = Inputs::kept(&r.frame, frames, numbers, &self.boot_pixels);
                (seen, &mut self.boot_memory[..])
            }
        };
        let out = (&mut [][..], &mut value[..]);
        self.lanes.run(ctx.pool, (ctx.model, ctx.weights), obs, memory, out);
        to_values(ctx, &mut value);
        match of {
            ValueOf::Rollout => self.rollout.value = value,
            ValueOf::Bootstrap => self.boot_value = value,
        }
    }

    fn non_finite(&self, what: &str, value: f64, i: usize) -> Error {
        Error::NonFinite { what: what.into(), value, place: self.place(i) }
    }

    fn place(&self, i: usize) -> String {
        format!("environment {}, its step {}", self.first + i, self.steps[i])
    }

    /// Everything that resuming needs.
    #[must_use]
    pub fn save(&self) -> ShardState {
        ShardState {
            slots: self.env.save(),
            obs: self.obs.clone(),
            steps: self.steps.clone(),
            time: self.time.clone(),
            total: self.total.clone(),
            memory: self.memory.clone(),
            earlier: self.earlier.clone(),
        }
    }

    /// Go on from a saved state; with new episodes where the environments' states are lost.
    ///
    /// # Errors
    /// If an environment cannot be brought back to it.
    pub fn load(&mut self, state: ShardState) -> Result<(), EnvError> {
        self.env.load(&state.slots, &state.obs)?;
        self.steps = state.steps;
        if !self.env.restores() {
            self.time.fill(0);
            self.total.fill(0.0);
            self.memory.fill(0.0);
            self.env.reset(&mut self.obs);
            return self.check_env();
        }
        self.obs = state.obs;
        self.time = state.time;
        self.total = state.total;
        self.memory = state.memory;
        self.earlier = state.earlier;
        Ok(())
    }
}

/// The observation of an environment whose value is bootstrapped from.
enum Bootstrap {
    /// The final one.
    Final(usize),
    /// The current one.
    Current(usize),
}

#[derive(Clone, Copy)]
enum ValueOf {
    Rollout,
    Bootstrap,
}

/// What the value network predicts, in units of the rewards.
fn to_values(ctx: &Context<'_>, predicted: &mut [f32]) {
    let (mean, std) = ctx.value_map;
    if (mean, std) != (0.0, 1.0) {
        predicted.iter_mut().for_each(|v| *v = mean + std * *v);
    }
}

/// Row `i` of memories begins an episode.
pub(crate) fn forget(memory: &mut [f32], width: usize, i: usize) {
    memory[i * width..(i + 1) * width].fill(0.0);
}

/// The state of a range of environments between two rollouts.
#[derive(Clone, Debug, Default)]
pub struct ShardState {
    /// Where each environment stands in its episode.
    pub slots: Vec<SlotState>,
    /// Raw current observations.
    pub obs: Vec<f32>,
    /// Valid steps since the run began.
    pub steps: Vec<u64>,
    /// Steps in the current episode.
    pub time: Vec<u32>,
    /// Raw return of the current episode so far.
    pub total: Vec<f64>,
    /// What the networks remember of it, `[n, memory_width]`.
    pub memory: Vec<f32>,
    /// Raw observations before the current one, `[n, frames - 1, d]`.
    pub earlier: Vec<f32>,
}

/// Name and value of the first number that is not finite.
pub(crate) fn check_finite(obs: &[f32], space: &Space, reward: f64) -> Result<(), (String, f64)> {
    if !reward.is_finite() {
        return Err(("reward".into(), reward));
    }
    match obs.iter().position(|x| !x.is_finite()) {
        Some(j) => Err((format!("observation{}", space.entry_name(j)), f64::from(obs[j]))),
        None => Ok(()),
    }
}
