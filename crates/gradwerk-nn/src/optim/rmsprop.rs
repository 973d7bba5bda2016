//! RMSprop.

use gradwerk_math::Kernel;
use gradwerk_math::simd::Elementary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Optimizer, below_one, positive};
use crate::kernels::{Update, update};
use crate::{Engine, NnError};

/// Settings of RMSprop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RmspropConfig {
    /// Decay of the running mean of the squared gradient, in [0, 1).
    pub decay: f64,
    /// Added to the root mean square before it divides.
    pub eps: f64,
}

impl Default for RmspropConfig {
    fn default() -> Self {
        Self { decay: 0.99, eps: 1e-5 }
    }
}

impl Kind for RmspropConfig {
    fn validate(&self) -> Result<(), NnError> {
        below_one("decay", self.decay)?;
        positive("eps", self.eps)
    }

    fn build<E: Engine>(&self, len: usize) -> Box<dyn Optimizer<E>> {
        Box::new(Rmsprop { config: self.clone(), square: vec![E::ZERO; len], steps: 0 })
    }
}

/// RMSprop (Tieleman and Hinton 2012, lecture 6.5): `theta -= lr * g / (sqrt(s) + eps)` with
/// `s = decay s + (1 - decay) g^2`.
#[derive(Clone, Debug)]
pub struct Rmsprop<E> {
    config: RmspropConfig,
    square: Vec<E>,
    steps: u64,
}

struct Step<E> {
    decay: E,
    rest: E,
    eps: E,
    lr: E,
}

impl<E: Engine> Update<E> for Step<E> {
    #[inline(always)]
    fn update<S: Elementary<E = E>>(&self, g: S, [theta, s, unused]: [S; 3]) -> [S; 3] {
        let s = s.mul_add(g.lift(self.decay), g.mul(g).mul(g.lift(self.rest)));
        let change = g.mul(g.lift(self.lr)).div(s.sqrt().add(g.lift(self.eps)));
        [theta.sub(change), s, unused]
    }
}

impl<E: Engine> Optimizer<E> for Rmsprop<E> {
    fn step(&mut self, kernel: Kernel, theta: &mut [E], grad: &[E], lr: E) {
        self.steps += 1;
        let RmspropConfig { decay, eps } = self.config;
        let [decay, rest, eps] = [decay, 1.0 - decay, eps].map(E::from_f64);
        update(kernel, Step { decay, rest, eps, lr }, grad, [theta, &mut self.square, &mut []]);
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Vec<(&'static str, &[E])> {
        vec![("mean_square", &self.square)]
    }

    fn state_mut(&mut self) -> (Vec<(&'static str, &mut [E])>, &mut u64) {
        (vec![("mean_square", &mut self.square[..])], &mut self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// decay = 0.75, eps = 1, lr = 2, gradient 4: s = 0.25 * 16 = 4, theta = -2 * 4 / (2 + 1).
    #[test]
    fn one_step_by_hand() {
        let mut rmsprop = RmspropConfig { decay: 0.75, eps: 1.0 }.build::<f64>(1);
        let mut theta = [0.0];
        rmsprop.step(Kernel::Portable, &mut theta, &[4.0], 2.0);
        assert!((theta[0] + 8.0 / 3.0).abs() < 1e-15);
    }
}
