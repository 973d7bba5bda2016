//! One step whose reward depends on the action. Tests the policy gradient and its sign.
//!
//! Discrete: reward 1 for action 1, -1 for action 0; the best policy takes action 1 and has
//! `V(0) = 1` (a policy with probability p of action 1 has `2 p - 1`).
//! Continuous: reward `-(a - 0.5)^2`; the best policy takes 0.5 and has `V(0) = 0` (a normal
//! policy with mean m and standard deviation s has `-(m - 0.5)^2 - s^2`).

use super::{BestAction, ProbeSolution};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// The best continuous action.
const TARGET: f32 = 0.5;

/// `probe/action-reward`: observation 0, reward 1 for action 1 and -1 for action 0.
#[derive(Clone, Debug, Default)]
pub struct ActionReward;

/// `probe/action-reward-continuous`: observation 0, one action, reward `-(a - 0.5)^2`.
#[derive(Clone, Debug, Default)]
pub struct ActionRewardContinuous;

impl BuiltIn for ActionReward {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/action-reward",
        summary: "probe: one step, action 1 is right; the value is 1",
        time_limit: None,
        solved_at: Some(0.95),
    };
    fn new() -> Self {
        Self
    }
    fn solution(_discount: f64) -> Option<ProbeSolution> {
        Some(ProbeSolution::new([([0.0], 1.0, BestAction::Discrete(1))]))
    }
}

impl BuiltIn for ActionRewardContinuous {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/action-reward-continuous",
        summary: "probe: one step, action 0.5 is best; the value is 0",
        time_limit: None,
        solved_at: Some(-0.05),
    };
    fn new() -> Self {
        Self
    }
    fn solution(_discount: f64) -> Option<ProbeSolution> {
        Some(ProbeSolution::new([([0.0], 0.0, BestAction::Continuous(TARGET))]))
    }
}

impl Env for ActionReward {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
        obs[0] = 0.0;
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = 0.0;
        let reward = if action.discrete[0] == 1 { 1.0 } else { -1.0 };
        Step { reward, end: End::Terminated }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        snapshot::decode::<0>(snapshot).map(|_| ())
    }
}

impl Env for ActionRewardContinuous {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
        obs[0] = 0.0;
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = 0.0;
        let miss = f64::from(action.continuous[0] - TARGET);
        Step { reward: -miss * miss, end: End::Terminated }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        snapshot::decode::<0>(snapshot).map(|_| ())
    }
}
