//! Adam.

use gradwerk_math::simd::Elementary;
use gradwerk_math::{Kernel, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Optimizer, below_one, positive};
use crate::kernels::{Update, update};
use crate::{Engine, NnError};

/// Settings of Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay of the running mean of the gradient, in [0, 1).
    pub beta1: f64,
    /// Decay of the running mean of the squared gradient, in [0, 1).
    pub beta2: f64,
    /// Added to the root mean square before it divides; 1e-5 is usual in policy gradients.
    pub eps: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-5 }
    }
}

impl Kind for AdamConfig {
    fn validate(&self) -> Result<(), NnError> {
        below_one("beta1", self.beta1)?;
        below_one("beta2", self.beta2)?;
        positive("eps", self.eps)
    }

    fn build<E: Engine>(&self, len: usize) -> Box<dyn Optimizer<E>> {
        let (config, zeros) = (self.clone(), vec![E::ZERO; len]);
        Box::new(Adam { config, first: zeros.clone(), second: zeros, steps: 0 })
    }
}

/// Adam (Kingma and Ba 2015, algorithm 1):
/// `theta -= lr * m_hat / (sqrt(v_hat) + eps)` with bias-corrected moments.
#[derive(Clone, Debug)]
pub struct Adam<E> {
    config: AdamConfig,
    first: Vec<E>,
    second: Vec<E>,
    steps: u64,
}

/// The numbers of one step.
struct Step<E> {
    beta1: E,
    beta2: E,
    /// `1 - beta1` and `1 - beta2`.
    rest: [E; 2],
    /// `lr / (1 - beta1^t)`.
    rate: E,
    /// `1 / sqrt(1 - beta2^t)`.
    root_correction: E,
    eps: E,
}

impl<E: Engine> Update<E> for Step<E> {
    #[inline(always)]
    fn update<S: Elementary<E = E>>(&self, g: S, [theta, m, v]: [S; 3]) -> [S; 3] {
        let m = m.mul_add(g.lift(self.beta1), g.mul(g.lift(self.rest[0])));
        let v = v.mul_add(g.lift(self.beta2), g.mul(g).mul(g.lift(self.rest[1])));
        let root = v.sqrt().mul_add(g.lift(self.root_correction), g.lift(self.eps));
        [theta.sub(m.mul(g.lift(self.rate)).div(root)), m, v]
    }
}

impl<E: Engine> Optimizer<E> for Adam<E> {
    fn step(&mut self, kernel: Kernel, theta: &mut [E], grad: &[E], lr: E) {
        self.steps += 1;
        let AdamConfig { beta1, beta2, eps } = self.config;
        let step = Step {
            beta1: E::from_f64(beta1),
            beta2: E::from_f64(beta2),
            rest: [E::from_f64(1.0 - beta1), E::from_f64(1.0 - beta2)],
            rate: E::from_f64(lr.to_f64() / (1.0 - power(beta1, self.steps))),
            root_correction: E::from_f64(1.0 / (1.0 - power(beta2, self.steps)).sqrt()),
            eps: E::from_f64(eps),
        };
        update(kernel, step, grad, [theta, &mut self.first, &mut self.second]);
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Vec<(&'static str, &[E])> {
        vec![("first_moment", &self.first), ("second_moment", &self.second)]
    }

    fn state_mut(&mut self) -> (Vec<(&'static str, &mut [E])>, &mut u64) {
        let slices =
            vec![("first_moment", &mut self.first[..]), ("second_moment", &mut self.second[..])];
        (slices, &mut self.steps)
    }
}

/// `base^exponent` by repeated squaring: plain multiplications, the same bits everywhere.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut result = f64::ONE;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps by hand with beta1 = 0.5, beta2 = 0.75, eps = 1, lr = 1, gradients 2 and -2:
    /// t=1: m = 1, v = 1, m_hat = 1 / 0.5 = 2, v_hat = 1 / 0.25 = 4, theta = 0 - 2 / (2 + 1)
    ///      = -2/3;
    /// t=2: m = 0.5 - 1 = -0.5, v = 0.75 + 1 = 1.75, m_hat = -0.5 / 0.75 = -2/3,
    ///      v_hat = 1.75 / 0.4375 = 4, theta = -2/3 + (2/3) / 3 = -4/9.
    #[test]
    fn two_steps_by_hand() {
        let config = AdamConfig { beta1: 0.5, beta2: 0.75, eps: 1.0 };
        let mut adam = config.build::<f64>(1);
        let mut theta = [0.0];
        adam.step(Kernel::Portable, &mut theta, &[2.0], 1.0);
        assert!((theta[0] + 2.0 / 3.0).abs() < 1e-15);
        adam.step(Kernel::Portable, &mut theta, &[-2.0], 1.0);
        assert!((theta[0] + 4.0 / 9.0).abs() < 1e-15);
    }

    #[test]
    fn powers() {
        assert_eq!(power(0.5, 10), 1.0 / 1024.0);
        assert_eq!(power(0.9, 0), 1.0);
        assert_eq!(power(0.9, 100_000), 0.0);
    }
}
