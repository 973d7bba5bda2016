//! The polynomial basis (Sutton and Barto 2018, section 9.5.1).

use gradwerk_math::Kernel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{Bounds, Scaling};
use super::terms::{Term, Wanted};
use super::{FeatureMap, MOST_FEATURES, countable, linear_on};
use crate::config::{Kind, at_least_one};
use crate::{ActorCritic, Engine, NnError, Shape};

/// Linear in products of powers of the observation's entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialConfig {
    /// Largest sum of the exponents of a product.
    pub degree: u32,
    /// Most entries of the observation in one product; 1 leaves powers of single entries.
    pub interactions: usize,
    /// Lower bounds of the observation's entries; left empty, those of its space.
    pub low: Vec<f64>,
    /// Upper bounds of the observation's entries; left empty, those of its space.
    pub high: Vec<f64>,
}

impl Default for PolynomialConfig {
    fn default() -> Self {
        Self { degree: 2, interactions: 2, low: Vec::new(), high: Vec::new() }
    }
}

impl Kind for PolynomialConfig {
    fn validate(&self) -> Result<(), NnError> {
        at_least_one("degree", self.degree as usize)?;
        at_least_one("interactions", self.interactions)
    }

    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
        Ok(linear_on(Polynomial::new(self, shape)?, shape))
    }
}

/// `phi_c = product over i of u_i^c_i` with `u` in `[-1, 1]^d`, where powers stay of one size.
#[derive(Debug)]
struct Polynomial {
    scaling: Scaling,
    exponents: Vec<Term>,
}

impl Polynomial {
    fn new(config: &PolynomialConfig, shape: &Shape) -> Result<Self, NnError> {
        let scaling = Bounds::new(&config.low, &config.high, shape)?.to_symmetric();
        let PolynomialConfig { degree, interactions, .. } = *config;
        let wanted =
            Wanted { inputs: shape.inputs, each: degree, total: degree, entries: interactions };
        let exponents = wanted.terms(MOST_FEATURES);
        countable("degree", degree, exponents.as_ref().map(Vec::len))?;
        Ok(Self { scaling, exponents: exponents.unwrap_or_default() })
    }
}

/// `u^c` by repeated multiplication.
fn power<E: Engine>(u: E, c: u32) -> E {
    (0..c).fold(E::ONE, |product, _| product * u)
}

impl FeatureMap for Polynomial {
    fn scaling(&self) -> &Scaling {
        &self.scaling
    }
    fn features(&self) -> usize {
        self.exponents.len()
    }

    fn forward<E: Engine>(&self, _: Kernel, u: &[E], phi: &mut [E]) {
        let width = self.scaling.len();
        for (u, phi) in u.chunks_exact(width).zip(phi.chunks_exact_mut(self.features())) {
            for (phi, exponents) in phi.iter_mut().zip(&self.exponents) {
                *phi = exponents.iter().fold(E::ONE, |product, &(i, c)| product * power(u[i], c));
            }
        }
    }

    fn derivative<E: Engine>(&self, u: &[E], feature: usize, input: usize) -> E {
        let exponents = &self.exponents[feature];
        if !exponents.iter().any(|&(i, _)| i == input) {
            return E::ZERO;
        }
        exponents.iter().fold(E::ONE, |product, &(i, c)| {
            let slope = || E::from_f64(f64::from(c)) * power(u[i], c - 1);
            product * if i == input { slope() } else { power(u[i], c) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shape;
    use super::super::{FeatureMap, Features};
    use super::*;
    use crate::gradcheck;

    #[test]
    fn products_by_hand() {
        let map = Polynomial::new(&PolynomialConfig::default(), &shape(2)).unwrap();
        let mut phi = [0.0_f64; 5];
        map.forward(Kernel::Portable, &[3.0, 5.0], &mut phi);
        // u0, u0 u1, u0^2, u1, u1^2
        assert_eq!(phi, [3.0, 15.0, 9.0, 5.0, 25.0]);
    }

    #[test]
    fn derivatives_are_correct() {
        for (degree, interactions) in [(1, 1), (3, 2), (4, 3)] {
            let config = PolynomialConfig { degree, interactions, ..PolynomialConfig::default() };
            let map = Polynomial::new(&config, &shape(3)).unwrap();
            let errors = gradcheck::check(&Features::new(map), 4.into(), 5);
            assert!(errors.worst() < 1e-6 && errors.adjoint < 1e-12, "{errors:?}");
        }
    }
}
