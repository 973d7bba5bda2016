//! Two steps in which the mask forbids what would be best. Tests action masks.
//!
//! The observation is `(c, t)` as in `probe/all`: a sign c that turns round after the first step.
//! An action is two choices. The first earns 2, 1 or 0 for its values 0, 1 and 2, but 0 is invalid
//! for c = -1; the second earns 1/2 for its value 1. What the mask forbids would earn -10. With
//! `c/2` in every step the best policy earns `e(1) = 2.5 + 0.5 = 3` and `e(-1) = 1.5 - 0.5 = 1`:
//! `V(c, 1) = e(c)` and `V(c, 0) = e(c) + gamma e(-c)`.

use super::all::{SignAndTime, observation_space};
use super::{BestAction, ProbeSolution};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, Env, EnvError, Space, Step};
use gradwerk_math::Stream;

/// `probe/masked`: two choices, of which a mask forbids the best in half of the states.
#[derive(Clone, Debug, Default)]
pub struct Masked {
    state: SignAndTime,
}

/// Whether each value of both choices is valid at this sign.
fn mask(sign: f32) -> [bool; 5] {
    [sign > 0.0, true, true, true, true]
}

impl BuiltIn for Masked {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/masked",
        summary: "probe: two steps, two choices; a mask forbids the best in half of the states",
        time_limit: None,
        solved_at: Some(3.9),
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(discount: f64) -> Option<ProbeSolution> {
        let earned = |sign: f32| if sign > 0.0 { 3.0 } else { 1.0 };
        let best = |sign: f32| BestAction::Pair(u32::from(sign < 0.0), 1);
        let states = [-1.0, 1.0].into_iter().flat_map(|sign| {
            let first = earned(sign) + discount * earned(-sign);
            [([sign, 0.0], first, best(sign)), ([sign, 1.0], earned(sign), best(sign))]
        });
        Some(ProbeSolution::new(states).masked(|obs| mask(obs[0]).to_vec()))
    }
}

impl Env for Masked {
    fn observation_space(&self) -> Space {
        observation_space()
    }

    fn action_space(&self) -> Space {
        Space::MultiDiscrete { n: vec![3, 2] }
    }

    fn action_mask(&self, row: &mut [bool]) -> bool {
        row.copy_from_slice(&mask(self.state.sign));
        true
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state.reset(rng, obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let (a, b) = (action.discrete[0], action.discrete[1]);
        let forbidden = !mask(self.state.sign)[a as usize];
        let first = if forbidden { -10.0 } else { 2.0 - f64::from(a) };
        self.state.step(first + 0.5 * f64::from(b), obs)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.state.snapshot())
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        self.state.restore(snapshot)
    }
}
