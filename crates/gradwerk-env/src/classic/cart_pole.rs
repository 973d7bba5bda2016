//! CartPole-v1: balance a pole on a cart by pushing the cart left or right.
//!
//! Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning
//! control problems" (1983), with the constants and the bounds of Gymnasium 1.4.

use super::{BLUE, INK, ORANGE, SOFT, WHITE};
use crate::columns::{self, Columnar, Columns, LANES, Lanes};
use crate::picture::Scene;
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, EnvSettings, EpisodeKeys, Space, Step, VecEnv, snapshot};
use gradwerk_math::{Stream, sin_cos};

const GRAVITY: f64 = 9.8; // m/s^2
const POLE_MASS: f64 = 0.1; // kg
const TOTAL_MASS: f64 = 1.1; // kg, cart and pole
const HALF_LENGTH: f64 = 0.5; // m, of the pole
const POLE_MASS_LENGTH: f64 = 0.05; // kg m: pole mass times half length
const FORCE: f64 = 10.0; // N
const TAU: f64 = 0.02; // s, one step
const MAX_POSITION: f64 = 2.4; // m
const MAX_ANGLE: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0; // rad

/// The cart and its pole.
///
/// Observation: position (m), velocity, angle (rad, 0 upright), angular velocity.
/// Actions: 0 pushes left, 1 pushes right. Reward 1 per step, the last included.
#[derive(Clone, Debug, Default)]
pub struct CartPole {
    /// `x, dx/dt, theta, dtheta/dt`.
    state: [f64; 4],
}

/// The push of an action.
fn force(action: u32) -> f64 {
    if action == 1 { FORCE } else { -FORCE }
}

/// One explicit Euler step: positions move with the old velocities. `(sin, cos)` are those of the
/// angle.
#[inline(always)]
fn dynamics(
    [x, x_dot, theta, theta_dot]: [f64; 4],
    (sin, cos): (f64, f64),
    force: f64,
) -> [f64; 4] {
    let push = (force + POLE_MASS_LENGTH * (theta_dot * theta_dot) * sin) / TOTAL_MASS;
    let inertia = HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS);
    let theta_acc = (GRAVITY * sin - cos * push) / inertia;
    let x_acc = push - POLE_MASS_LENGTH * theta_acc * cos / TOTAL_MASS;
    [x + TAU * x_dot, x_dot + TAU * x_acc, theta + TAU * theta_dot, theta_dot + TAU * theta_acc]
}

/// Terminated once the cart left the track or the pole fell.
fn end(x: f64, theta: f64) -> End {
    let over = (x.abs() > MAX_POSITION) | (theta.abs() > MAX_ANGLE);
    if over { End::Terminated } else { End::Continue }
}

impl Columnar<4> for CartPole {
    type Action = u32;
    fn at(state: [f64; 4]) -> Self {
        Self { state }
    }
    fn state(&self) -> [f64; 4] {
        self.state
    }
    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&self.state.map(|x| x as f32));
    }
    fn step_lanes(columns: &mut Columns<4>, action: &Lanes<u32>) {
        let turns = columns.state[2].map(sin_cos);
        for i in 0..LANES {
            columns.set(i, dynamics(columns.get(i), turns[i], force(action[i])));
        }
        columns.reward = [1.0; LANES];
        columns.end = std::array::from_fn(|i| end(columns.state[0][i], columns.state[2][i]));
    }
}

impl BuiltIn for CartPole {
    const SPEC: EnvSpec = EnvSpec {
        id: "CartPole-v1",
        summary: "balance a pole on a cart; 4 observations, 2 actions, reward 1 per step",
        time_limit: Some(500),
        solved_at: Some(475.0),
    };
    fn new() -> Self {
        Self::default()
    }
    fn batch(seed: u64, keys: EpisodeKeys, n: usize, settings: &EnvSettings) -> Box<dyn VecEnv> {
        columns::batch::<Self, 4>(seed, keys, n, settings)
    }
}

impl Env for CartPole {
    fn observation_space(&self) -> Space {
        let (x, theta) = ((2.0 * MAX_POSITION) as f32, (2.0 * MAX_ANGLE) as f32);
        Space::symmetric_box(&[x, f32::INFINITY, theta, f32::INFINITY])
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state = std::array::from_fn(|_| rng.uniform_in(-0.05, 0.05));
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let turn = sin_cos(self.state[2]);
        self.state = dynamics(self.state, turn, force(action.discrete[0]));
        self.observe(obs);
        Step { reward: 1.0, end: end(self.state[0], self.state[2]) }
    }

    fn render(&self) -> Option<Scene> {
        const UNIT: f64 = 100.0; // pixels per metre
        let [x, _, theta, _] = self.state;
        let (cart, track) = (300.0 + UNIT * x, 200.0);
        let (sin, cos) = sin_cos(theta);
        let tip =
            (cart + UNIT * 2.0 * HALF_LENGTH * sin, track - 20.0 - UNIT * 2.0 * HALF_LENGTH * cos);
        let mut scene = Scene::new(600.0, 240.0, WHITE);
        scene.line(&[(0.0, track), (600.0, track)], 2.0, SOFT);
        for end in [-MAX_POSITION, MAX_POSITION] {
            let x = 300.0 + UNIT * end;
            scene.line(&[(x, track - 10.0), (x, track + 10.0)], 2.0, SOFT);
        }
        scene.block((cart - 30.0, track - 20.0), (60.0, 30.0), INK);
        scene.line(&[(cart, track - 20.0), tip], 10.0, ORANGE);
        scene.dot((cart, track - 20.0), 6.0, BLUE);
        Some(scene)
    }

    fn action_names(&self) -> &'static [&'static str] {
        &["left", "right"]
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&self.state))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        self.state = snapshot::decode(snapshot)?;
        Ok(())
    }
}
