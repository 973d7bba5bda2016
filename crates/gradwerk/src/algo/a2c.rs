//! Advantage actor-critic, synchronous (Mnih et al. 2016, section 4 without the asynchrony):
//! after a few steps of every environment, one gradient step on
//! `-log pi(a_t|s_t) A_t + c_v (V(s_t) - target_t)^2 / 2 - c_H H(pi(.|s_t))`.

use super::reinforce::{ascend, check_coefficients};
use super::{AlgoSettings, Algorithm, Tick, UpdateStats};
use crate::Error;
use crate::config::{Config, Invalid};
use crate::learner::{Batch, Learner};
use crate::schedule::Schedule;
use gradwerk_math::Pool;
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of A2C.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct A2cSettings {
    /// Weight of the entropy bonus c_H; a number or a schedule.
    pub entropy_coef: Schedule,
    /// Weight of the value loss c_v.
    pub value_coef: f64,
}

impl Default for A2cSettings {
    fn default() -> Self {
        Self { entropy_coef: Schedule::constant(0.0), value_coef: 0.5 }
    }
}

impl AlgoSettings for A2cSettings {
    fn check(&self, config: &Config) -> Result<(), Invalid> {
        check_coefficients(self.entropy_coef, self.value_coef)?;
        if config.has_critic() {
            return Ok(());
        }
        let reason = "a2c needs a value function: choose estimator.kind = \"gae\" or \"n-step\", \
                      or estimator.baseline = \"value\" (or algo.kind = \"reinforce\")";
        Err(Invalid::new("algo.kind", "a2c", reason))
    }
}

/// The algorithm.
#[derive(Debug)]
pub struct A2c {
    settings: A2cSettings,
}

impl A2c {
    /// With the given settings.
    #[must_use]
    pub fn new(settings: A2cSettings) -> Self {
        Self { settings }
    }
}

impl<E: Engine> Algorithm<E> for A2c {
    fn update(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
    ) -> Result<UpdateStats, Error> {
        let A2cSettings { entropy_coef, value_coef } = self.settings;
        ascend(learner, pool, batch, tick, entropy_coef, value_coef)
    }
}
