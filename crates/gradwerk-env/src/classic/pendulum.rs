//! Pendulum-v1: swing a pendulum up and hold it there with a weak motor.
//!
//! Gymnasium 1.4; no episode terminates. The best mean return is about -139 (standard deviation
//! 76 over the starts).

use super::{BLUE, ORANGE, SOFT, WHITE};
use crate::picture::Scene;
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::{Real, Stream, sin_cos};
use std::f64::consts::{PI, TAU};

const DT: f64 = 0.05; // s, one step
const MAX_SPEED: f64 = 8.0; // rad/s
const MAX_TORQUE: f32 = 2.0; // N m
/// `3 g / (2 l)` with g = 10 m/s^2, l = 1 m: the pull of gravity on a rod.
const PULL: f64 = 15.0;
/// `3 / (m l^2)` with m = 1 kg: angular acceleration per torque.
const RESPONSE: f32 = 3.0;

/// The pendulum.
///
/// Observation: cosine and sine of the angle (0 upright), angular velocity. Action: torque, which
/// the environment clips to [-2, 2]. Reward: minus (angle^2 + 0.1 velocity^2 + 0.001 torque^2)
/// of the state acted in.
#[derive(Clone, Debug, Default)]
pub struct Pendulum {
    theta: f64,
    theta_dot: f64,
    /// Sine of `theta`, kept because the observation and the next step both need it.
    sin: f64,
}

/// `x mod 2 pi`, in [0, 2 pi]: the bits of `x.rem_euclid(TAU)`, which is slow, without a call
/// where one turn is enough. Below two turns `x - TAU` is exact (Sterbenz), as a remainder is.
fn wrapped(x: f64) -> f64 {
    if !(-TAU < x && x < 2.0 * TAU) {
        return x.rem_euclid(TAU);
    }
    let below = if x >= TAU { x - TAU } else { x };
    if x < 0.0 { x + TAU } else { below }
}

impl Pendulum {
    fn at(theta: f64, theta_dot: f64, obs: &mut [f32]) -> Self {
        let (sin, cos) = sin_cos(theta);
        obs.copy_from_slice(&[cos as f32, sin as f32, theta_dot as f32]);
        Self { theta, theta_dot, sin }
    }

    /// The cost of applying `torque` in this state. Torque is squared in single precision, as
    /// Gymnasium does.
    fn cost(&self, torque: f32) -> f64 {
        let angle = wrapped(self.theta + PI) - PI;
        angle * angle
            + 0.1 * (self.theta_dot * self.theta_dot)
            + f64::from(0.001 * (torque * torque))
    }
}

impl BuiltIn for Pendulum {
    const SPEC: EnvSpec = EnvSpec {
        id: "Pendulum-v1",
        summary: "swing a pendulum up and hold it; 3 observations, torque in [-2, 2]",
        time_limit: Some(200),
        solved_at: None,
    };
    fn new() -> Self {
        Self::default()
    }
}

impl Env for Pendulum {
    fn observation_space(&self) -> Space {
        Space::symmetric_box(&[1.0, 1.0, MAX_SPEED as f32])
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -MAX_TORQUE, MAX_TORQUE)
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        *self = Self::at(rng.uniform_in(-PI, PI), rng.uniform_in(-1.0, 1.0), obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let torque = action.continuous[0].clip(-MAX_TORQUE, MAX_TORQUE);
        let reward = -self.cost(torque);
        let acceleration = PULL * self.sin + f64::from(RESPONSE * torque);
        let theta_dot = Real::clip(self.theta_dot + acceleration * DT, -MAX_SPEED, MAX_SPEED);
        *self = Self::at(self.theta + theta_dot * DT, theta_dot, obs);
        Step { reward, end: End::Continue }
    }

    fn render(&self) -> Option<Scene> {
        let (middle, length) = (150.0, 110.0);
        let tip = (middle + length * self.sin, middle - length * Real::cos(self.theta));
        let mut scene = Scene::new(300.0, 300.0, WHITE);
        scene.line(&[(middle, 20.0), (middle, 40.0)], 2.0, SOFT);
        scene.line(&[(middle, middle), tip], 18.0, ORANGE);
        scene.dot(tip, 9.0, ORANGE);
        scene.dot((middle, middle), 9.0, BLUE);
        Some(scene)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[self.theta, self.theta_dot]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [theta, theta_dot] = snapshot::decode(snapshot)?;
        *self = Self { theta, theta_dot, sin: Real::sin(theta) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    #[test]
    fn wrapping_has_the_bits_of_the_euclidean_remainder() {
        let mut rng = Stream::new(1, Purpose::Test, 0, 0);
        let random = (0..200_000).map(|_| rng.uniform_in(-40.0, 40.0));
        let whole = (-4..=4).map(|k| f64::from(k) * TAU);
        let bounds = whole.flat_map(|x| [x, x.next_up(), x.next_down()]);
        for x in random.chain(bounds).chain([0.0, 1e-300, -1e-300]) {
            assert_eq!(wrapped(x).to_bits(), x.rem_euclid(TAU).to_bits(), "{x}");
        }
        assert!(wrapped(f64::NAN).is_nan());
    }
}
