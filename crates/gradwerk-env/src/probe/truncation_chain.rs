//! A chain of four states cut by a time limit. Tells the ways to bootstrap at a limit apart.
//!
//! `s' = min(s + 1, 3)`, reward 1 for every step taken in s = 3, uniform start, cut after 3
//! steps by default; it never terminates. True values under every policy:
//! `V(s) = gamma^(3 - s) / (1 - gamma)`, for gamma = 0.9: 7.29, 8.1, 9, 10. Bootstrapping with
//! `V(s_t)` gives 6.94 for V(0), with the reset observation 3.83, treating the limit as
//! termination 0.88.

use super::{BestAction, ProbeSolution};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

const STATES: usize = 4;

/// `probe/truncation-chain`: the state as a one-hot observation, two actions that do nothing.
#[derive(Clone, Debug, Default)]
pub struct TruncationChain {
    state: usize,
}

fn one_hot(state: usize) -> [f32; STATES] {
    std::array::from_fn(|k| f32::from(u8::from(k == state)))
}

impl BuiltIn for TruncationChain {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/truncation-chain",
        summary: "probe: four states in a row, cut after 3 steps; values go on beyond the cut",
        time_limit: Some(3),
        solved_at: None,
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(discount: f64) -> Option<ProbeSolution> {
        let value = |s: usize| (s..STATES - 1).fold(1.0 / (1.0 - discount), |v, _| discount * v);
        let states = (0..STATES).map(|s| (one_hot(s), value(s), BestAction::Any));
        Some(ProbeSolution::new(states))
    }
}

impl Env for TruncationChain {
    fn observation_space(&self) -> Space {
        Space::uniform_box(STATES, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state = rng.below(STATES as u32) as usize;
        obs.copy_from_slice(&one_hot(self.state));
    }

    fn step(&mut self, _action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let at_end = self.state == STATES - 1;
        self.state = (self.state + 1).min(STATES - 1);
        obs.copy_from_slice(&one_hot(self.state));
        Step { reward: f64::from(u8::from(at_end)), end: End::Continue }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[self.state as f64]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [state] = snapshot::decode(snapshot)?;
        match (0..STATES).find(|&s| s as f64 == state) {
            Some(s) => self.state = s,
            None => return Err(EnvError(format!("state {state}, expected one of 0..{STATES}"))),
        }
        Ok(())
    }
}
