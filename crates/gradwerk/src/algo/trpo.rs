//! Trust region policy optimisation (Schulman et al. 2015, appendix C): the largest step along
//! `F^-1 g` whose KL divergence from the old policy is at most eps and that improves the
//! surrogate `mean(pi / pi_old A)`, found by backtracking from `alpha = sqrt(2 eps / g^T F^-1 g)`.

use super::{AlgoSettings, Algorithm, Tick, UpdateStats, refuse_per_parameter};
use crate::Error;
use crate::config::{Config, Invalid, require};
use crate::learner::{Batch, Comparison, Learner, LossSums, Shuffled};
use crate::natural::{NaturalDirection, NaturalGradient, Stop, ValueFit};
use crate::schedule::Schedule;
use gradwerk_math::Pool;
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of TRPO. `lr` is the learning rate of the value function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrpoSettings {
    /// Largest mean KL divergence eps of an update in nats; a number or a schedule.
    pub max_kl: Schedule,
    /// Times the line search may shorten the step; after them the policy stays as it was.
    pub backtracks: u32,
    /// Factor by which it shortens the step.
    pub backtrack_factor: f64,
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

impl Default for TrpoSettings {
    fn default() -> Self {
        Self {
            max_kl: Schedule::constant(0.01),
            backtracks: 10,
            backtrack_factor: 0.7,
            damping: 1e-2,
            cg_iterations: 10,
            cg_tolerance: 1e-4,
            value_epochs: 10,
            value_minibatch: 256,
        }
    }
}

impl TrpoSettings {
    fn natural(&self) -> NaturalGradient {
        let stop = Stop { iterations: self.cg_iterations, tolerance: self.cg_tolerance };
        NaturalGradient { damping: self.damping, stop }
    }

    fn value_fit(&self) -> ValueFit {
        ValueFit { epochs: self.value_epochs, minibatch: self.value_minibatch }
    }
}

impl AlgoSettings for TrpoSettings {
    fn check(&self, config: &Config) -> Result<(), Invalid> {
        let kl = self.max_kl;
        let fine = kl.both(|x| x >= 0.0 && x.is_finite()) && kl.start > 0.0;
        let rule = "must start above 0 and stay finite and not negative";
        require(fine, "algo.max_kl", kl, rule)?;
        let factor = self.backtrack_factor;
        require(
            factor > 0.0 && factor < 1.0,
            "algo.backtrack_factor",
            factor,
            "must be in (0, 1)",
        )?;
        self.natural().check(config)?;
        refuse_per_parameter(config)?;
        self.value_fit().check()
    }
}

/// The algorithm.
#[derive(Debug)]
pub struct Trpo<E> {
    settings: TrpoSettings,
    direction: NaturalDirection<E>,
    /// Rows of the batch in the order of the value function's epoch.
    order: Shuffled,
}

/// Where the line search ended.
struct Found {
    size: f64,
    backtracks: u32,
    after: Comparison,
}

impl<E: Engine> Trpo<E> {
    /// With the given settings.
    #[must_use]
    pub fn new(settings: TrpoSettings) -> Self {
        Self { settings, direction: NaturalDirection::new(0), order: Shuffled::default() }
    }

    /// The first of the shrinking steps that keeps the bound and improves the surrogate; the
    /// policy stays where none does. A step whose divergence or surrogate is not a number
    /// fulfils neither condition.
    fn line_search(
        &self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        max_kl: f64,
    ) -> Found {
        let mut size = self.direction.size_for(max_kl);
        for backtracks in 0..=self.settings.backtracks {
            let after = self.direction.step(learner, pool, batch, size);
            if after.kl <= max_kl && after.surrogate() > self.direction.surrogate {
                return Found { size, backtracks, after };
            }
            size *= self.settings.backtrack_factor;
        }
        // Back to the old policy, whose divergence from itself is 0 but for rounding.
        let back = self.direction.step(learner, pool, batch, 0.0);
        let after = Comparison { kl: 0.0, ..back };
        Found { size: 0.0, backtracks: self.settings.backtracks, after }
    }
}

impl<E: Engine> Algorithm<E> for Trpo<E> {
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
        let max_kl = self.settings.max_kl.at(tick.progress);
        self.direction.solve(learner, pool, batch, self.settings.natural())?;
        let Found { size, backtracks, after } = self.line_search(learner, pool, batch, max_kl);
        assert!(after.kl <= max_kl, "KL {} exceeds the bound {max_kl}", after.kl);
        let value_fit = self.settings.value_fit();
        let value = value_fit.run(learner, pool, batch, tick, &mut self.order)?;
        Ok(UpdateStats {
            sums: LossSums { policy: after.sums, value },
            grad_norm: self.direction.grad_norm,
            lr: tick.lr,
            epochs: self.settings.value_epochs,
            natural: Some(self.direction.stats(size, backtracks, after.kl)),
            ..UpdateStats::default()
        })
    }
}
