//! MountainCarContinuous-v0: the mountain car with a throttle between -1 and 1.
//!
//! Gymnasium 1.4. Its arithmetic is part of the definition: the state is double precision after
//! a reset and single precision from the first step on, and a throttle inside its bounds is
//! multiplied in single precision.

use super::mountain_car::picture;
use crate::picture::Scene;
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::{Real, Stream};

const POWER: f64 = 0.0015; // change of velocity by full throttle
const GRAVITY: f64 = 0.0025;
const MAX_SPEED: f64 = 0.07;
const MIN_POSITION: f64 = -1.2;
const MAX_POSITION: f64 = 0.6;
const GOAL: f64 = 0.45;

/// The car with a continuous throttle.
///
/// Observation: position, velocity. Action: throttle in [-1, 1]. Reward 100 on reaching the
/// goal, minus 0.1 times the square of the action as given, not as clipped. Full throttle along
/// the velocity scores about 89, 0.7 of it about 94.
#[derive(Clone, Debug, Default)]
pub struct MountainCarContinuous {
    position: f64,
    velocity: f64,
    /// Whether a step was taken since the reset, so that the state is single precision.
    single: bool,
}

impl MountainCarContinuous {
    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&[self.position as f32, self.velocity as f32]);
    }

    /// One step; the state is single precision afterwards. Whether the car arrived.
    fn drive(&mut self, throttle: f32) -> bool {
        let (position, velocity, arrived) = if self.single {
            let (p, v, arrived) = motion(self.position as f32, self.velocity as f32, throttle);
            (f64::from(p), f64::from(v), arrived)
        } else {
            motion(self.position, self.velocity, throttle)
        };
        *self = Self {
            position: f64::from(position as f32),
            velocity: f64::from(velocity as f32),
            single: true,
        };
        arrived
    }
}

/// Position, velocity and arrival after a step, in the precision of the state.
fn motion<R: Real>(position: R, velocity: R, throttle: f32) -> (R, R, bool) {
    let slope = Real::cos((R::from_f64(3.0) * position).to_f64());
    let change = R::from_f64(acceleration(throttle, GRAVITY * slope));
    let max_speed = R::from_f64(MAX_SPEED);
    let mut velocity = (velocity + change).clip(-max_speed, max_speed);
    let (low, high) = (R::from_f64(MIN_POSITION), R::from_f64(MAX_POSITION));
    let position = (position + velocity).clip(low, high);
    if position == low && velocity < R::ZERO {
        velocity = R::ZERO;
    }
    (position, velocity, position >= R::from_f64(GOAL) && velocity >= R::ZERO)
}

/// Change of velocity under a throttle that is clipped to [-1, 1]. Gymnasium clips to a Python
/// number, which is double precision, and leaves a throttle inside the bounds single.
fn acceleration(throttle: f32, gravity: f64) -> f64 {
    if throttle > 1.0 {
        POWER - gravity
    } else if throttle < -1.0 {
        -POWER - gravity
    } else {
        f64::from(throttle * POWER as f32 - gravity as f32)
    }
}

impl BuiltIn for MountainCarContinuous {
    const SPEC: EnvSpec = EnvSpec {
        id: "MountainCarContinuous-v0",
        summary: "swing a weak car up a hill; 2 observations, throttle in [-1, 1], 100 at the goal",
        time_limit: Some(999),
        solved_at: Some(90.0),
    };
    fn new() -> Self {
        Self::default()
    }
}

impl Env for MountainCarContinuous {
    fn observation_space(&self) -> Space {
        Space::Box {
            low: vec![MIN_POSITION as f32, -MAX_SPEED as f32],
            high: vec![MAX_POSITION as f32, MAX_SPEED as f32],
        }
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        *self = Self { position: rng.uniform_in(-0.6, -0.4), velocity: 0.0, single: false };
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let throttle = action.continuous[0];
        let arrived = self.drive(throttle);
        self.observe(obs);
        let effort = f64::from(throttle) * f64::from(throttle) * 0.1;
        let end = if arrived { End::Terminated } else { End::Continue };
        Step { reward: if arrived { 100.0 } else { 0.0 } - effort, end }
    }

    fn render(&self) -> Option<Scene> {
        Some(picture(self.position, GOAL))
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[self.position, self.velocity, f64::from(u8::from(self.single))]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [position, velocity, single] = snapshot::decode(snapshot)?;
        *self = Self { position, velocity, single: single != 0.0 };
        Ok(())
    }
}
