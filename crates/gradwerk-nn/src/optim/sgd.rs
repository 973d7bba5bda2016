//! Stochastic gradient descent.

use gradwerk_math::Kernel;
use gradwerk_math::simd::Elementary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Optimizer, below_one};
use crate::kernels::{Update, update};
use crate::{Engine, NnError};

/// Settings of stochastic gradient descent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Share of the last change's direction that is kept, in [0, 1); 0 is plain descent.
    pub momentum: f64,
}

impl Kind for SgdConfig {
    fn validate(&self) -> Result<(), NnError> {
        below_one("momentum", self.momentum)
    }

    fn build<E: Engine>(&self, len: usize) -> Box<dyn Optimizer<E>> {
        // Without momentum there is no velocity to keep.
        let kept = if self.momentum == 0.0 { 0 } else { len };
        let momentum = E::from_f64(self.momentum);
        Box::new(Sgd { momentum, velocity: vec![E::ZERO; kept], steps: 0 })
    }
}

/// Gradient descent with heavy-ball momentum (Polyak 1964): `v = momentum v + g`,
/// `theta -= lr v`.
#[derive(Clone, Debug)]
pub struct Sgd<E> {
    momentum: E,
    velocity: Vec<E>,
    steps: u64,
}

struct Step<E> {
    momentum: E,
    lr: E,
}

impl<E: Engine> Update<E> for Step<E> {
    #[inline(always)]
    fn update<S: Elementary<E = E>>(&self, g: S, [theta, v, unused]: [S; 3]) -> [S; 3] {
        let v = v.mul_add(g.lift(self.momentum), g);
        [v.mul_add(g.lift(E::ZERO - self.lr), theta), v, unused]
    }
}

impl<E: Engine> Optimizer<E> for Sgd<E> {
    fn step(&mut self, kernel: Kernel, theta: &mut [E], grad: &[E], lr: E) {
        self.steps += 1;
        let step = Step { momentum: self.momentum, lr };
        update(kernel, step, grad, [theta, &mut self.velocity, &mut []]);
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Vec<(&'static str, &[E])> {
        vec![("velocity", &self.velocity)]
    }

    fn state_mut(&mut self) -> (Vec<(&'static str, &mut [E])>, &mut u64) {
        (vec![("velocity", &mut self.velocity[..])], &mut self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// momentum = 0.5, lr = 0.1, gradients 1 and 1: v = 1, theta = -0.1; v = 1.5, theta = -0.25.
    #[test]
    fn two_steps_by_hand() {
        let mut sgd = SgdConfig { momentum: 0.5 }.build::<f64>(1);
        let mut theta = [0.0];
        sgd.step(Kernel::Portable, &mut theta, &[1.0], 0.1);
        sgd.step(Kernel::Portable, &mut theta, &[1.0], 0.1);
        assert!((theta[0] + 0.25).abs() < 1e-15);
    }
}
