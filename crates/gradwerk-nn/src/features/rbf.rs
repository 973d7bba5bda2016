//! Radial basis functions (Sutton and Barto 2018, section 9.5.5).

use gradwerk_math::{Kernel, Purpose, Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{Bounds, Scaling};
use super::{FeatureMap, countable, linear_on};
use crate::config::{Kind, at_least_one};
use crate::{ActorCritic, Engine, NnError, Shape, kernels};

/// Where the centres of radial basis functions lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// `count` centres, uniformly at random within the bounds.
    #[default]
    Random,
    /// A regular grid with `per_entry` centres along each entry, the bounds included.
    Grid,
}

/// Linear in bumps around centres (radial basis functions).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RbfConfig {
    /// Where the centres lie.
    pub placement: Placement,
    /// Number of random centres.
    pub count: usize,
    /// Number of centres of the grid along each entry of the observation.
    pub per_entry: usize,
    /// Standard deviation of the bumps, in units of the distance between the bounds.
    pub width: f64,
    /// Seed of random centres, apart from the seed of the run.
    pub centre_seed: u32,
    /// Lower bounds of the observation's entries; left empty, those of its space.
    pub low: Vec<f64>,
    /// Upper bounds of the observation's entries; left empty, those of its space.
    pub high: Vec<f64>,
}

impl Default for RbfConfig {
    fn default() -> Self {
        Self {
            placement: Placement::Random,
            count: 128,
            per_entry: 5,
            width: 0.25,
            centre_seed: 0,
            low: Vec::new(),
            high: Vec::new(),
        }
    }
}

impl Kind for RbfConfig {
    fn validate(&self) -> Result<(), NnError> {
        at_least_one("count", self.count)?;
        countable("count", self.count, Some(self.count))?;
        if self.per_entry < 2 {
            return Err(NnError::setting("per_entry", self.per_entry, "must be at least 2"));
        }
        if self.width > 0.0 && self.width.is_finite() {
            Ok(())
        } else {
            Err(NnError::setting("width", self.width, "must be finite and above 0"))
        }
    }

    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
        Ok(linear_on(Rbf::new(self, shape)?, shape))
    }
}

/// `phi_k = exp(-|u - c_k|^2 / (2 width^2))` with `u` in `[0, 1]^d`.
#[derive(Debug)]
struct Rbf {
    scaling: Scaling,
    /// `[features, inputs]`.
    centres: Vec<f64>,
    /// `1 / width^2`.
    precision: f64,
}

impl Rbf {
    fn new(config: &RbfConfig, shape: &Shape) -> Result<Self, NnError> {
        let scaling = Bounds::new(&config.low, &config.high, shape)?.to_unit();
        let centres = match config.placement {
            Placement::Random => random(config.centre_seed, config.count * shape.inputs),
            Placement::Grid => grid(config.per_entry, shape.inputs)?,
        };
        Ok(Self { scaling, centres, precision: 1.0 / (config.width * config.width) })
    }

    fn centre(&self, feature: usize) -> &[f64] {
        &self.centres[feature * self.scaling.len()..][..self.scaling.len()]
    }

    /// The exponent of a bump.
    fn exponent<E: Engine>(&self, u: &[E], feature: usize) -> E {
        let square = |(&u, &c): (&E, &f64)| {
            let d = u - E::from_f64(c);
            d * d
        };
        let distance: E = u.iter().zip(self.centre(feature)).map(square).sum();
        E::from_f64(-0.5 * self.precision) * distance
    }
}

/// Uniform on [0, 1]; the highest index keeps the stream apart from those of parameters.
fn random(seed: u32, count: usize) -> Vec<f64> {
    let index = u64::from(u32::MAX);
    let mut stream = Stream::new(u64::from(seed), Purpose::Init, index, 0);
    (0..count).map(|_| stream.uniform_in(0.0, 1.0)).collect()
}

/// All points whose coordinates are multiples of `1 / (per_entry - 1)`, the last one fastest.
fn grid(per_entry: usize, inputs: usize) -> Result<Vec<f64>, NnError> {
    let count = u32::try_from(inputs).ok().and_then(|d| per_entry.checked_pow(d));
    countable("per_entry", per_entry, count)?;
    let step = 1.0 / (per_entry - 1) as f64;
    let coordinate = |point: usize, i: usize| {
        let later = per_entry.pow((inputs - 1 - i) as u32);
        (point / later % per_entry) as f64 * step
    };
    let points = 0..count.unwrap_or(0);
    Ok(points.flat_map(|p| (0..inputs).map(move |i| coordinate(p, i))).collect())
}

impl FeatureMap for Rbf {
    fn scaling(&self) -> &Scaling {
        &self.scaling
    }
    fn features(&self) -> usize {
        self.centres.len() / self.scaling.len()
    }

    fn forward<E: Engine>(&self, kernel: Kernel, u: &[E], phi: &mut [E]) {
        let width = self.scaling.len();
        for (u, phi) in u.chunks_exact(width).zip(phi.chunks_exact_mut(self.features())) {
            for (feature, exponent) in phi.iter_mut().enumerate() {
                *exponent = self.exponent(u, feature);
            }
            kernels::exp(kernel, phi);
        }
    }

    fn derivative<E: Engine>(&self, u: &[E], feature: usize, input: usize) -> E {
        let distance = u[input] - E::from_f64(self.centre(feature)[input]);
        E::from_f64(-self.precision) * distance * Real::exp(self.exponent(u, feature))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shape;
    use super::super::{FeatureMap, Features};
    use super::*;
    use crate::gradcheck;

    fn grid_of(per_entry: usize, width: f64) -> RbfConfig {
        RbfConfig { placement: Placement::Grid, per_entry, width, ..RbfConfig::default() }
    }

    #[test]
    fn bumps_by_hand() {
        let map = Rbf::new(&grid_of(2, 0.5), &shape(2)).unwrap();
        assert_eq!(map.centres, [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        let mut phi = [0.0_f64; 4];
        map.forward(Kernel::Portable, &[0.0, 0.5], &mut phi);
        // distances^2 1/4, 1/4, 5/4, 5/4; times -1/(2/4): exp(-1/2), exp(-5/2)
        let (near, far) = (0.606_530_659_712_633_4, 0.082_084_998_623_898_8);
        let expected = [near, near, far, far];
        assert!(phi.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{phi:?}");
    }

    #[test]
    fn random_centres_depend_on_their_seed() {
        let of = |centre_seed| {
            let config = RbfConfig { centre_seed, count: 10, ..RbfConfig::default() };
            Rbf::new(&config, &shape(3)).unwrap().centres
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert!(of(1).len() == 30 && of(1).iter().all(|c| (0.0..1.0).contains(c)));
    }

    #[test]
    fn derivatives_are_correct() {
        for config in [grid_of(3, 0.5), RbfConfig { width: 1.0, ..RbfConfig::default() }] {
            let map = Rbf::new(&config, &shape(3)).unwrap();
            let errors = gradcheck::check(&Features::new(map), 4.into(), 5);
            assert!(errors.worst() < 1e-6 && errors.adjoint < 1e-12, "{errors:?}");
        }
    }

    #[test]
    fn a_grid_in_many_dimensions_is_an_error() {
        let error = Rbf::new(&grid_of(5, 1.0), &shape(17)).unwrap_err().to_string();
        assert!(error.starts_with("per_entry = 5: makes more than 65536 features"), "{error}");
    }
}
