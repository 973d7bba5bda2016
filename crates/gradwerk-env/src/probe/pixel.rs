//! One step that has to be seen: where a bright pixel lies decides what is right and what it earns.
//!
//! The observation is an image of 1 x 4 x 4 with one pixel of 255 at row y and column x, drawn at
//! the reset, and 0 elsewhere. Action 1 is right if the pixel lies in the right half (x >= 2),
//! action 0 if in the left one. The right action earns `1 + y/4`, the wrong one `-1 + y/4`, so the
//! best policy has `V(y, x) = 1 + y/4`.

use super::{BestAction, ProbeSolution};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// Height and width of the image.
const SIDE: usize = 4;

/// `probe/pixel`: one image, the half in which its bright pixel lies is the right action.
#[derive(Clone, Debug, Default)]
pub struct Pixel {
    /// Index of the bright pixel, row by row.
    place: usize,
}

fn best(place: usize) -> u32 {
    u32::from(place % SIDE >= SIDE / 2)
}

fn draw(place: usize, obs: &mut [f32]) {
    obs.fill(0.0);
    obs[place] = 255.0;
}

impl Pixel {
    /// What the row adds to the reward.
    fn bonus(place: usize) -> f64 {
        (place / SIDE) as f64 / SIDE as f64
    }
}

impl BuiltIn for Pixel {
    const SPEC: EnvSpec = EnvSpec {
        id: "probe/pixel",
        summary: "probe: one step, the place of a bright pixel says what is right",
        time_limit: None,
        solved_at: Some(1.3),
    };
    fn new() -> Self {
        Self::default()
    }
    fn solution(_discount: f64) -> Option<ProbeSolution> {
        Some(ProbeSolution::new((0..SIDE * SIDE).map(|place| {
            let mut obs = [0.0; SIDE * SIDE];
            draw(place, &mut obs);
            (obs, 1.0 + Self::bonus(place), BestAction::Discrete(best(place)))
        })))
    }
}

impl Env for Pixel {
    fn observation_space(&self) -> Space {
        Space::Image { channels: 1, height: SIDE, width: SIDE }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.place = rng.below((SIDE * SIDE) as u32) as usize;
        draw(self.place, obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        draw(self.place, obs);
        let earned = if action.discrete[0] == best(self.place) { 1.0 } else { -1.0 };
        Step { reward: earned + Self::bonus(self.place), end: End::Terminated }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[self.place as f64]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [place] = snapshot::decode(snapshot)?;
        if !(0.0..(SIDE * SIDE) as f64).contains(&place) || place.fract() != 0.0 {
            return Err(EnvError(format!("pixel {place}, expected a whole number in 0..16")));
        }
        self.place = place as usize;
        Ok(())
    }
}
