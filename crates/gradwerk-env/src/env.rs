//! The trait that an environment implements.

use crate::Space;
use crate::picture::Scene;
use gradwerk_math::Stream;

/// What follows a step: three cases, never two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// The episode goes on.
    #[default]
    Continue = 0,
    /// The task ended: nothing follows, the value of what follows is 0.
    Terminated = 1,
    /// A time limit cut the episode: what follows is worth the value of the final observation.
    Truncated = 2,
}

impl End {
    /// Whether the episode is over, for whichever reason.
    #[must_use]
    pub fn is_end(self) -> bool {
        self != Self::Continue
    }
}

/// An action: its discrete and its continuous components (either may be empty).
#[derive(Clone, Copy, Debug, Default)]
pub struct Action<'a> {
    /// One entry per discrete component.
    pub discrete: &'a [u32],
    /// One entry per continuous component.
    pub continuous: &'a [f32],
}

/// The result of one step; the observation is written into the caller's slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Reward of the step.
    pub reward: f64,
    /// What follows it.
    pub end: End,
}

/// Numbers that an environment tells besides its observations, for rewards of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What they are called.
    pub name: String,
    /// How many they are.
    pub len: usize,
}

impl Fact {
    /// Numbers of all of them.
    pub fn width(facts: &[Self]) -> usize {
        facts.iter().map(|fact| fact.len).sum()
    }
}

/// What is wrong with an environment, its settings or a state that it was to restore.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EnvError(pub String);

/// An environment: anything that can be reset, stepped and observed.
///
/// All randomness comes from the generator handed in (one stream per episode), so that an
/// episode is a function of (seed, environment, episode, actions).
pub trait Env: Send {
    /// The space that observations lie in.
    fn observation_space(&self) -> Space;
    /// The space of the actions that [`Env::step`] takes.
    fn action_space(&self) -> Space;
    /// Start an episode and write its first observation (`observation_space().width()` numbers).
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]);
    /// Take one step and write the observation that follows. A time limit need not be
    /// implemented here: it is a setting of every environment.
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step;
    /// Write which values of the discrete components are valid in the present state (`mask` has
    /// one entry per value, component after component: see [`mask`](crate::mask)) and return
    /// true; or return false for an environment that never masks. A function of the state alone.
    fn action_mask(&self, mask: &mut [bool]) -> bool {
        let _ = mask;
        false
    }
    /// What [`Env::tell`] tells, in this order.
    fn facts(&self) -> &[Fact] {
        &[]
    }
    /// Write the facts of the present state, those of the last reset or step.
    fn tell(&self, facts: &mut [f64]) {
        let _ = facts;
    }
    /// A picture of the state, for people; `None` where nobody has drawn one.
    fn render(&self) -> Option<Scene> {
        None
    }
    /// What the discrete actions do, for people, in their order; empty where numbers must do.
    fn action_names(&self) -> &'static [&'static str] {
        &[]
    }
    /// The whole state, if it can be saved. Without it, a resumed run replays the episode.
    fn snapshot(&self) -> Option<Vec<u8>> {
        None
    }
    /// Go to a state that [`Env::snapshot`] returned.
    ///
    /// # Errors
    /// If the bytes are not a snapshot of this environment.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let _ = snapshot;
        Err(EnvError("this environment does not support snapshots".into()))
    }
}
