//! Acrobot-v1: a double pendulum with a motor at the elbow swings its foot over a line.
//!
//! Sutton, "Generalization in reinforcement learning" (1996) with the equations of motion of
//! Sutton and Barto's book (1st edition, section 11.3) and the constants of Gymnasium 1.4.

use super::{BLUE, INK, ORANGE, SOFT, WHITE};
use crate::picture::Scene;
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::{Real, Stream, sin_cos};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

// Both links: mass 1 kg, length 1 m, centre of mass at 0.5 m, moment of inertia 1.
const MASS: f64 = 1.0;
const LENGTH: f64 = 1.0;
const CENTRE: f64 = 0.5;
const INERTIA: f64 = 1.0;
const GRAVITY: f64 = 9.8; // m/s^2
const DT: f64 = 0.2; // s, one step
const MAX_SPEED_1: f64 = 4.0 * PI; // rad/s, shoulder
const MAX_SPEED_2: f64 = 9.0 * PI; // rad/s, elbow

/// The double pendulum.
///
/// Observation: cosine and sine of both angles (0 hangs down; the second is relative to the
/// first), both angular velocities. Actions: elbow torque -1, 0 or 1. Reward -1 per step, 0 on
/// the step that reaches the line.
#[derive(Clone, Debug, Default)]
pub struct Acrobot {
    /// `theta_1, theta_2, dtheta_1/dt, dtheta_2/dt`.
    state: [f64; 4],
}

impl Acrobot {
    fn observe(&self, obs: &mut [f32]) {
        let [theta_1, theta_2, speed_1, speed_2] = self.state;
        let ((sin_1, cos_1), (sin_2, cos_2)) = (sin_cos(theta_1), sin_cos(theta_2));
        obs.copy_from_slice(&[cos_1, sin_1, cos_2, sin_2, speed_1, speed_2].map(|x| x as f32));
    }

    /// Whether the foot is more than one length above the shoulder.
    fn is_above_line(&self) -> bool {
        let [theta_1, theta_2, ..] = self.state;
        -Real::cos(theta_1) - Real::cos(theta_2 + theta_1) > 1.0
    }
}

/// Time derivative of the state under an elbow torque (the "book" equations).
fn derivative([theta_1, theta_2, speed_1, speed_2]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sin_2, cos_2) = sin_cos(theta_2);
    let coupling = MASS * LENGTH * CENTRE;
    let own = MASS * (CENTRE * CENTRE);
    let d1 = own
        + MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2.0 * LENGTH * CENTRE * cos_2)
        + INERTIA
        + INERTIA;
    let d2 = MASS * (CENTRE * CENTRE + LENGTH * CENTRE * cos_2) + INERTIA;
    let phi2 = MASS * CENTRE * GRAVITY * Real::cos(theta_1 + theta_2 - FRAC_PI_2);
    let phi1 = -coupling * (speed_2 * speed_2) * sin_2 - 2.0 * coupling * speed_2 * speed_1 * sin_2
        + (MASS * CENTRE + MASS * LENGTH) * GRAVITY * Real::cos(theta_1 - FRAC_PI_2)
        + phi2;
    let elbow = (torque + d2 / d1 * phi1 - coupling * (speed_1 * speed_1) * sin_2 - phi2)
        / (own + INERTIA - d2 * d2 / d1);
    let shoulder = -(d2 * elbow + phi1) / d1;
    [speed_1, speed_2, shoulder, elbow]
}

/// `a + scale * b`, entry by entry.
fn plus(a: [f64; 4], scale: f64, b: [f64; 4]) -> [f64; 4] {
    std::array::from_fn(|i| a[i] + scale * b[i])
}

/// One step of the classic fourth-order Runge-Kutta method.
fn runge_kutta(y: [f64; 4], torque: f64) -> [f64; 4] {
    let k1 = derivative(y, torque);
    let k2 = derivative(plus(y, DT / 2.0, k1), torque);
    let k3 = derivative(plus(y, DT / 2.0, k2), torque);
    let k4 = derivative(plus(y, DT, k3), torque);
    let sum = std::array::from_fn(|i| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
    plus(y, DT / 6.0, sum)
}

/// The same angle in [-pi, pi], by whole turns one at a time, as Gymnasium rounds it.
fn wrap(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= TAU;
    }
    while angle < -PI {
        angle += TAU;
    }
    angle
}

impl BuiltIn for Acrobot {
    const SPEC: EnvSpec = EnvSpec {
        id: "Acrobot-v1",
        summary: "swing a double pendulum over a line; 6 observations, 3 actions, -1 per step",
        time_limit: Some(500),
        solved_at: Some(-100.0),
    };
    fn new() -> Self {
        Self::default()
    }
}

impl Env for Acrobot {
    fn observation_space(&self) -> Space {
        Space::symmetric_box(&[1.0, 1.0, 1.0, 1.0, MAX_SPEED_1 as f32, MAX_SPEED_2 as f32])
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state = std::array::from_fn(|_| f64::from(rng.uniform_in(-0.1, 0.1) as f32));
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let torque = f64::from(action.discrete[0]) - 1.0;
        let [theta_1, theta_2, speed_1, speed_2] = runge_kutta(self.state, torque);
        self.state = [
            wrap(theta_1),
            wrap(theta_2),
            Real::clip(speed_1, -MAX_SPEED_1, MAX_SPEED_1),
            Real::clip(speed_2, -MAX_SPEED_2, MAX_SPEED_2),
        ];
        self.observe(obs);
        match self.is_above_line() {
            true => Step { reward: 0.0, end: End::Terminated },
            false => Step { reward: -1.0, end: End::Continue },
        }
    }

    fn render(&self) -> Option<Scene> {
        const UNIT: f64 = 65.0; // pixels per metre
        let [theta_1, theta_2, ..] = self.state;
        let shoulder = (150.0, 150.0);
        let end = |from: (f64, f64), angle: f64| {
            let (sin, cos) = sin_cos(angle);
            (from.0 + UNIT * LENGTH * sin, from.1 + UNIT * LENGTH * cos)
        };
        let elbow = end(shoulder, theta_1);
        let foot = end(elbow, theta_1 + theta_2);
        let mut scene = Scene::new(300.0, 300.0, WHITE);
        let line = shoulder.1 - UNIT * LENGTH;
        scene.line(&[(0.0, line), (300.0, line)], 2.0, SOFT);
        scene.line(&[shoulder, elbow], 12.0, INK);
        scene.line(&[elbow, foot], 12.0, ORANGE);
        [shoulder, elbow].into_iter().for_each(|joint| scene.dot(joint, 8.0, BLUE));
        Some(scene)
    }

    fn action_names(&self) -> &'static [&'static str] {
        &["torque -1", "torque 0", "torque 1"]
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&self.state))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let state: [f64; 4] = snapshot::decode(snapshot)?;
        // Far angles would take for ever to wrap, and come from no state of ours.
        match state.iter().position(|x| x.abs() > MAX_SPEED_2) {
            Some(k) => Err(EnvError(format!("entry {k} of the state is {}, too large", state[k]))),
            None => {
                self.state = state;
                Ok(())
            }
        }
    }
}
