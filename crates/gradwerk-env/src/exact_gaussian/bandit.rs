//! The one-step quadratic bandit.

use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step};
use gradwerk_math::Stream;

/// One action `a`, reward `-(a - target)^2`.
///
/// For `a ~ N(m, sigma^2)`: `E[(a - c)^2] = (m - c)^2 + sigma^2`, hence
/// `J = -(m - c)^2 - sigma^2`, `dJ/dm = -2 (m - c)`, `dJ/d ln sigma = -2 sigma^2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuadraticBandit {
    /// The best action `c`.
    pub target: f64,
}

impl QuadraticBandit {
    /// `J(m, sigma)`.
    #[must_use]
    pub fn objective(&self, mean: f64, sigma: f64) -> f64 {
        let error = mean - self.target;
        -(error * error) - sigma * sigma
    }

    /// `[dJ/dm, dJ/d ln sigma]`.
    #[must_use]
    pub fn gradient(&self, mean: f64, sigma: f64) -> [f64; 2] {
        [-2.0 * (mean - self.target), -2.0 * sigma * sigma]
    }

    /// Diagonal of the Fisher matrix in `(m, ln sigma)`: `[1 / sigma^2, 2]`.
    #[must_use]
    pub fn fisher(sigma: f64) -> [f64; 2] {
        [1.0 / (sigma * sigma), 2.0]
    }
}

/// `gaussian/bandit`: the quadratic bandit with target 0.5. The observation is always 0, so that
/// the mean of a linear policy is its bias alone.
#[derive(Clone, Copy, Debug)]
pub struct QuadraticBanditEnv(pub QuadraticBandit);

impl BuiltIn for QuadraticBanditEnv {
    const SPEC: EnvSpec = EnvSpec {
        id: "gaussian/bandit",
        summary: "one step, reward -(a - 0.5)^2; J and its gradient in closed form",
        time_limit: Some(1),
        solved_at: None,
    };
    fn new() -> Self {
        Self(QuadraticBandit { target: 0.5 })
    }
}

impl Env for QuadraticBanditEnv {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 0.0)
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, f32::NEG_INFINITY, f32::INFINITY)
    }

    fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
        obs[0] = 0.0;
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let error = f64::from(action.continuous[0]) - self.0.target;
        obs[0] = 0.0;
        Step { reward: -(error * error), end: End::Terminated }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        match snapshot.len() {
            0 => Ok(()),
            n => Err(EnvError(format!("a snapshot of {n} bytes, expected 0"))),
        }
    }
}
