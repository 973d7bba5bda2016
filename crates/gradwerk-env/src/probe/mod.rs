//! Probe environments: tasks of one or two steps whose values and best actions are known.
//!
//! Each isolates one ability (Jones, "Debugging RL, without the agonizing pain", 2019): if
//! learning fails on `probe/constant-reward`, the value loss is wrong; on
//! `probe/two-step-discount`, the discount; on `probe/action-reward`, the policy gradient; on
//! `probe/truncation-chain`, the bootstrap at time limits; on `probe/masked`, the action masks; on
//! `probe/hybrid`, actions of discrete and continuous components; on `probe/pixel`, seeing.

mod action_reward;
mod all;
mod constant_reward;
mod hybrid;
mod masked;
mod observation_reward;
mod pixel;
mod truncation_chain;
mod two_step_discount;

pub use action_reward::{ActionReward, ActionRewardContinuous};
pub use all::{All, AllContinuous};
pub use constant_reward::ConstantReward;
pub use hybrid::Hybrid;
pub use masked::Masked;
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
    /// Which values of the discrete components are valid; empty without masks.
    pub mask: Vec<bool>,
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
    /// These two choices.
    Pair(u32, u32),
    /// This choice with this number.
    Hybrid(u32, f32),
}

impl BestAction {
    /// Its discrete and its continuous components; `None` for any action.
    #[must_use]
    pub fn components(self) -> Option<(Vec<u32>, Vec<f32>)> {
        match self {
            Self::Any => None,
            Self::Discrete(a) => Some((vec![a], vec![])),
            Self::Continuous(x) => Some((vec![], vec![x])),
            Self::Pair(a, b) => Some((vec![a, b], vec![])),
            Self::Hybrid(a, x) => Some((vec![a], vec![x])),
        }
    }
}

impl ProbeSolution {
    /// From `(observation, value, action)` triples.
    fn new<const D: usize>(states: impl IntoIterator<Item = ([f32; D], f64, BestAction)>) -> Self {
        let state = |(obs, value, action): ([f32; D], _, _)| ProbeState {
            obs: obs.to_vec(),
            value,
            action,
            mask: Vec::new(),
        };
        Self { states: states.into_iter().map(state).collect() }
    }

    /// With what `mask` forbids in the states of these observations.
    fn masked(mut self, mask: impl Fn(&[f32]) -> Vec<bool>) -> Self {
        self.states.iter_mut().for_each(|state| state.mask = mask(&state.obs));
        self
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
