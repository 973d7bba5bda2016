//! Two steps, the reward on the second. Tests the discount and the value of the next state.
//!
//! True values under every policy: `V(0) = gamma`, `V(1) = 1`.

use super::{BestAction, ProbeSolution};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// `probe/two-step-discount`: observation 0, then 1; two actions that do nothing.
#[derive(Clone, Debug, Default)]
pub struct TwoStepDiscount {
    second: bool,
}

impl BuiltIn for TwoStepDiscount {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/two-step-discount",
        summary: "probe: reward 1 on the second of two steps; the first value is gamma",
        time_limit: None,
        solved_at: Some(1.0),
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(discount: f64) -> Option<ProbeSolution> {
        let any = BestAction::Any;
        Some(ProbeSolution::new([([0.0], discount, any), ([1.0], 1.0, any)]))
    }
}

impl Env for TwoStepDiscount {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
        self.second = false;
        obs[0] = 0.0;
    }

    fn step(&mut self, _action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = 1.0;
        if self.second {
            return Step { reward: 1.0, end: End::Terminated };
        }
        self.second = true;
        Step { reward: 0.0, end: End::Continue }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[f64::from(u8::from(self.second))]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [second] = snapshot::decode(snapshot)?;
        self.second = second != 0.0;
        Ok(())
    }
}
