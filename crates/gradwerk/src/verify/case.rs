//! What one row of the table is about, and what it must show.

use super::{PolicyClass, Problem};
use crate::estimate::{Baseline, Bias, Discounting, EstimatorConfig, Kind, Normalize};

/// How a row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Over all batches of enumerated trajectories.
    Exact,
    /// Single against double precision, over enumerated trajectories.
    Precision,
    /// Over batches that the collector sampled.
    Sampled,
    /// Frequencies of the collector's trajectories against their probabilities.
    Sampler,
}

/// Which value function stands in the estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Critic {
    /// Its first, random parameters: an unbiased estimator must not care.
    Arbitrary,
    /// `V^pi`, put into the table of a linear value function.
    Exact,
}

/// What the sum over rows is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeanOver {
    /// The number of trajectories: the lecture's estimate.
    Trajectories,
    /// The number of rows, times the expected number of rows per trajectory for the same units:
    /// what gradient steps divide by where rollouts are not whole episodes.
    Rows,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// The problem.
    pub problem: &'static Problem,
    /// The policy class.
    pub policy: &'static PolicyClass,
    /// Discount factor.
    pub gamma: f64,
    /// The estimator.
    pub estimator: EstimatorConfig,
    /// Its value function, if it reads one.
    pub critic: Critic,
    /// What is divided by.
    pub mean_over: MeanOver,
    /// How it is measured.
    pub method: Method,
}

/// What an estimator says of its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Declared {
    /// The gradient.
    Unbiased,
    /// This multiple of the gradient, for this reason.
    Predicted(f64, &'static str),
    /// Something else, for this reason.
    Biased(&'static str),
}

impl Declared {
    /// The word in the table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unbiased => "unbiased",
            Self::Predicted(..) => "predicted",
            Self::Biased(_) => "biased",
        }
    }

    /// The multiple of the gradient that the mean must be, if it must be one.
    #[must_use]
    pub fn factor(self) -> Option<f64> {
        match self {
            Self::Unbiased => Some(1.0),
            Self::Predicted(factor, _) => Some(factor),
            Self::Biased(_) => None,
        }
    }
}

impl Case {
    /// A row about the first parameters of the problem's own policy class.
    #[must_use]
    pub fn exact(problem: &'static Problem, gamma: f64, estimator: EstimatorConfig) -> Self {
        Self {
            problem,
            policy: PolicyClass::named(problem.policy),
            gamma,
            estimator,
            critic: Critic::Arbitrary,
            mean_over: MeanOver::Trajectories,
            method: Method::Exact,
        }
    }

    /// What the estimator declares for batches of `n` trajectories.
    #[must_use]
    pub fn declared(&self, n: usize) -> Declared {
        if self.mean_over == MeanOver::Rows {
            return Declared::Biased("the mean over rows divides by a random number of rows");
        }
        let e = &self.estimator;
        if self.critic == Critic::Exact && self.critic_is_all() {
            return Declared::Predicted(1.0, "V = V^pi");
        }
        match e.bias(self.gamma) {
            Bias::Unbiased => Declared::Unbiased,
            Bias::Biased(why) => Declared::Biased(why),
            Bias::Predicted(why) => Declared::Predicted(predicted_factor(e, n), why),
        }
    }

    /// Whether an inexact value function is the only cause of bias.
    fn critic_is_all(&self) -> bool {
        let e = &self.estimator;
        let discounted_right = self.gamma == 1.0 || e.discounting == Discounting::FromStart;
        let trusts = matches!(e.kind, Kind::Gae | Kind::NStep);
        trusts && discounted_right && e.normalize == Normalize::None
    }

    /// The name that filters search in: everything that tells rows apart.
    #[must_use]
    pub fn name(&self) -> String {
        let start = format!("{} {} gamma={}", self.problem.name, self.policy.name, self.gamma);
        let method = match self.method {
            Method::Sampler => return format!("{start} sampler"),
            Method::Exact => "",
            Method::Precision => " precision",
            Method::Sampled => " sampled",
        };
        let e = &self.estimator;
        let kind = match e.kind {
            Kind::Gae => format!("gae({})", e.lambda),
            Kind::NStep => format!("n-step({})", e.n),
            other => other.entry().name.to_owned(),
        };
        let baseline = match e.baseline {
            Baseline::Constant => format!("constant({})", e.baseline_constant),
            other => other.entry().name.to_owned(),
        };
        let mut name = format!("{start} {kind} {baseline}");
        if self.gamma < 1.0 {
            name += if e.discounting == Discounting::FromNow { " from-now" } else { " from-start" };
        }
        name += match e.normalize {
            Normalize::None => "",
            Normalize::Batch => " normalize=batch",
            Normalize::Minibatch => " normalize=minibatch",
        };
        name += if self.critic == Critic::Exact { " V=V^pi" } else { "" };
        name += if self.mean_over == MeanOver::Rows { " mean-over-rows" } else { "" };
        name + method
    }
}

/// The number behind [`Bias::Predicted`].
///
/// # Panics
/// If an entry of the list predicts something that is not written down here.
fn predicted_factor(estimator: &EstimatorConfig, n: usize) -> f64 {
    match estimator.baseline {
        Baseline::BatchMean => 1.0 - 1.0 / n as f64,
        other => panic!("the baseline {other:?} predicts a bias without a number"),
    }
}
