//! One step, one observation, reward 1. Tests the value loss and the end of episodes.
//!
//! True value: `V(0) = 1` under every policy.

use super::{BestAction, ProbeSolution};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// `probe/constant-reward`: observation 0, two actions that do nothing.
#[derive(Clone, Debug, Default)]
pub struct ConstantReward;

impl BuiltIn for ConstantReward {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/constant-reward",
        summary: "probe: one step, reward 1; the value is 1",
        time_limit: None,
        solved_at: Some(1.0),
    };
    fn new() -> Self {
        Self
    }
    fn solution(_discount: f64) -> Option<ProbeSolution> {
        Some(ProbeSolution::new([([0.0], 1.0, BestAction::Any)]))
    }
}

impl Env for ConstantReward {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
        obs[0] = 0.0;
    }

    fn step(&mut self, _action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = 0.0;
        Step { reward: 1.0, end: End::Terminated }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        snapshot::decode::<0>(snapshot).map(|_| ())
    }
}
