//! Two steps, a choice and a number at once, and a mask. Tests actions of several parts.
//!
//! The observation is `(c, t)` as in `probe/all`: a sign c that turns round after the first step.
//! Of the choices 0, 1 and 2, 2 is right for c = 1 and 0 for c = -1; 1 is never right and invalid
//! for c = 1 (it would earn -10). The right choice earns 1, another 0, and a number x next to it
//! `-(x - c/2)^2`. With `c/2` in every step the values are those of `probe/all`:
//! `V(c, 1) = 1 + c/2` and `V(c, 0) = 1 + c/2 + gamma (1 - c/2)`.

use super::all::{SignAndTime, observation_space, solution};
use super::{BestAction, ProbeSolution};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, Env, EnvError, Space, Step};
use gradwerk_math::Stream;

/// `probe/hybrid`: a masked choice of three and a number.
#[derive(Clone, Debug, Default)]
pub struct Hybrid {
    state: SignAndTime,
}

/// Whether each choice is valid at this sign.
fn mask(sign: f32) -> [bool; 3] {
    [true, sign < 0.0, true]
}

impl BuiltIn for Hybrid {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/hybrid",
        summary: "probe: two steps; a masked choice and a continuous action at once",
        time_limit: None,
        solved_at: Some(1.9),
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(discount: f64) -> Option<ProbeSolution> {
        let best = |sign: f32| BestAction::Hybrid(if sign > 0.0 { 2 } else { 0 }, sign / 2.0);
        Some(solution(discount, 1.0, best).masked(|obs| mask(obs[0]).to_vec()))
    }
}

impl Env for Hybrid {
    fn observation_space(&self) -> Space {
        observation_space()
    }

    fn action_space(&self) -> Space {
        let (choice, push) = (Space::Discrete { n: 3 }, Space::uniform_box(1, -1.0, 1.0));
        Space::dict([("choice", choice), ("push", push)])
    }

    fn action_mask(&self, row: &mut [bool]) -> bool {
        row.copy_from_slice(&mask(self.state.sign));
        true
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state.reset(rng, obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let (sign, choice) = (self.state.sign, action.discrete[0]);
        let earned = match choice {
            a if !mask(sign)[a as usize] => -10.0,
            a if a == (if sign > 0.0 { 2 } else { 0 }) => 1.0,
            _ => 0.0,
        };
        let miss = f64::from(action.continuous[0] - sign / 2.0);
        self.state.step(earned - miss * miss, obs)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.state.snapshot())
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        self.state.restore(snapshot)
    }
}
