//! One step whose reward is the observation. Tests that the value depends on the observation.
//!
//! True values: `V(-1) = -1`, `V(1) = 1` under every policy.

use super::{BestAction, ProbeSolution, coin};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// `probe/observation-reward`: observation -1 or 1 with equal probability, two actions that do
/// nothing.
#[derive(Clone, Debug, Default)]
pub struct ObservationReward {
    shown: f32,
}

impl BuiltIn for ObservationReward {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/observation-reward",
        summary: "probe: one step, the reward is the observation; so is the value",
        time_limit: None,
        solved_at: None,
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(_discount: f64) -> Option<ProbeSolution> {
        Some(ProbeSolution::new([-1.0, 1.0].map(|x| ([x], f64::from(x), BestAction::Any))))
    }
}

impl Env for ObservationReward {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.shown = coin(rng);
        obs[0] = self.shown;
    }

    fn step(&mut self, _action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = self.shown;
        Step { reward: f64::from(self.shown), end: End::Terminated }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[f64::from(self.shown)]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [shown] = snapshot::decode(snapshot)?;
        self.shown = shown as f32;
        Ok(())
    }
}
