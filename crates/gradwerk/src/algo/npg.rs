//! Natural policy gradient (Kakade 2001): `theta <- theta + alpha F^-1 g` with a fixed alpha, `g`
//! the gradient of the surrogate and `F` the mean Fisher matrix of the visited states.

use super::{AlgoSettings, Algorithm, Tick, UpdateStats, refuse_per_parameter};
use crate::Error;
use crate::config::{Config, Invalid, require};
use crate::learner::{Batch, Learner, LossSums, Shuffled};
use crate::natural::{NaturalDirection, NaturalGradient, Stop, ValueFit};
use crate::schedule::Schedule;
use gradwerk_math::Pool;
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the natural policy gradient. `lr` is the learning rate of the value function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NpgSettings {
    /// Step size alpha along F^-1 g; a number or a schedule. Not read where `target_kl` is set.
    pub step_size: Schedule,
    /// Choose alpha in every update such that the KL divergence of the step is this to second
    /// order (the normalised step); 0 keeps `step_size`.
    pub target_kl: f64,
    /// Added to the diagonal of the Fisher matrix.
    pub damping: f64,
    /// Most iterations of the conjugate gradients.
    pub cg_iterations: u32,
    /// Relative residual at which the conjugate gradients end before that.
    pub cg_tolerance: f64,
    /// Passes over each batch to fit the value function.
    pub value_epochs: u32,
    /// Rows per gradient step of the value function.
    pub value_minibatch: usize,
}

impl Default for NpgSettings {
    fn default() -> Self {
        Self {
            step_size: Schedule::constant(0.1),
            target_kl: 0.0,
            damping: 1e-2,
            cg_iterations: 10,
            cg_tolerance: 1e-4,
            value_epochs: 10,
            value_minibatch: 256,
        }
    }
}

impl NpgSettings {
    fn natural(&self) -> NaturalGradient {
        let stop = Stop { iterations: self.cg_iterations, tolerance: self.cg_tolerance };
        NaturalGradient { damping: self.damping, stop }
    }

    fn value_fit(&self) -> ValueFit {
        ValueFit { epochs: self.value_epochs, minibatch: self.value_minibatch }
    }
}

impl AlgoSettings for NpgSettings {
    fn check(&self, config: &Config) -> Result<(), Invalid> {
        let fine = |x: f64| x >= 0.0 && x.is_finite();
        let size = self.step_size;
        let rule = "must start above 0 and stay finite and not negative";
        require(size.both(fine) && size.start > 0.0, "algo.step_size", size, rule)?;
        let kl = self.target_kl;
        require(fine(kl), "algo.target_kl", kl, "must be finite and not negative (0: off)")?;
        self.natural().check(config)?;
        refuse_per_parameter(config)?;
        self.value_fit().check()
    }
}

/// The algorithm.
#[derive(Debug)]
pub struct Npg<E> {
    settings: NpgSettings,
    direction: NaturalDirection<E>,
    /// Rows of the batch in the order of the value function's epoch.
    order: Shuffled,
}

impl<E: Engine> Npg<E> {
    /// With the given settings.
    #[must_use]
    pub fn new(settings: NpgSettings) -> Self {
        Self { settings, direction: NaturalDirection::new(0), order: Shuffled::default() }
    }
}

impl<E: Engine> Algorithm<E> for Npg<E> {
    fn reserve(&mut self, learner: &mut Learner<E>, t: usize, n: usize) {
        let rows = t * n;
        self.direction.reserve(learner, rows);
        self.order.reserve(rows);
    }

    fn update(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
    ) -> Result<UpdateStats, Error> {
        let settings = &self.settings;
        let direction = &mut self.direction;
        direction.solve(learner, pool, batch, settings.natural())?;
        let alpha = if settings.target_kl > 0.0 {
            direction.size_for(settings.target_kl)
        } else {
            settings.step_size.at(tick.progress)
        };
        let after = direction.step(learner, pool, batch, alpha);
        if !after.kl.is_finite() {
            return Err(learner.divergence_error(after.kl));
        }
        let value = settings.value_fit().run(learner, pool, batch, tick, &mut self.order)?;
        Ok(UpdateStats {
            sums: LossSums { policy: after.sums, value },
            grad_norm: direction.grad_norm,
            lr: tick.lr,
            epochs: settings.value_epochs,
            natural: Some(direction.stats(alpha, 0, after.kl)),
            ..UpdateStats::default()
        })
    }
}
