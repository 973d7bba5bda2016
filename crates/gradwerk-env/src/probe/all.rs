//! Two steps with rewards that depend on the observation, the time and the action.
//!
//! The observation is `(c, t)`: a sign c = +-1, drawn at the reset and turned round after the
//! first step, and the time t = 0, 1. A step is rewarded `c / 2` plus what the action earns:
//! - discrete: 1 if the action is 1 for c = 1 and 0 for c = -1, otherwise -1. The best policy
//!   earns 1 every time: `V(c, 1) = 1 + c/2` and `V(c, 0) = 1 + c/2 + gamma (1 - c/2)`;
//! - continuous: `-(a - c/2)^2`. The best policy takes `c/2` and earns 0:
//!   `V(c, 1) = c/2` and `V(c, 0) = (1 - gamma) c/2`.

use super::{BestAction, ProbeSolution, coin};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// `probe/all`: everything together, two actions.
#[derive(Clone, Debug, Default)]
pub struct All {
    state: SignAndTime,
}

/// `probe/all-continuous`: everything together, one continuous action.
#[derive(Clone, Debug, Default)]
pub struct AllContinuous {
    state: SignAndTime,
}

/// The state of both variants, and of other probes of two steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SignAndTime {
    pub(super) sign: f32,
    second: bool,
}

impl SignAndTime {
    fn observe(self, obs: &mut [f32]) {
        obs.copy_from_slice(&[self.sign, f32::from(u8::from(self.second))]);
    }

    pub(super) fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        *self = Self { sign: coin(rng), second: false };
        self.observe(obs);
    }

    /// Go on after an action that earned `earned`.
    pub(super) fn step(&mut self, earned: f64, obs: &mut [f32]) -> Step {
        let reward = f64::from(self.sign) / 2.0 + earned;
        let end = if self.second { End::Terminated } else { End::Continue };
        *self = Self { sign: -self.sign, second: true };
        self.observe(obs);
        Step { reward, end }
    }

    pub(super) fn snapshot(self) -> Vec<u8> {
        snapshot::encode(&[f64::from(self.sign), f64::from(u8::from(self.second))])
    }

    pub(super) fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [sign, second] = snapshot::decode(snapshot)?;
        *self = Self { sign: sign as f32, second: second != 0.0 };
        Ok(())
    }
}

/// The solution where the best action earns `earned`.
pub(super) fn solution(
    discount: f64,
    earned: f64,
    best: impl Fn(f32) -> BestAction,
) -> ProbeSolution {
    let value = |sign: f32| earned + f64::from(sign) / 2.0;
    let states = [-1.0, 1.0].into_iter().flat_map(|sign| {
        let first = value(sign) + discount * value(-sign);
        [([sign, 0.0], first, best(sign)), ([sign, 1.0], value(sign), best(sign))]
    });
    ProbeSolution::new(states)
}

pub(super) fn observation_space() -> Space {
    Space::uniform_box(2, -1.0, 1.0)
}

impl BuiltIn for All {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/all",
        summary: "probe: two steps; observation, time and action matter",
        time_limit: None,
        solved_at: Some(1.9),
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(discount: f64) -> Option<ProbeSolution> {
        Some(solution(discount, 1.0, |sign| BestAction::Discrete(u32::from(sign > 0.0))))
    }
}

impl BuiltIn for AllContinuous {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/all-continuous",
        summary: "probe: two steps; observation, time and a continuous action matter",
        time_limit: None,
        solved_at: Some(-0.1),
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(discount: f64) -> Option<ProbeSolution> {
        Some(solution(discount, 0.0, |sign| BestAction::Continuous(sign / 2.0)))
    }
}

impl Env for All {
    fn observation_space(&self) -> Space {
        observation_space()
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state.reset(rng, obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let right = (action.discrete[0] == 1) == (self.state.sign > 0.0);
        self.state.step(if right { 1.0 } else { -1.0 }, obs)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.state.snapshot())
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        self.state.restore(snapshot)
    }
}

impl Env for AllContinuous {
    fn observation_space(&self) -> Space {
        observation_space()
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state.reset(rng, obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let miss = f64::from(action.continuous[0] - self.state.sign / 2.0);
        self.state.step(-miss * miss, obs)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.state.snapshot())
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        self.state.restore(snapshot)
    }
}
