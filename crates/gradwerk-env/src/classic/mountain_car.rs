//! MountainCar-v0: an engine too weak for the hill has to swing up to the goal.
//!
//! Moore, "Efficient memory-based learning for robot control" (1990), with the constants of
//! Gymnasium 1.4. Random actions practically never reach the goal; the best mean return is
//! about -97.7.

use super::{BLUE, INK, ORANGE, SOFT, WHITE};
use crate::picture::Scene;
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::{Real, Stream};

const ENGINE: f64 = 0.001; // change of velocity by full throttle
const GRAVITY: f64 = 0.0025;
const MAX_SPEED: f64 = 0.07;
const MIN_POSITION: f64 = -1.2;
const MAX_POSITION: f64 = 0.6;
const GOAL: f64 = 0.5;

/// The car in its valley.
///
/// Observation: position, velocity. Actions: 0 accelerates left, 1 coasts, 2 accelerates right.
/// Reward -1 per step, the last included.
#[derive(Clone, Debug, Default)]
pub struct MountainCar {
    position: f64,
    velocity: f64,
}

impl MountainCar {
    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&[self.position as f32, self.velocity as f32]);
    }

    /// One step of the valley `sin(3 p)`; the left wall takes all speed.
    fn drive(&mut self, throttle: f64) {
        let slope = Real::cos(3.0 * self.position);
        self.velocity = Real::clip(
            self.velocity + (throttle * ENGINE + slope * -GRAVITY),
            -MAX_SPEED,
            MAX_SPEED,
        );
        self.position = Real::clip(self.position + self.velocity, MIN_POSITION, MAX_POSITION);
        if self.position == MIN_POSITION && self.velocity < 0.0 {
            self.velocity = 0.0;
        }
    }
}

/// A car in the valley, with a flag at the goal.
pub(super) fn picture(position: f64, goal: f64) -> Scene {
    const UNIT: f64 = 300.0; // pixels per unit of position
    const HEIGHT: f64 = 120.0;
    let place = |p: f64| (UNIT * (p - MIN_POSITION), HEIGHT * (1.7 - Real::sin(3.0 * p)));
    let mut scene = Scene::new(UNIT * (MAX_POSITION - MIN_POSITION), 350.0, WHITE);
    let steps = (0..=90).map(|k| MIN_POSITION + f64::from(k) * 0.02);
    scene.line(&steps.map(place).collect::<Vec<_>>(), 3.0, SOFT);
    let (x, y) = place(goal);
    scene.line(&[(x, y), (x, y - 50.0)], 3.0, INK);
    scene.area(&[(x, y - 50.0), (x - 25.0, y - 42.0), (x, y - 34.0)], ORANGE);
    let (x, y) = place(position);
    scene.dot((x, y - 12.0), 12.0, BLUE);
    scene
}

impl BuiltIn for MountainCar {
    const SPEC: EnvSpec = EnvSpec {
        id: "MountainCar-v0",
        summary: "swing a weak car up a hill; 2 observations, 3 actions, reward -1 per step",
        time_limit: Some(200),
        solved_at: Some(-110.0),
    };
    fn new() -> Self {
        Self::default()
    }
}

impl Env for MountainCar {
    fn observation_space(&self) -> Space {
        Space::Box {
            low: vec![MIN_POSITION as f32, -MAX_SPEED as f32],
            high: vec![MAX_POSITION as f32, MAX_SPEED as f32],
        }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        *self = Self { position: rng.uniform_in(-0.6, -0.4), velocity: 0.0 };
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.drive(f64::from(action.discrete[0]) - 1.0);
        self.observe(obs);
        let arrived = self.position >= GOAL && self.velocity >= 0.0;
        Step { reward: -1.0, end: if arrived { End::Terminated } else { End::Continue } }
    }

    fn render(&self) -> Option<Scene> {
        Some(picture(self.position, GOAL))
    }

    fn action_names(&self) -> &'static [&'static str] {
        &["left", "coast", "right"]
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[self.position, self.velocity]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [position, velocity] = snapshot::decode(snapshot)?;
        *self = Self { position, velocity };
        Ok(())
    }
}
