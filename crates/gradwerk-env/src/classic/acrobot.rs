//! Acrobot-v1: a double pendulum with a motor at the elbow swings its foot over a line.
//!
//! Sutton, "Generalization in reinforcement learning" (1996) with the equations of motion of
//! Sutton and Barto's book (1st edition, section 11.3) and the constants of Gymnasium 1.4.

use super::{BLUE, INK, ORANGE, SOFT, WHITE};
use crate::columns::{self, Columnar, Columns, Lanes};
use crate::picture::Scene;
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, EnvSettings, EpisodeKeys, Space, Step, VecEnv, snapshot};
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

/// Sine and cosine of the second angle, and the cosines in which gravity pulls at both links.
type Turns = [f64; 4];

fn turns([theta_1, theta_2, ..]: [f64; 4]) -> Turns {
    let (sin_2, cos_2) = sin_cos(theta_2);
    [sin_2, cos_2, Real::cos(theta_1 - FRAC_PI_2), Real::cos(theta_1 + theta_2 - FRAC_PI_2)]
}

/// Time derivative of the state under an elbow torque (the "book" equations).
#[inline(always)]
fn derivative(
    [_, _, speed_1, speed_2]: [f64; 4],
    [sin_2, cos_2, pull_1, pull_2]: Turns,
    torque: f64,
) -> [f64; 4] {
    let coupling = MASS * LENGTH * CENTRE;
    let own = MASS * (CENTRE * CENTRE);
    let d1 = own
        + MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2.0 * LENGTH * CENTRE * cos_2)
        + INERTIA
        + INERTIA;
    let d2 = MASS * (CENTRE * CENTRE + LENGTH * CENTRE * cos_2) + INERTIA;
    let phi2 = MASS * CENTRE * GRAVITY * pull_2;
    let phi1 = -coupling * (speed_2 * speed_2) * sin_2 - 2.0 * coupling * speed_2 * speed_1 * sin_2
        + (MASS * CENTRE + MASS * LENGTH) * GRAVITY * pull_1
        + phi2;
    let elbow = (torque + d2 / d1 * phi1 - coupling * (speed_1 * speed_1) * sin_2 - phi2)
        / (own + INERTIA - d2 * d2 / d1);
    let shoulder = -(d2 * elbow + phi1) / d1;
    [speed_1, speed_2, shoulder, elbow]
}

/// The states of `L` copies, number by number.
type States<const L: usize> = [[f64; L]; 4];

/// The numbers of lane `i`.
#[inline(always)]
fn lane<const L: usize>(y: &States<L>, i: usize) -> [f64; 4] {
    std::array::from_fn(|k| y[k][i])
}

/// [`derivative`] in every lane: first the turns, which are calls, then the rest, which is not.
#[inline(always)]
fn derivatives<const L: usize>(y: &States<L>, torque: &[f64; L]) -> States<L> {
    let turns: [Turns; L] = std::array::from_fn(|i| turns(lane(y, i)));
    let mut rates = [[0.0; L]; 4];
    for i in 0..L {
        let rate = derivative(lane(y, i), turns[i], torque[i]);
        for (rates, x) in rates.iter_mut().zip(rate) {
            rates[i] = x;
        }
    }
    rates
}

/// `a + scale * b`, entry by entry.
#[inline(always)]
fn plus<const L: usize>(a: &States<L>, scale: f64, b: &States<L>) -> States<L> {
    std::array::from_fn(|k| std::array::from_fn(|i| a[k][i] + scale * b[k][i]))
}

/// One step of the classic fourth-order Runge-Kutta method.
fn runge_kutta<const L: usize>(y: &States<L>, torque: &[f64; L]) -> States<L> {
    let k1 = derivatives(y, torque);
    let k2 = derivatives(&plus(y, DT / 2.0, &k1), torque);
    let k3 = derivatives(&plus(y, DT / 2.0, &k2), torque);
    let k4 = derivatives(&plus(y, DT, &k3), torque);
    let mut sum = [[0.0; L]; 4];
    for k in 0..4 {
        for i in 0..L {
            sum[k][i] = k1[k][i] + 2.0 * k2[k][i] + 2.0 * k3[k][i] + k4[k][i];
        }
    }
    plus(y, DT / 6.0, &sum)
}

/// One step of `L` copies under these actions.
fn dynamics<const L: usize>(y: &States<L>, action: &[u32; L]) -> States<L> {
    let [theta_1, theta_2, speed_1, speed_2] = runge_kutta(y, &action.map(|a| f64::from(a) - 1.0));
    [
        theta_1.map(wrap),
        theta_2.map(wrap),
        speed_1.map(|x| Real::clip(x, -MAX_SPEED_1, MAX_SPEED_1)),
        speed_2.map(|x| Real::clip(x, -MAX_SPEED_2, MAX_SPEED_2)),
    ]
}

/// Reward and end: reached once the foot is more than one length above the shoulder.
fn outcome([theta_1, theta_2, ..]: [f64; 4]) -> (f64, End) {
    match -Real::cos(theta_1) - Real::cos(theta_2 + theta_1) > 1.0 {
        true => (0.0, End::Terminated),
        false => (-1.0, End::Continue),
    }
}

impl Columnar<4> for Acrobot {
    type Action = u32;
    fn at(state: [f64; 4]) -> Self {
        Self { state }
    }
    fn state(&self) -> [f64; 4] {
        self.state
    }
    fn observe(&self, obs: &mut [f32]) {
        let [theta_1, theta_2, speed_1, speed_2] = self.state;
        let ((sin_1, cos_1), (sin_2, cos_2)) = (sin_cos(theta_1), sin_cos(theta_2));
        obs.copy_from_slice(&[cos_1, sin_1, cos_2, sin_2, speed_1, speed_2].map(|x| x as f32));
    }
    fn step_lanes(columns: &mut Columns<4>, action: &Lanes<u32>) {
        columns.state = dynamics(&columns.state, action);
        for i in 0..action.len() {
            (columns.reward[i], columns.end[i]) = outcome(columns.get(i));
        }
    }
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
    fn batch(seed: u64, keys: EpisodeKeys, n: usize, settings: &EnvSettings) -> Box<dyn VecEnv> {
        columns::batch::<Self, 4>(seed, keys, n, settings)
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
        self.state = dynamics(&self.state.map(|x| [x]), &[action.discrete[0]]).map(|[x]| x);
        self.observe(obs);
        let (reward, end) = outcome(self.state);
        Step { reward, end }
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
