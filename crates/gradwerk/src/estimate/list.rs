//! The explicit lists of estimators and baselines. The enums of the configuration, the names,
//! the errors and the contract tests derive from them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known about the expectation of a gradient estimate, for whole episodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Its mean is the gradient.
    Unbiased,
    /// Its mean differs from the gradient in a known way.
    Predicted(&'static str),
    /// Its mean differs from the gradient, for this reason.
    Biased(&'static str),
}

/// One entry of [`ESTIMATORS`].
#[derive(Clone, Copy, Debug)]
pub struct EstimatorEntry {
    /// The variant in a configuration.
    pub kind: Kind,
    /// The `kind` in a configuration, as text.
    pub name: &'static str,
    /// One line of help.
    pub summary: &'static str,
    /// Bias with the default settings, see [`super::EstimatorConfig::bias`] for others.
    pub bias: Bias,
    /// Whether it needs whole episodes.
    pub whole_episodes: bool,
    /// Whether it needs a value function.
    pub needs_value: bool,
}

/// One entry of [`BASELINES`].
#[derive(Clone, Copy, Debug)]
pub struct BaselineEntry {
    /// The variant in a configuration.
    pub baseline: Baseline,
    /// The `baseline` in a configuration, as text.
    pub name: &'static str,
    /// One line of help.
    pub summary: &'static str,
    /// What it does to the mean of an unbiased estimate.
    pub bias: Bias,
    /// Whether it needs a value function.
    pub needs_value: bool,
    /// Whether it weighs by squares of scores.
    pub needs_score: bool,
}

macro_rules! estimators {
    ($(#[doc = $summary:literal] $name:literal => $Kind:ident {
        bias: $bias:expr, whole_episodes: $whole:literal, needs_value: $value:literal
    })+) => {
        /// Which return or advantage weighs `grad log pi`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum Kind {
            $(#[doc = $summary] #[serde(rename = $name)] $Kind,)+
        }

        /// Every estimator.
        pub const ESTIMATORS: &[EstimatorEntry] = &[$(EstimatorEntry {
            kind: Kind::$Kind,
            name: $name,
            summary: $summary,
            bias: $bias,
            whole_episodes: $whole,
            needs_value: $value,
        }),+];

        impl Kind {
            /// Whether it subtracts the value itself, so that no other baseline goes with it.
            #[must_use]
            pub fn contains_baseline(self) -> bool {
                matches!(self, Self::Gae | Self::VTrace)
            }

            /// Its entry in the list.
            #[must_use]
            pub fn entry(self) -> &'static EstimatorEntry {
                &ESTIMATORS[self as usize]
            }
        }
    };
}

macro_rules! baselines {
    ($(#[doc = $summary:literal] $name:literal => $Baseline:ident {
        bias: $bias:expr, needs_value: $value:literal, needs_score: $score:literal
    })+) => {
        /// What is subtracted from the return. GAE and V-trace contain their own, `value`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum Baseline {
            $(#[doc = $summary] #[serde(rename = $name)] $Baseline,)+
        }

        /// Every baseline.
        pub const BASELINES: &[BaselineEntry] = &[$(BaselineEntry {
            baseline: Baseline::$Baseline,
            name: $name,
            summary: $summary,
            bias: $bias,
            needs_value: $value,
            needs_score: $score,
        }),+];

        impl Baseline {
            /// Its entry in the list.
            #[must_use]
            pub fn entry(self) -> &'static BaselineEntry {
                &BASELINES[self as usize]
            }
        }
    };
}

estimators! {
    /// Generalised advantage estimation: the lambda-weighted sum of one-step advantages.
    "gae" => Gae {
        bias: Bias::Biased("lambda < 1 trusts a value function that is not exact"),
        whole_episodes: false, needs_value: true
    }
    /// The discounted sum of the rewards that follow, bootstrapped where the rollout cuts.
    "reward-to-go" => RewardToGo {
        bias: Bias::Biased(FROM_NOW),
        whole_episodes: false, needs_value: false
    }
    /// The discounted return of the whole episode, in each of its steps.
    "total-return" => TotalReturn {
        bias: Bias::Unbiased,
        whole_episodes: true, needs_value: false
    }
    /// The next n rewards, then the value of the state reached.
    "n-step" => NStep {
        bias: Bias::Biased("it trusts a value function that is not exact"),
        whole_episodes: false, needs_value: true
    }
    /// Value and advantage corrected for another behaviour policy, with clipped ratios.
    "v-trace" => VTrace {
        bias: Bias::Biased("lambda < 1 trusts a value function that is not exact"),
        whole_episodes: false, needs_value: true
    }
}

/// Why reward-to-go discounted from now is not the gradient of the discounted objective.
pub(super) const FROM_NOW: &str =
    "discounting from now drops the factor gamma^t of the discounted objective's gradient";

baselines! {
    /// Nothing.
    "none" => None { bias: Bias::Unbiased, needs_value: false, needs_score: false }
    /// The number in `baseline_constant`.
    "constant" => Constant { bias: Bias::Unbiased, needs_value: false, needs_score: false }
    /// The mean over the batch, the sample itself included.
    "batch-mean" => BatchMean {
        bias: Bias::Predicted("factor 1 - 1/N for total returns of N independent episodes"),
        needs_value: false, needs_score: false
    }
    /// The mean over all other trajectories of the batch.
    "leave-one-out" => LeaveOneOut {
        bias: Bias::Unbiased, needs_value: false, needs_score: false
    }
    /// The mean over the other trajectories at the same time since the start of the episode.
    "time-step" => TimeStep { bias: Bias::Unbiased, needs_value: false, needs_score: false }
    /// The learned value of the state.
    "value" => Value { bias: Bias::Unbiased, needs_value: true, needs_score: false }
    /// The number of least variance, `E[g^2 R] / E[g^2]`, from the other trajectories.
    "optimal" => Optimal { bias: Bias::Unbiased, needs_value: false, needs_score: true }
    /// The same for each parameter by itself, from its own entry of the score.
    "optimal-per-parameter" => OptimalPerParameter {
        bias: Bias::Unbiased, needs_value: false, needs_score: true
    }
}
