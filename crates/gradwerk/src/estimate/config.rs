//! The estimator of a run as the user configures it.

use super::list::{BASELINES, Bias, ESTIMATORS, EstimatorEntry, FROM_NOW};
pub use super::list::{Baseline, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From where the discount `gamma^k` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Discounting {
    /// From the step that is weighed: customary in practice.
    FromNow,
    /// From the start of the episode, that is with another factor `gamma^t` on step t: the true
    /// gradient of the discounted objective. Total returns are always counted from the start.
    FromStart,
}

/// Over which rows advantages are normalised to mean 0 and standard deviation 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// Not at all.
    None,
    /// Once, over all valid rows of the batch.
    Batch,
    /// Anew in every minibatch.
    Minibatch,
}

/// How the weight of `grad log pi` is estimated. `gamma` is a setting of the objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EstimatorConfig {
    /// Which return or advantage is estimated.
    pub kind: Kind,
    /// Trade-off of `gae` and `v-trace`, in [0, 1]: 0 has the least variance, 1 the least bias.
    pub lambda: f64,
    /// Bound of the ratio in the one-step advantages of `v-trace`, above 0.
    pub rho_bar: f64,
    /// Bound of the ratio in the trace of `v-trace`, above 0.
    pub c_bar: f64,
    /// Number of rewards in `n-step`, at least 1.
    pub n: usize,
    /// From where the discount counts.
    pub discounting: Discounting,
    /// What is subtracted from the return; `gae` and `v-trace` need `value`.
    pub baseline: Baseline,
    /// The baseline `constant`, in units of the return.
    pub baseline_constant: f64,
    /// Over which rows the advantages are normalised.
    pub normalize: Normalize,
}

impl Default for EstimatorConfig {
    fn default() -> Self {
        Self {
            kind: Kind::Gae,
            lambda: 0.95,
            rho_bar: 1.0,
            c_bar: 1.0,
            n: 5,
            discounting: Discounting::FromNow,
            baseline: Baseline::Value,
            baseline_constant: 0.0,
            normalize: Normalize::None,
        }
    }
}

/// A setting of the estimator that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EstimatorError {
    /// No estimator or baseline of this name.
    #[error("unknown {what} `{name}`, expected one of {expected}")]
    Unknown {
        /// `estimator` or `baseline`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// All names, comma separated.
        expected: String,
    },
    /// A value that is impossible here.
    #[error("estimator.{field} = {value}: {reason}; expected {expected}")]
    Impossible {
        /// The field of [`EstimatorConfig`].
        field: &'static str,
        /// Its value.
        value: String,
        /// Why it cannot be.
        reason: &'static str,
        /// The valid choices.
        expected: String,
    },
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl Kind {
    /// The estimator called `name`.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn from_name(name: &str) -> Result<Self, EstimatorError> {
        let entry = ESTIMATORS.iter().find(|entry| entry.name == name);
        entry.map(|entry| entry.kind).ok_or_else(|| EstimatorError::Unknown {
            what: "estimator",
            name: name.into(),
            expected: names(ESTIMATORS.iter().map(|entry| entry.name)),
        })
    }

    /// Why it cannot be used, or `None` if it can. Without whole episodes, whatever does not
    /// end in the rollout has to be bootstrapped from a value function.
    fn obstacle(self, whole_episodes: bool, has_critic: bool) -> Option<&'static str> {
        let entry = self.entry();
        if entry.whole_episodes && !whole_episodes {
            Some("it needs whole episodes")
        } else if entry.needs_value && !has_critic {
            Some("it needs a value function")
        } else if !whole_episodes && !has_critic {
            Some("without a value function it needs whole episodes")
        } else {
            None
        }
    }

    /// What to set where there is an obstacle: the keys that remove it, or another estimator.
    fn remedies(self, whole_episodes: bool, has_critic: bool) -> String {
        let entry = self.entry();
        if entry.needs_value && !has_critic && !whole_episodes {
            return "a value function".into();
        }
        let mut remedies = Vec::new();
        if !whole_episodes {
            remedies.push("rollout.episodes above 0".to_owned());
        }
        if !has_critic && !whole_episodes && !entry.whole_episodes {
            remedies.push("estimator.baseline = \"value\"".to_owned());
        }
        // Without whole episodes only those that bring a value function are left.
        let possible = |e: &&EstimatorEntry| {
            let critic = has_critic || (!whole_episodes && e.needs_value);
            e.kind != self && e.kind.obstacle(whole_episodes, critic).is_none()
        };
        let others = names(ESTIMATORS.iter().filter(possible).map(|e| e.name));
        remedies.push(format!("one of {others}"));
        remedies.join(", or ")
    }
}

impl Baseline {
    /// The baseline called `name`.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn from_name(name: &str) -> Result<Self, EstimatorError> {
        let entry = BASELINES.iter().find(|entry| entry.name == name);
        entry.map(|entry| entry.baseline).ok_or_else(|| EstimatorError::Unknown {
            what: "baseline",
            name: name.into(),
            expected: names(BASELINES.iter().map(|entry| entry.name)),
        })
    }

    fn obstacle(self, kind: Kind, has_critic: bool) -> Option<&'static str> {
        if kind.contains_baseline() && self != Self::Value {
            Some(if kind == Kind::Gae {
                "gae subtracts the value itself"
            } else {
                "v-trace subtracts the value itself"
            })
        } else if self.entry().needs_value && !has_critic {
            Some("it needs a value function")
        } else {
            None
        }
    }
}

impl EstimatorConfig {
    /// Whether it reads a value function, which the agent then learns.
    #[must_use]
    pub fn needs_value(&self) -> bool {
        self.kind.entry().needs_value || self.baseline.entry().needs_value
    }

    /// Check the numbers, and that the estimator can be had from what is collected.
    ///
    /// # Errors
    /// Names the field, its value and the valid choices.
    pub fn check(&self, whole_episodes: bool, has_critic: bool) -> Result<(), EstimatorError> {
        self.check_numbers()?;
        self.check_kind(whole_episodes, has_critic)?;
        self.check_baseline(has_critic)
    }

    fn check_numbers(&self) -> Result<(), EstimatorError> {
        let impossible = |field, value: String, expected: &str| EstimatorError::Impossible {
            field,
            value,
            reason: "it is out of range",
            expected: expected.into(),
        };
        // NaN is in no range, so it is an error as well.
        if !(0.0..=1.0).contains(&self.lambda) {
            return Err(impossible("lambda", self.lambda.to_string(), "a number in [0, 1]"));
        }
        for (field, bound) in [("rho_bar", self.rho_bar), ("c_bar", self.c_bar)] {
            if !(bound > 0.0 && bound.is_finite()) {
                return Err(impossible(field, bound.to_string(), "a finite number above 0"));
            }
        }
        if self.n == 0 {
            return Err(impossible("n", self.n.to_string(), "at least 1"));
        }
        if !self.baseline_constant.is_finite() {
            let value = self.baseline_constant.to_string();
            return Err(impossible("baseline_constant", value, "a finite number"));
        }
        Ok(())
    }

    fn check_kind(&self, whole_episodes: bool, has_critic: bool) -> Result<(), EstimatorError> {
        let Some(reason) = self.kind.obstacle(whole_episodes, has_critic) else { return Ok(()) };
        let expected = self.kind.remedies(whole_episodes, has_critic);
        let value = format!("\"{}\"", self.kind.entry().name);
        Err(EstimatorError::Impossible { field: "kind", value, reason, expected })
    }

    fn check_baseline(&self, has_critic: bool) -> Result<(), EstimatorError> {
        let Some(reason) = self.baseline.obstacle(self.kind, has_critic) else { return Ok(()) };
        let possible = |baseline: Baseline| baseline.obstacle(self.kind, has_critic).is_none();
        let choices = BASELINES.iter().filter(|e| possible(e.baseline)).map(|e| e.name);
        let expected = format!("one of {}", names(choices));
        let value = format!("\"{}\"", self.baseline.entry().name);
        Err(EstimatorError::Impossible { field: "baseline", value, reason, expected })
    }

    /// Declared bias of the gradient of the objective discounted with `gamma`, from whole
    /// episodes of the present policy and with an arbitrary value function. The first cause that
    /// applies is named. For batches of another policy see [`super::ImportanceConfig::bias`].
    #[must_use]
    pub fn bias(&self, gamma: f64) -> Bias {
        if self.normalize != Normalize::None {
            return Bias::Biased("normalisation divides by a statistic of the same rows");
        }
        let trusts_value = match self.kind {
            Kind::Gae => self.lambda < 1.0,
            // On-policy all ratios are 1.
            Kind::VTrace => self.lambda < 1.0 || self.rho_bar < 1.0 || self.c_bar < 1.0,
            Kind::NStep => true,
            Kind::RewardToGo | Kind::TotalReturn => false,
        };
        if trusts_value {
            return self.kind.entry().bias;
        }
        let from_now = self.discounting == Discounting::FromNow;
        if from_now && self.kind != Kind::TotalReturn && gamma < 1.0 {
            return Bias::Biased(FROM_NOW);
        }
        if self.baseline == Baseline::BatchMean && self.kind != Kind::TotalReturn {
            return Bias::Biased("the mean over the batch's rows contains the sample itself");
        }
        self.baseline.entry().bias
    }
}
