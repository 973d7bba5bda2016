//! Playing random actions and writing down what happens.

use crate::{Actions, End, EnvFactory, EnvSettings, EpisodeKeys, StepRows, VecEnv};
use gradwerk_math::{Purpose, Stream};

/// Marks observation entries that nobody has written: a NaN that no arithmetic produces.
pub const UNWRITTEN: u32 = 0x7FC0_5EED;

/// What is checked.
pub struct Subject<'a> {
    pub factory: &'a dyn EnvFactory,
    pub settings: EnvSettings,
    pub seed: u64,
}

impl Subject<'_> {
    /// A batch under the settings to check.
    pub fn make(&self, keys: EpisodeKeys, num_envs: usize) -> Box<dyn VecEnv> {
        self.factory.make(self.seed, keys, num_envs, &self.settings)
    }

    /// A batch whose episodes are cut after `limit` actions (or the limit of the settings, if
    /// that is less), so that a short run sees many ends.
    pub fn make_short(&self, keys: EpisodeKeys, num_envs: usize, limit: u32) -> Box<dyn VecEnv> {
        self.factory.make(self.seed, keys, num_envs, &self.short(limit))
    }

    /// The settings under which steps are counted: where actions are masked a repetition may stop
    /// early, so that an action takes a number of steps that is not known.
    pub fn countable(&self) -> EnvSettings {
        let frame_skip = if self.factory.has_masks() { 1 } else { self.settings.frame_skip };
        EnvSettings { frame_skip, ..self.settings }
    }

    /// The settings of [`Subject::make_short`].
    pub fn short(&self, limit: u32) -> EnvSettings {
        let settings = self.countable();
        let limit = limit.saturating_mul(settings.frame_skip);
        let limit = self.settings.time_limit.map_or(limit, |own| own.min(limit));
        EnvSettings { time_limit: Some(limit), ..settings }
    }
}

/// One step of one slot.
#[derive(Clone, Debug)]
pub struct Record {
    pub reward: f64,
    pub end: End,
    /// The observation to act on next.
    pub obs: Vec<f32>,
    /// The last observation of the episode, at its end.
    pub final_obs: Option<Vec<f32>>,
    /// Which values the next action may take; empty without masks.
    pub mask: Vec<bool>,
}

impl Record {
    /// The observation that the step itself led to.
    pub fn reached(&self) -> &[f32] {
        self.final_obs.as_ref().unwrap_or(&self.obs)
    }
}

/// A batch being played, with the rows that it writes.
pub struct Player {
    pub env: Box<dyn VecEnv>,
    pub obs: Vec<f32>,
    reward: Vec<f64>,
    end: Vec<End>,
    final_obs: Vec<f32>,
    /// Slot `i` takes the actions of number `first + i`.
    first: u64,
}

impl Player {
    /// Reset a batch; slot `i` will take the actions of number `first + i`.
    pub fn start(env: Box<dyn VecEnv>, first: u64) -> Self {
        let mut player = Self::new(env, first);
        player.env.reset(&mut player.obs);
        player
    }

    /// A batch that is not reset, because it will be loaded.
    pub fn new(env: Box<dyn VecEnv>, first: u64) -> Self {
        let (n, d) = (env.num_envs(), env.observation_space().width());
        let unwritten = vec![f32::from_bits(UNWRITTEN); n * d];
        Self {
            env,
            obs: unwritten.clone(),
            reward: vec![0.0; n],
            end: vec![End::Continue; n],
            final_obs: unwritten,
            first,
        }
    }

    /// Row `i` of the observations.
    pub fn row(&self, i: usize) -> &[f32] {
        let d = self.env.observation_space().width();
        &self.obs[i * d..(i + 1) * d]
    }

    /// Take the random actions of time `t` in the active slots.
    pub fn step(&mut self, t: u64, active: &[bool]) -> Vec<Record> {
        let (discrete, continuous) = random_actions(&*self.env, self.first, t);
        self.step_with(Actions { discrete: &discrete, continuous: &continuous }, active)
    }

    /// Take these actions. Entries that the batch does not write come back as [`UNWRITTEN`].
    pub fn step_with(&mut self, actions: Actions<'_>, active: &[bool]) -> Vec<Record> {
        let d = self.env.observation_space().width();
        for (i, _) in active.iter().enumerate().filter(|(_, on)| **on) {
            self.obs[i * d..(i + 1) * d].fill(f32::from_bits(UNWRITTEN));
        }
        self.final_obs.fill(f32::from_bits(UNWRITTEN));
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut self.reward,
            end: &mut self.end,
            final_obs: &mut self.final_obs,
        };
        self.env.step(actions, active, &mut rows);
        let masks = masks(&*self.env);
        let width = self.env.mask_width();
        (0..active.len()).map(|i| self.record(i, &masks[i * width..(i + 1) * width])).collect()
    }

    fn record(&self, i: usize, mask: &[bool]) -> Record {
        let d = self.env.observation_space().width();
        let ended = self.end[i].is_end();
        Record {
            reward: self.reward[i],
            end: self.end[i],
            obs: self.row(i).to_vec(),
            final_obs: ended.then(|| self.final_obs[i * d..(i + 1) * d].to_vec()),
            mask: mask.to_vec(),
        }
    }

    /// Play `steps` steps from time `t`, all slots active: `[steps][n]` records.
    pub fn play(&mut self, t: u64, steps: u64) -> Vec<Vec<Record>> {
        let active = vec![true; self.env.num_envs()];
        (t..t + steps).map(|t| self.step(t, &active)).collect()
    }
}

/// Which values are valid in every slot.
fn masks(env: &dyn VecEnv) -> Vec<bool> {
    let mut masks = vec![true; env.num_envs() * env.mask_width()];
    env.masks(&mut masks);
    masks
}

/// The random actions of all slots at time `t`, keyed by the number of the slot and the time;
/// valid ones only.
pub fn random_actions(env: &dyn VecEnv, first: u64, t: u64) -> (Vec<u32>, Vec<f32>) {
    let (mut discrete, mut continuous) = (Vec::new(), Vec::new());
    let (masks, width) = (masks(env), env.mask_width());
    for i in 0..env.num_envs() {
        let mut rng = Stream::new(0, Purpose::Test, first + i as u64, t);
        let mask = &masks[i * width..(i + 1) * width];
        let (some, more) = env.action_space().sample(mask, &mut rng);
        discrete.extend(some);
        continuous.extend(more);
    }
    (discrete, continuous)
}

/// What is different between two runs of one slot, if anything.
pub fn difference(a: &Record, b: &Record) -> Option<String> {
    if a.end != b.end {
        return Some(format!("end {:?} against {:?}", a.end, b.end));
    }
    if a.reward.to_bits() != b.reward.to_bits() {
        return Some(format!("reward {} against {}", a.reward, b.reward));
    }
    row_difference("final observation", a.reached(), b.reached())
        .or_else(|| row_difference("observation", &a.obs, &b.obs))
        .or_else(|| (a.mask != b.mask).then(|| "the action masks differ".to_string()))
}

/// The first entry in which two rows have different bits.
pub fn row_difference(name: &str, a: &[f32], b: &[f32]) -> Option<String> {
    let k = a.iter().zip(b).position(|(x, y)| x.to_bits() != y.to_bits())?;
    Some(format!("{name}[{k}] is {} against {}", a[k], b[k]))
}
