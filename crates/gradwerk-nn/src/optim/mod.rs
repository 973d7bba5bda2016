//! Optimizers: each is one flat pass over the parameters, and knows nothing of what they mean.

mod adam;
mod rmsprop;
mod sgd;

use std::fmt::Debug;

use gradwerk_math::Kernel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use adam::{Adam, AdamConfig};
pub use rmsprop::{Rmsprop, RmspropConfig};
pub use sgd::{Sgd, SgdConfig};

pub use crate::kernels::{norm, scale};
use crate::{Engine, NnError};

/// Turns gradients into changes of the parameters; *descends* (a loss is minimised).
pub trait Optimizer<E: Engine>: Send + Sync + Debug {
    /// One step of size `lr` (learning rate) against `grad`.
    ///
    /// # Panics
    /// If the slices do not have the length the optimizer was built for.
    fn step(&mut self, kernel: Kernel, theta: &mut [E], grad: &[E], lr: E);
    /// How many steps were made.
    fn steps(&self) -> u64;
    /// Everything a checkpoint needs beside [`Optimizer::steps`]: named slices.
    fn state(&self) -> Vec<(&'static str, &[E])>;
    /// The same slices, to be overwritten, and the step counter.
    fn state_mut(&mut self) -> (Vec<(&'static str, &mut [E])>, &mut u64);

    /// Take over a saved state: the slices of [`Optimizer::state`], in any order.
    ///
    /// # Errors
    /// If a slice is missing, unknown or of another length; then nothing was changed.
    fn load_state(&mut self, state: &[(&str, &[E])], steps: u64) -> Result<(), NnError> {
        let (slices, counter) = self.state_mut();
        check_state(&slices, state)?;
        for (name, slice) in slices {
            let saved = state.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, s)| s);
            slice.copy_from_slice(saved);
        }
        *counter = steps;
        Ok(())
    }
}

fn check_state<E>(slices: &[(&str, &mut [E])], saved: &[(&str, &[E])]) -> Result<(), NnError> {
    let error = |name: &str, reason: String| NnError::State { name: name.to_owned(), reason };
    for (name, _) in saved {
        if !slices.iter().any(|(n, _)| n == name) {
            let names: Vec<&str> = slices.iter().map(|(n, _)| *n).collect();
            return Err(error(name, format!("unknown, expected one of [{}]", names.join(", "))));
        }
    }
    for (name, slice) in slices {
        match saved.iter().find(|(n, _)| n == name) {
            None => return Err(error(name, "missing".to_owned())),
            Some((_, s)) if s.len() != slice.len() => {
                let reason = format!("has {} numbers, expected {}", s.len(), slice.len());
                return Err(error(name, reason));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What the settings of every optimizer offer to the list.
trait Kind {
    fn validate(&self) -> Result<(), NnError>;
    fn build<E: Engine>(&self, len: usize) -> Box<dyn Optimizer<E>>;
}

/// A number in [0, 1).
fn below_one(field: &str, value: f64) -> Result<(), NnError> {
    if (0.0..1.0).contains(&value) {
        Ok(())
    } else {
        Err(NnError::setting(field, value, "must lie in [0, 1)"))
    }
}

fn positive(field: &str, value: f64) -> Result<(), NnError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(NnError::setting(field, value, "must be finite and positive"))
    }
}

/// The list of optimizers: a name, a variant and the type of its settings per line.
macro_rules! optimizers {
    ($($(#[$doc:meta])* $name:literal => $variant:ident($config:ident),)+) => {
        /// Which optimizer, and its settings.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum OptimizerConfig {
            $($(#[$doc])* #[serde(rename = $name)] $variant($config),)+
        }

        /// Names of all optimizers.
        pub const OPTIMIZERS: &[&str] = &[$($name),+];

        impl OptimizerConfig {
            /// The optimizer of that name with default settings.
            ///
            /// # Errors
            /// If there is none; the message lists all names.
            pub fn named(name: &str) -> Result<Self, NnError> {
                match name {
                    $($name => Ok(Self::$variant($config::default())),)+
                    _ => Err(NnError::unknown("optimizer", name, OPTIMIZERS)),
                }
            }

            /// Its name in the list.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// Whether all settings make sense.
            ///
            /// # Errors
            /// Names the first field that does not, its value and what it must be.
            pub fn validate(&self) -> Result<(), NnError> {
                match self { $(Self::$variant(config) => config.validate(),)+ }
            }

            /// Build the optimizer for `len` parameters.
            ///
            /// # Errors
            /// As [`OptimizerConfig::validate`].
            pub fn build<E: Engine>(&self, len: usize) -> Result<Box<dyn Optimizer<E>>, NnError> {
                self.validate()?;
                Ok(match self { $(Self::$variant(config) => config.build(len),)+ })
            }
        }
    };
}

optimizers! {
    /// Adaptive moments (Kingma and Ba 2015).
    "adam" => Adam(AdamConfig),
    /// Gradients divided by their running root mean square (Tieleman and Hinton 2012).
    "rmsprop" => Rmsprop(RmspropConfig),
    /// Stochastic gradient descent, with momentum if wanted.
    "sgd" => Sgd(SgdConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(AdamConfig::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every optimizer must go down on f(theta) = sum of (i + 1) theta_i^2 / 2, whose gradient is
    /// (i + 1) theta_i.
    #[test]
    fn every_optimizer_descends_a_quadratic() {
        for name in OPTIMIZERS {
            for kernel in Kernel::available() {
                let mut optimizer = OptimizerConfig::named(name).unwrap().build::<f32>(37).unwrap();
                let mut theta = [1.0_f32; 37];
                for _ in 0..2000 {
                    let grad: [f32; 37] = std::array::from_fn(|i| (i + 1) as f32 * theta[i]);
                    optimizer.step(kernel, &mut theta, &grad, 2e-3);
                }
                assert_eq!(optimizer.steps(), 2000);
                assert!(theta.iter().all(|x| x.abs() < 0.05), "{name} {kernel}: {theta:?}");
            }
        }
    }

    #[test]
    fn a_loaded_state_continues_with_the_same_bits() {
        let kernel = Kernel::detect();
        for name in OPTIMIZERS {
            let config = OptimizerConfig::named(name).unwrap();
            let grad: Vec<f32> = (0..21).map(|i| (i as f32 - 9.3) * 0.1).collect();
            let mut a = config.build::<f32>(21).unwrap();
            let mut theta = vec![0.5; 21];
            for _ in 0..3 {
                a.step(kernel, &mut theta, &grad, 0.01);
            }
            let mut b = config.build::<f32>(21).unwrap();
            b.load_state(&a.state(), a.steps()).unwrap();
            let mut other = theta.clone();
            a.step(kernel, &mut theta, &grad, 0.01);
            b.step(kernel, &mut other, &grad, 0.01);
            assert_eq!(theta, other, "{name}");
        }
    }

    #[test]
    fn a_foreign_state_is_refused() {
        let mut adam = OptimizerConfig::default().build::<f32>(3).unwrap();
        let short = [0.0; 2];
        let error = adam.load_state(&[("first_moment", &short)], 1).unwrap_err().to_string();
        assert!(error.contains("`first_moment`: has 2 numbers, expected 3"), "{error}");
        let error = adam.load_state(&[("momentum", &short)], 1).unwrap_err().to_string();
        assert!(error.contains("expected one of [first_moment, second_moment]"), "{error}");
        assert_eq!(adam.steps(), 0);
    }

    #[test]
    fn names_and_settings_are_checked() {
        let error = OptimizerConfig::named("adm").unwrap_err().to_string();
        assert_eq!(error, "unknown optimizer `adm`, expected one of adam, rmsprop, sgd");
        let config = OptimizerConfig::Adam(AdamConfig { beta1: 1.0, ..AdamConfig::default() });
        let error = config.build::<f32>(1).unwrap_err().to_string();
        assert_eq!(error, "beta1 = 1: must lie in [0, 1)");
        for name in OPTIMIZERS {
            let config = OptimizerConfig::named(name).unwrap();
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<OptimizerConfig>(&json).unwrap(), config);
            let wrong = format!(r#"{{"kind":"{name}","learning":1}}"#);
            assert!(serde_json::from_str::<OptimizerConfig>(&wrong).is_err());
        }
    }
}
