//! Probe environments: tasks of one or two steps whose values and best actions are known.
//!
//! Each isolates one ability (Jones, "Debugging RL, without the agonizing pain", 2019): if
//! learning fails on `probe/constant-reward`, the value loss is wrong; on
//! `probe/two-step-discount`, the discount; on `probe/action-reward`, the policy gradient; on
//! `probe/truncation-chain`, the bootstrap at time limits; on `probe/pixel`, seeing.

mod action_reward;
mod all;
mod constant_reward;
mod observation_reward;
mod pixel;
mod truncation_chain;
mod two_step_discount;

pub use action_reward::{ActionReward, ActionRewardContinuous};
pub use all::{All, AllContinuous};
pub use constant_reward::ConstantReward;
pub use observation_reward::ObservationReward;
pub use pixel::Pixel;
pub use truncation_chain::TruncationChain;
pub use two_step_discount::TwoStepDiscount;

use gradwerk_math::Stream;

/// What a probe's agent should end up with.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeSolution {
    /// Every observation the probe can show.
    pub states: Vec<ProbeState>,
}

/// One observation of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeState {
    /// The observation.
    pub obs: Vec<f32>,
    /// The value of the optimal policy (the same for every policy where the action is
    /// [`BestAction::Any`] everywhere).
    pub value: f64,
    /// What the optimal policy does.
    pub action: BestAction,
}

/// The action of an optimal policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BestAction {
    /// The action changes nothing.
    Any,
    /// This one.
    Discrete(u32),
    /// This one-dimensional action.
    Continuous(f32),
}

impl ProbeSolution {
    /// From `(observation, value, action)` triples.
    fn new<const D: usize>(states: impl IntoIterator<Item = ([f32; D], f64, BestAction)>) -> Self {
        let state = |(obs, value, action): ([f32; D], _, _)| ProbeState {
            obs: obs.to_vec(),
            value,
            action,
        };
        Self { states: states.into_iter().map(state).collect() }
    }

    /// The state that shows this observation.
    #[must_use]
    pub fn state(&self, obs: &[f32]) -> Option<&ProbeState> {
        self.states.iter().find(|s| s.obs == obs)
    }
}

/// -1 or 1 with equal probability.
fn coin(rng: &mut Stream) -> f32 {
    if rng.below(2) == 0 { -1.0 } else { 1.0 }
}
