//! Columns `[T, N]` that are derived from a rollout before anything is learned from it.

use crate::estimate::{Baseline, EstimatorConfig, Samples, Scratch, Steps, estimate};
use crate::learner::Learner;
use crate::rollout::Rollout;
use gradwerk_math::{Pool, Real};
use gradwerk_nn::Engine;

/// Ends, advantages, targets and the rows that count: what training and `gradwerk verify` hand to
/// the learner, computed here and nowhere else.
#[derive(Clone, Debug, Default)]
pub struct Columns<E> {
    /// How each step ended.
    pub ends: Ends<E>,
    /// Advantages.
    pub advantage: Vec<E>,
    /// Value targets.
    pub target: Vec<E>,
    /// Indices of the valid rows, in order.
    pub rows: Vec<u32>,
    /// Squares of scores, where the baseline asks for them.
    pub score_square: Vec<E>,
    /// The samples whose scores the baseline weighs by.
    pub samples: Samples,
    /// Whether every parameter has a baseline of its own.
    per_parameter: bool,
    /// Of the estimator.
    pub scratch: Scratch,
}

/// The two factors per step that say how an episode ended.
#[derive(Clone, Debug, Default)]
pub struct Ends<E> {
    /// `gamma`, but 0 where the episode terminated.
    pub discount: Vec<E>,
    /// 1, but 0 where the episode ended.
    pub carry: Vec<E>,
}

impl<E: Real> Ends<E> {
    /// The columns that estimators read, of the rollout that the factors are of, without scores.
    #[must_use]
    pub fn steps<'a>(&'a self, rollout: &'a Rollout<E>, gamma: E) -> Steps<'a, E> {
        Steps {
            t: rollout.t,
            n: rollout.n,
            reward: &rollout.reward,
            discount: &self.discount,
            carry: &self.carry,
            value: &rollout.value,
            next_value: &rollout.next_value,
            score_square: &[],
            valid: &rollout.valid,
            time: &rollout.time,
            gamma,
        }
    }
}

impl<E: Real> Columns<E> {
    /// Room for rollouts of up to `rows` rows.
    #[must_use]
    pub fn with_rows(rows: usize) -> Self {
        let column = || Vec::with_capacity(rows);
        Self {
            ends: Ends { discount: column(), carry: column() },
            advantage: column(),
            target: column(),
            score_square: Vec::new(),
            samples: Samples::default(),
            per_parameter: false,
            rows: Vec::with_capacity(rows),
            scratch: Scratch::with_rows(rows),
        }
    }

    /// Find the rows of `rollout` that are transitions.
    pub fn select(&mut self, rollout: &Rollout<E>) {
        rollout.list_valid(&mut self.rows);
    }

    /// Get ends, and room for advantages and targets, of `rollout` under the discount `gamma`.
    pub fn prepare(&mut self, gamma: E, rollout: &Rollout<E>) {
        rollout.end_factors(gamma, &mut self.ends.discount, &mut self.ends.carry);
        self.advantage.resize(rollout.rows(), E::ZERO);
        self.target.resize(rollout.rows(), E::ZERO);
    }

    /// Advantages and targets of `rollout` under the discount `gamma`.
    pub fn estimate(&mut self, config: &EstimatorConfig, gamma: E, rollout: &Rollout<E>) {
        self.prepare(gamma, rollout);
        let ends = self.ends.steps(rollout, gamma);
        let steps = Steps { score_square: &self.score_square, ..ends };
        estimate(config, &steps, &mut self.advantage, &mut self.target, &mut self.scratch);
    }
}

impl<E: Engine> Columns<E> {
    /// Get memory for what [`Columns::score`] finds in rollouts of up to `rows` rows, here and in
    /// the learner, where the baseline weighs by scores.
    pub fn reserve_scores(
        &mut self,
        config: &EstimatorConfig,
        learner: &mut Learner<E>,
        rows: usize,
    ) {
        if config.baseline.entry().needs_score {
            self.score_square.reserve(rows);
            self.samples = Samples::with_rows(rows);
            let per_parameter = config.baseline == Baseline::OptimalPerParameter;
            learner.reserve_scores(rows, per_parameter);
        }
    }

    /// Find the samples and the squares of their scores that the baseline weighs by, before
    /// [`Columns::estimate`]; nothing where it does not.
    pub fn score(
        &mut self,
        config: &EstimatorConfig,
        gamma: E,
        rollout: &Rollout<E>,
        learner: &mut Learner<E>,
        pool: &Pool,
    ) {
        self.per_parameter = config.baseline == Baseline::OptimalPerParameter;
        if !config.baseline.entry().needs_score {
            return;
        }
        self.prepare(gamma, rollout);
        self.samples.set(config.kind, &self.ends.steps(rollout, gamma));
        if config.baseline == Baseline::Optimal {
            learner.score_squares(pool, rollout, &self.samples, &mut self.score_square);
        }
    }

    /// The samples of the baselines per parameter, if there are any.
    #[must_use]
    pub fn per_parameter(&self) -> Option<&Samples> {
        self.per_parameter.then_some(&self.samples)
    }
}
