//! Many copies of one environment, stepped together.
//!
//! Rows are slots: slot `i` of a [`VecEnv`] with `n` slots plays its episodes one after another.
//! An episode that ends is followed at once by the reset of the next one (SAME_STEP auto-reset,
//! in Gymnasium's words), so that every step of every active slot is a valid transition; foreign
//! environments may need a step of its own for the reset ([`VecEnv::resetting`]).

use crate::picture::Scene;
use crate::{Action, End, EnvError, Fact, Space};
use gradwerk_math::{Purpose, Stream};

/// The actions of a step, one row per slot. The rows of inactive slots are not read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Actions<'a> {
    /// Discrete components, `[n, wd]` (`wd` from [`Space::action_widths`]).
    pub discrete: &'a [u32],
    /// Continuous components, `[n, wc]`.
    pub continuous: &'a [f32],
}

impl<'a> Actions<'a> {
    /// The action in row `i`, for components of the given `(discrete, continuous)` widths.
    #[must_use]
    pub fn row(&self, i: usize, (wd, wc): (usize, usize)) -> Action<'a> {
        Action {
            discrete: &self.discrete[i * wd..(i + 1) * wd],
            continuous: &self.continuous[i * wc..(i + 1) * wc],
        }
    }
}

/// Where a step writes its results, one row per slot. Rows of inactive slots stay untouched.
#[derive(Debug)]
pub struct StepRows<'a> {
    /// `[n, d]`: the observation to act on next. After an end it is the first observation of the
    /// next episode, not the last one of the old.
    pub obs: &'a mut [f32],
    /// `[n]`: the rewards, raw and summed over the skipped frames.
    pub reward: &'a mut [f64],
    /// `[n]`: what follows the step.
    pub end: &'a mut [End],
    /// `[n, d]`: the last observation of the episode; row `i` is written only if
    /// `end[i].is_end()`. A truncated step bootstraps with its value.
    pub final_obs: &'a mut [f32],
}

/// Which random stream the k-th episode of slot `i` draws from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpisodeKeys {
    /// `Stream::new(seed, Purpose::Episode, first + i, k)`: keyed by environment and episode, so
    /// that splitting the environments over shards changes nothing.
    Training {
        /// Global index of slot 0.
        first: u64,
    },
    /// `Stream::new(seed, Purpose::EvalEpisode, 0, first + i + k * stride)`: keyed by the global
    /// number of the episode, so that the number of slots changes nothing.
    Evaluation {
        /// Number of the first episode of slot 0.
        first: u64,
        /// Distance between successive episodes of a slot (all slots of all shards together).
        stride: u64,
    },
}

impl EpisodeKeys {
    /// The stream of the `episode`-th episode of slot `slot`, at its start.
    #[must_use]
    pub fn stream(self, seed: u64, slot: usize, episode: u64) -> Stream {
        let slot = slot as u64;
        match self {
            Self::Training { first } => Stream::new(seed, Purpose::Episode, first + slot, episode),
            Self::Evaluation { first, stride } => {
                Stream::new(seed, Purpose::EvalEpisode, 0, first + slot + episode * stride)
            }
        }
    }
}

/// Settings that apply to every environment.
///
/// There is no default, because the usual time limit belongs to the environment: see
/// [`EnvFactory::default_settings`](crate::EnvFactory::default_settings).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvSettings {
    /// Truncate episodes after this many *inner* steps, `None` for never. Inner steps are those
    /// of the environment itself: a limit of 200 with a frame skip of 4 ends after 50 actions.
    /// A step that terminates and reaches the limit terminates.
    pub time_limit: Option<u32>,
    /// Repeat every action this many times (1: no skip), adding the rewards up. The repetition
    /// stops early where the episode ends or the action is no longer valid.
    pub frame_skip: u32,
}

impl EnvSettings {
    /// Check the ranges.
    ///
    /// # Errors
    /// If the time limit or the frame skip is 0.
    pub fn validate(&self) -> Result<(), EnvError> {
        let zero = |name| {
            Err(EnvError(format!("`{name}` is 0, expected at least 1 (an episode has a step)")))
        };
        match (self.time_limit, self.frame_skip) {
            (Some(0), _) => zero("time_limit"),
            (_, 0) => zero("frame_skip"),
            _ => Ok(()),
        }
    }

    /// What follows a step after which the environment says `end` and `time` inner steps have
    /// been taken.
    #[must_use]
    pub fn end_after(&self, end: End, time: u32) -> End {
        match self.time_limit {
            Some(limit) if end == End::Continue && time >= limit => End::Truncated,
            _ => end,
        }
    }
}

/// The actions of the current episode so far, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ActionLog {
    /// Discrete components, `[t, wd]`.
    pub discrete: Vec<u32>,
    /// Continuous components, `[t, wc]`.
    pub continuous: Vec<f32>,
}

impl ActionLog {
    /// Append an action.
    pub fn push(&mut self, action: Action<'_>) {
        self.discrete.extend_from_slice(action.discrete);
        self.continuous.extend_from_slice(action.continuous);
    }

    /// Forget all actions, keeping the memory.
    pub fn clear(&mut self) {
        self.discrete.clear();
        self.continuous.clear();
    }

    /// Number of rows for components of the given `(discrete, continuous)` widths; `None` if the
    /// two parts are not whole rows of the same number.
    #[must_use]
    pub fn rows(&self, (wd, wc): (usize, usize)) -> Option<usize> {
        let rows = (self.discrete.len() + self.continuous.len()) / (wd + wc).max(1);
        (self.discrete.len() == rows * wd && self.continuous.len() == rows * wc).then_some(rows)
    }
}

/// Where one slot stands in its current episode: plain data, for checkpoints.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SlotState {
    /// Episodes that ended before the current one.
    pub episode: u64,
    /// Inner steps taken in the current episode.
    pub time: u32,
    /// Words drawn from the episode's stream.
    pub rng_position: u32,
    /// The environment's own snapshot, if it can make one.
    pub snapshot: Option<Vec<u8>>,
    /// Without a snapshot: the actions to replay (empty otherwise).
    pub actions: ActionLog,
}

impl SlotState {
    /// Why this state of slot `slot` was refused.
    pub(crate) fn refused(&self, slot: usize, why: &EnvError) -> EnvError {
        EnvError(format!("slot {slot}, episode {}: {why}", self.episode))
    }
}

/// A batch of slots that play episodes of one environment.
///
/// Observations are rows of `d = observation_space().width()` numbers.
pub trait VecEnv: Send {
    /// Number of slots `n`.
    fn num_envs(&self) -> usize;
    /// The space of each observation row.
    fn observation_space(&self) -> &Space;
    /// The space of each action row.
    fn action_space(&self) -> &Space;

    /// Entries of a mask row: the sum of the action space's [`Space::choices`] where the
    /// environment masks actions, otherwise 0.
    fn mask_width(&self) -> usize {
        0
    }

    /// Write which values of the discrete components are valid now, `[n, mask_width]`. Masks
    /// follow from the environments' states, so that nothing of them is saved.
    fn masks(&self, mask: &mut [bool]) {
        let _ = mask;
    }

    /// Start the current episode of every slot (again, if it was under way) and write the first
    /// observations, `[n, d]`. The first call starts episode 0.
    fn reset(&mut self, obs: &mut [f32]);

    /// The slots whose next step is no transition but only the reset of the next episode
    /// (NEXT_STEP auto-reset, in Gymnasium's words): their action is ignored, of their rows only
    /// `obs` is written. Empty where episodes are reset in the step that ends them.
    fn resetting(&self) -> &[bool] {
        &[]
    }

    /// A round of whole episodes begins: every slot stands at the start of an episode, or would
    /// if it could stand still while others are stepped. Those that could not are reset here, and
    /// their rows of `obs`, `[n, d]`, are written.
    fn begin_round(&mut self, obs: &mut [f32]) {
        let _ = obs;
    }

    /// The slots whose last step was lost together with the environment that took it (in a process
    /// that crashed): of their rows only `obs` is written, the first observation of an episode.
    /// What was played before is cut at the observation that the lost step acted on. In an
    /// evaluation the same episode begins again. Empty where nothing gets lost.
    fn lost(&self) -> &[bool] {
        &[]
    }

    /// What went wrong in the last call, once; the rows that it wrote mean nothing then. Only
    /// environments of others can fail.
    fn take_failure(&mut self) -> Option<EnvError> {
        None
    }

    /// Step every slot `i` with `active[i]`; an episode that ends is followed by the reset of
    /// the next. Inactive slots and their rows are left untouched.
    ///
    /// # Panics
    /// If a slice has the wrong length or a discrete action lies outside its space.
    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>);

    /// What [`VecEnv::told`] tells of each slot ([`Env::facts`](crate::Env::facts)).
    fn facts(&self) -> &[Fact] {
        &[]
    }

    /// The facts of every slot, `[n, k]` with `k` numbers in all: those that its last step began
    /// with, and those that it led to (before the reset that followed an end).
    fn told(&self) -> [&[f64]; 2] {
        [&[]; 2]
    }

    /// Draw every slot after each reset and step from now on. Copies that are stepped in
    /// [`columns`](crate::columns) have no pictures.
    fn film(&mut self) {}

    /// What the last reset or step led slot `i` to, at the end of an episode its last state;
    /// `None` if nobody films or there are no pictures.
    fn picture(&self, i: usize) -> Option<&Scene> {
        let _ = i;
        None
    }

    /// What the discrete actions do, for people ([`Env::action_names`](crate::Env::action_names)).
    fn action_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether [`VecEnv::load`] brings every slot to where it stood. Otherwise only the numbers
    /// of the episodes are kept, and the next [`VecEnv::reset`] begins those that follow.
    fn restores(&self) -> bool {
        true
    }

    /// Where every slot stands.
    fn save(&self) -> Vec<SlotState>;

    /// Go to where `slots` stood when their current observations were `obs`, `[n, d]`. Nothing
    /// changes if this fails.
    ///
    /// # Errors
    /// If the number of slots is another, a snapshot is refused, or the replay of an episode
    /// does not lead to the bits of `obs`; the error names the slot.
    fn load(&mut self, slots: &[SlotState], obs: &[f32]) -> Result<(), EnvError>;
}
