//! REINFORCE (Williams 1992), the lecture's three steps: sample trajectories, estimate
//! `grad J = E[ sum_t grad log pi(a_t|s_t) * Q_hat_t ]`, ascend.
//!
//! Which `Q_hat` and which baseline stand in the estimate is the estimator's matter
//! (`[estimator]`); with a learned value as baseline, the value is fitted in the same step.

use super::{AlgoSettings, Algorithm, Tick, UpdateStats};
use crate::Error;
use crate::config::{Config, Invalid, require};
use crate::learner::{Batch, Learner, Objective};
use crate::loss::Surrogate;
use crate::schedule::Schedule;
use gradwerk_math::Pool;
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of REINFORCE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReinforceSettings {
    /// Weight of the entropy bonus; a number or a schedule.
    pub entropy_coef: Schedule,
    /// Weight of the value loss where a value function is learned.
    pub value_coef: f64,
}

impl Default for ReinforceSettings {
    fn default() -> Self {
        Self { entropy_coef: Schedule::constant(0.0), value_coef: 0.5 }
    }
}

impl AlgoSettings for ReinforceSettings {
    fn check(&self, _: &Config) -> Result<(), Invalid> {
        check_coefficients(self.entropy_coef, self.value_coef)
    }
}

/// The weights of entropy and value loss, which every algorithm has.
pub(super) fn check_coefficients(entropy: Schedule, value: f64) -> Result<(), Invalid> {
    let rule = "must be finite and not negative";
    let fine = |x: f64| x >= 0.0 && x.is_finite();
    require(entropy.both(fine), "algo.entropy_coef", entropy, rule)?;
    require(fine(value), "algo.value_coef", value, rule)
}

/// The algorithm.
#[derive(Debug)]
pub struct Reinforce {
    settings: ReinforceSettings,
}

impl Reinforce {
    /// With the given settings.
    #[must_use]
    pub fn new(settings: ReinforceSettings) -> Self {
        Self { settings }
    }
}

impl<E: Engine> Algorithm<E> for Reinforce {
    fn update(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
    ) -> Result<UpdateStats, Error> {
        let ReinforceSettings { entropy_coef, value_coef } = self.settings;
        ascend(learner, pool, batch, tick, entropy_coef, value_coef)
    }
}

/// One step along `1/N sum_i sum_t grad log pi(a_t|s_t) A_t`, with the entropy bonus and, where
/// there is a value function, its loss. A2C takes the same step after shorter rollouts.
pub(super) fn ascend<E: Engine>(
    learner: &mut Learner<E>,
    pool: &Pool,
    batch: &Batch<'_, E>,
    tick: &Tick,
    entropy_coef: Schedule,
    value_coef: f64,
) -> Result<UpdateStats, Error> {
    let objective = Objective {
        surrogate: Surrogate::LogProb,
        entropy_coef: E::from_f64(entropy_coef.at(tick.progress)),
        value_coef: E::from_f64(value_coef),
        value_clip: None,
        divisor: batch.trajectories(),
    };
    let sums = learner.gradient(pool, batch, batch.rows, &objective)?;
    let grad_norm = learner.step(tick.lr, tick.max_grad_norm)?;
    Ok(UpdateStats { sums, grad_norm, lr: tick.lr, epochs: 1, ..UpdateStats::default() })
}
