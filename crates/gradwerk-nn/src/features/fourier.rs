//! The Fourier basis (Konidaris, Osentoski and Thomas 2011).

use gradwerk_math::{Kernel, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{Bounds, Scaling};
use super::terms::{Term, Wanted};
use super::{FeatureMap, MOST_FEATURES, countable, linear_on};
use crate::config::{Kind, at_least_one};
use crate::{ActorCritic, Engine, NnError, Shape, kernels};

/// Linear in cosines of the observation (Fourier basis).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FourierConfig {
    /// Highest frequency of each entry, in half periods over its bounds.
    pub order: u32,
    /// Most entries of the observation that one cosine mixes; as many as there are gives the full
    /// basis of `(order + 1)^entries` cosines.
    pub interactions: usize,
    /// Scale each cosine by `|c|^(-1/2)`: under plain gradient descent that is the paper's learning
    /// rate `alpha / |c|` per feature.
    pub scale_features: bool,
    /// Lower bounds of the observation's entries; left empty, those of its space.
    pub low: Vec<f64>,
    /// Upper bounds of the observation's entries; left empty, those of its space.
    pub high: Vec<f64>,
}

impl Default for FourierConfig {
    fn default() -> Self {
        let (low, high) = (Vec::new(), Vec::new());
        Self { order: 3, interactions: 2, scale_features: true, low, high }
    }
}

impl Kind for FourierConfig {
    fn validate(&self) -> Result<(), NnError> {
        at_least_one("order", self.order as usize)?;
        at_least_one("interactions", self.interactions)
    }

    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
        Ok(linear_on(Fourier::new(self, shape)?, shape))
    }
}

/// `phi_c = |c|^(-1/2) cos(pi c . u)` with `u` in `[0, 1]^d` and integer vectors `c`. Beyond the
/// bounds the cosines go on.
#[derive(Debug)]
struct Fourier {
    scaling: Scaling,
    frequencies: Vec<Term>,
    amplitudes: Vec<f64>,
}

impl Fourier {
    fn new(config: &FourierConfig, shape: &Shape) -> Result<Self, NnError> {
        let scaling = Bounds::new(&config.low, &config.high, shape)?.to_unit();
        let FourierConfig { order, interactions, .. } = *config;
        let wanted =
            Wanted { inputs: shape.inputs, each: order, total: u32::MAX, entries: interactions };
        let frequencies = wanted.terms(MOST_FEATURES);
        countable("order", order, frequencies.as_ref().map(Vec::len))?;
        let frequencies = frequencies.unwrap_or_default();
        let amplitude = |c: &Term| if config.scale_features { 1.0 / length(c).sqrt() } else { 1.0 };
        let amplitudes = frequencies.iter().map(amplitude).collect();
        Ok(Self { scaling, frequencies, amplitudes })
    }

    /// `pi c . u`.
    fn phase<E: Engine>(&self, u: &[E], feature: usize) -> E {
        let terms = self.frequencies[feature].iter();
        let turns: E = terms.map(|&(i, c)| E::from_f64(f64::from(c)) * u[i]).sum();
        E::from_f64(std::f64::consts::PI) * turns
    }
}

/// Euclidean length.
fn length(c: &Term) -> f64 {
    c.iter().map(|&(_, c)| f64::from(c) * f64::from(c)).sum::<f64>().sqrt()
}

impl FeatureMap for Fourier {
    fn scaling(&self) -> &Scaling {
        &self.scaling
    }
    fn features(&self) -> usize {
        self.frequencies.len()
    }

    fn forward<E: Engine>(&self, kernel: Kernel, u: &[E], phi: &mut [E]) {
        let width = self.scaling.len();
        for (u, phi) in u.chunks_exact(width).zip(phi.chunks_exact_mut(self.features())) {
            for (feature, phase) in phi.iter_mut().enumerate() {
                *phase = self.phase(u, feature);
            }
            kernels::cos(kernel, phi);
            for (phi, &a) in phi.iter_mut().zip(&self.amplitudes) {
                *phi *= E::from_f64(a);
            }
        }
    }

    fn derivative<E: Engine>(&self, u: &[E], feature: usize, input: usize) -> E {
        let Some(&(_, c)) = self.frequencies[feature].iter().find(|(i, _)| *i == input) else {
            return E::ZERO;
        };
        let slope = -std::f64::consts::PI * f64::from(c) * self.amplitudes[feature];
        E::from_f64(slope) * Real::sin(self.phase(u, feature))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shape;
    use super::super::{FeatureMap, Features};
    use super::*;
    use crate::gradcheck;

    #[test]
    fn cosines_by_hand() {
        let config = FourierConfig { order: 1, ..FourierConfig::default() };
        let map = Fourier::new(&config, &shape(2)).unwrap();
        assert_eq!(map.frequencies, [vec![(0, 1)], vec![(0, 1), (1, 1)], vec![(1, 1)]]);
        let mut phi = [0.0_f64; 3];
        map.forward(Kernel::Portable, &[1.0 / 3.0, 1.0], &mut phi);
        // cos(pi/3) = 1/2; 2^(-1/4) cos(4 pi/3) = -0.8408964152537145 / 2; cos(pi) = -1
        let expected = [0.5, -0.420_448_207_626_857_3, -1.0];
        assert!(phi.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{phi:?}");
    }

    #[test]
    fn derivatives_are_correct() {
        for interactions in 1..=3 {
            let config = FourierConfig { interactions, ..FourierConfig::default() };
            let map = Fourier::new(&config, &shape(3)).unwrap();
            let errors = gradcheck::check(&Features::new(map), 4.into(), 5);
            assert!(errors.worst() < 1e-6 && errors.adjoint < 1e-12, "{errors:?}");
        }
    }

    #[test]
    fn too_many_cosines_are_an_error() {
        let config = FourierConfig { interactions: 17, ..FourierConfig::default() };
        let error = Fourier::new(&config, &shape(17)).unwrap_err().to_string();
        assert!(error.starts_with("order = 3: makes more than 65536 features"), "{error}");
    }
}
