//! The algorithms: one file each, read from top to bottom in the order of time.
//!
//! An algorithm decides which rows enter which gradient step with which objective. It never
//! touches a network ([`Learner`] does) nor an environment (the collector did).

pub mod a2c;
pub mod bc;
mod data;
pub mod npg;
pub mod off_policy_pg;
pub mod ppo;
pub mod reinforce;
pub mod trpo;

use crate::Error;
use crate::config::{Config, Invalid};
use crate::estimate::Ess;
use crate::estimate::{BASELINES, Baseline};
use crate::learner::{Batch, Learner, LossSums};
use crate::natural::NaturalStats;
use crate::run::state::State;
use gradwerk_math::Pool;
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every update is given besides the batch.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    /// Seed of the run.
    pub seed: u64,
    /// Updates made before this one.
    pub update: u64,
    /// Share of the run that is done, in `[0, 1]`.
    pub progress: f64,
    /// Learning rate from its schedule.
    pub lr: f64,
    /// Largest global norm of a gradient; 0 for no limit.
    pub max_grad_norm: f64,
}

/// What an update reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpdateStats {
    /// Sums over the rows of the last epoch.
    pub sums: LossSums,
    /// Mean global norm of the gradients before clipping.
    pub grad_norm: f64,
    /// Learning rate that was used.
    pub lr: f64,
    /// Passes over the batch that were made.
    pub epochs: u32,
    /// Share of the data that importance weights leave, of algorithms that measure it; else it
    /// is that of the ratios in `sums`.
    pub ess: Option<f64>,
    /// Stored batches forgotten so far because too little of them was left, of algorithms that
    /// store any.
    pub batches_dropped: Option<u64>,
    /// Effective sample size of a recording of which too little is left, where it is used all
    /// the same.
    pub low_ess: Option<Ess>,
    /// Mean `log pi(a|s)` over the rows, in nats, of algorithms that maximise it.
    pub log_likelihood: Option<f64>,
    /// The same over the rows that are held out, if there are any.
    pub held_out_log_likelihood: Option<f64>,
    /// The natural gradient's own numbers, of algorithms that have one.
    pub natural: Option<NaturalStats>,
}

/// One way to turn a batch into new parameters.
pub trait Algorithm<E: Engine>: Send {
    /// Take over what the algorithm needs from the rest of the configuration; before
    /// [`Algorithm::reserve`].
    fn configure(&mut self, config: &Config) {
        let _ = config;
    }

    /// Get memory for rollouts of up to `t` steps of `n` environments now, so that no update has
    /// to.
    fn reserve(&mut self, learner: &mut Learner<E>, t: usize, n: usize) {
        learner.reserve(t * n);
    }

    /// Improve the learner's parameters with one batch.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a gradient or parameter is no longer finite.
    fn update(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
    ) -> Result<UpdateStats, Error>;

    /// Numbers the algorithm carries from update to update, for the checkpoint.
    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Go on from numbers that [`Algorithm::state`] returned.
    fn load_state(&mut self, state: &[f64]) {
        let _ = state;
    }

    /// Columns that the algorithm carries from update to update, for the checkpoint.
    ///
    /// # Errors
    /// None in practice; building a [`State`] is checked.
    fn save_columns(&self, state: &mut State) -> Result<(), Error> {
        let _ = state;
        Ok(())
    }

    /// Go on from what [`Algorithm::save_columns`] stored, after [`Algorithm::load_state`].
    ///
    /// # Errors
    /// If something is missing or of another size.
    fn load_columns(&mut self, state: &State) -> Result<(), Error> {
        let _ = state;
        Ok(())
    }
}

/// What the settings of an algorithm offer.
pub trait AlgoSettings {
    /// Check the settings against each other and against the rest of the configuration.
    ///
    /// # Errors
    /// The first one that is out of range or impossible here.
    fn check(&self, config: &Config) -> Result<(), Invalid>;

    /// The recording that is learned from instead of rollouts; empty where it must still be
    /// named, none where rollouts are collected.
    fn data(&self) -> Option<&str> {
        None
    }

    /// Whether actions of another policy are weighed by their recorded probability.
    fn weighs_actions(&self) -> bool {
        false
    }

    /// Learn from this recording, of algorithms that can.
    fn set_data(&mut self, path: String) {
        let _ = path;
    }
}

/// Refuse baselines that an algorithm cannot use, naming those that it can.
fn refuse_baselines(
    config: &Config,
    refused: impl Fn(Baseline) -> bool,
    reason: &str,
) -> Result<(), Invalid> {
    let entry = config.estimator.baseline.entry();
    if !refused(entry.baseline) {
        return Ok(());
    }
    let choices: Vec<_> =
        BASELINES.iter().filter(|e| !refused(e.baseline)).map(|e| e.name).collect();
    let reason = format!("{reason}; expected one of {}", choices.join(", "));
    Err(Invalid::new("estimator.baseline", format!("\"{}\"", entry.name), reason))
}

/// Refuse a baseline per parameter: the surrogate of the algorithm is not `log pi A`.
fn refuse_per_parameter(config: &Config) -> Result<(), Invalid> {
    let reason = "it is subtracted from the gradient of log pi A over whole batches, which only \
                  reinforce and a2c follow";
    refuse_baselines(config, |b| b == Baseline::OptimalPerParameter, reason)
}

/// A line of `gradwerk list algos`.
#[derive(Clone, Copy, Debug)]
pub struct AlgoSpec {
    /// The name in `algo.kind`.
    pub name: &'static str,
    /// One line about it.
    pub summary: &'static str,
}

macro_rules! algorithms {
    ($($variant:ident: $name:literal, $algorithm:ty, $settings:ty, $summary:literal;)*) => {
        /// The algorithm and its settings.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum AlgoConfig {
            $(#[doc = $summary] #[serde(rename = $name)] $variant($settings),)*
        }

        /// Every algorithm, in the order of the list.
        pub const ALGORITHMS: &[AlgoSpec] = &[$(AlgoSpec { name: $name, summary: $summary },)*];

        impl AlgoConfig {
            /// The name in `algo.kind`.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// An algorithm's default settings by its name.
            #[must_use]
            pub fn by_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant(Default::default())),)* _ => None }
            }

            /// The settings, whatever the algorithm.
            #[must_use]
            pub fn settings(&self) -> &dyn AlgoSettings {
                match self { $(Self::$variant(settings) => settings,)* }
            }

            /// The settings, to be changed.
            pub fn settings_mut(&mut self) -> &mut dyn AlgoSettings {
                match self { $(Self::$variant(settings) => settings,)* }
            }

            /// The algorithm with these settings.
            #[must_use]
            pub fn build<E: Engine>(&self) -> Box<dyn Algorithm<E>> {
                match self { $(Self::$variant(settings) => Box::new(<$algorithm>::new(settings.clone())),)* }
            }
        }
    };
}

algorithms! {
    Reinforce: "reinforce", reinforce::Reinforce, reinforce::ReinforceSettings,
        "REINFORCE (Williams 1992): sample, estimate, ascend; any estimator and baseline";
    A2c: "a2c", a2c::A2c, a2c::A2cSettings,
        "advantage actor-critic (Mnih et al. 2016, synchronous): one step per short rollout";
    Ppo: "ppo", ppo::Ppo, ppo::PpoSettings,
        "proximal policy optimisation (Schulman et al. 2017): several epochs on a clipped surrogate";
    Npg: "npg", npg::Npg<E>, npg::NpgSettings,
        "natural policy gradient (Kakade 2001): a fixed step along F^-1 g by conjugate gradients";
    Trpo: "trpo", trpo::Trpo<E>, trpo::TrpoSettings,
        "trust region policy optimisation (Schulman et al. 2015): natural gradient within a KL bound";
    OffPolicyPg: "off_policy_pg", off_policy_pg::OffPolicyPg<E>, off_policy_pg::OffPolicySettings,
        "policy gradient that uses old batches or a recording through importance sampling";
    Bc: "bc", bc::Bc<E>, bc::BcSettings,
        "behaviour cloning: maximum likelihood of recorded actions (policy gradient of weight 1)";
}

impl Default for AlgoConfig {
    fn default() -> Self {
        Self::Ppo(ppo::PpoSettings::default())
    }
}
