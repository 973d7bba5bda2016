//! The regulators as environments.

use super::regulator::{CONDITIONING, LinearQuadratic, REGULATOR};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// A regulator and its state.
#[derive(Clone, Copy, Debug)]
struct Plant {
    problem: LinearQuadratic,
    state: f64,
}

impl Plant {
    fn new(problem: LinearQuadratic) -> Self {
        Self { problem, state: 0.0 }
    }

    fn reset(&mut self, rng: &mut Stream) {
        self.state = normal(rng) * self.problem.start.sqrt();
    }

    /// The horizon is the time limit, so that a step never ends the episode by itself.
    fn step(&mut self, action: f64, rng: &mut Stream) -> Step {
        let LinearQuadratic { decay, effect, state_cost, action_cost, noise, .. } = self.problem;
        let s = self.state;
        let disturbance = if noise > 0.0 { normal(rng) * noise.sqrt() } else { 0.0 };
        self.state = decay * s + effect * action + disturbance;
        let cost = state_cost * s * s + action_cost * action * action;
        Step { reward: -cost, end: End::Continue }
    }
}

fn normal(rng: &mut Stream) -> f64 {
    let [x, _] = rng.normal_pair::<f64>();
    x
}

/// Declares the environment of a regulator; the observation is its state, the action its input.
macro_rules! environment {
    ($(#[$doc:meta])* $name:ident, $problem:ident, $id:literal, $summary:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(Plant);

        impl BuiltIn for $name {
            const SPEC: EnvSpec = EnvSpec {
                id: $id,
                summary: $summary,
                time_limit: Some($problem.horizon),
                solved_at: None,
            };
            fn new() -> Self {
                Self(Plant::new($problem))
            }
        }

        impl Env for $name {
            fn observation_space(&self) -> Space {
                Space::uniform_box(1, f32::NEG_INFINITY, f32::INFINITY)
            }
            fn action_space(&self) -> Space {
                Space::uniform_box(1, f32::NEG_INFINITY, f32::INFINITY)
            }
            fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
                self.0.reset(rng);
                obs[0] = self.0.state as f32;
            }
            fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
                let step = self.0.step(f64::from(action.continuous[0]), rng);
                obs[0] = self.0.state as f32;
                step
            }
            fn snapshot(&self) -> Option<Vec<u8>> {
                Some(snapshot::encode(&[self.0.state]))
            }
            fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
                [self.0.state] = snapshot::decode(snapshot)?;
                Ok(())
            }
        }
    };
}

environment! {
    /// `gaussian/lqr`: [`REGULATOR`].
    RegulatorEnv, REGULATOR, "gaussian/lqr",
    "hold s' = 1.1 s + 0.5 a + noise near 0, reward -s^2 - 0.1 a^2; J and its gradient in closed form"
}

environment! {
    /// `gaussian/conditioning`: [`CONDITIONING`].
    ConditioningEnv, CONDITIONING, "gaussian/conditioning",
    "the lecture's example: s' = s + a, reward -s^2 - a^2; J and its gradient in closed form"
}
