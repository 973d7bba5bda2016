//! Behaviour cloning: maximum likelihood of recorded actions. It is the policy gradient with the
//! weight 1 in every row, `grad mean(log pi(a|s))`, on experience that somebody else made
//! (Pomerleau 1991; the lecture's comparison of policy gradients with maximum likelihood).
//!
//! One update is one pass over the rows in shuffled minibatches.

use super::data::check_data;
use super::reinforce::check_coefficients;
use super::{AlgoSettings, Algorithm, Tick, UpdateStats};
use crate::Error;
use crate::config::{Config, Invalid, require};
use crate::learner::{Batch, Learner, Objective, Shuffled, Terms, shuffle};
use crate::loss::Surrogate;
use crate::rollout::Rollout;
use crate::schedule::Schedule;
use gradwerk_math::{Pool, Purpose, Stream};
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of behaviour cloning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BcSettings {
    /// The recording to clone (`gradwerk record` makes one).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Rows per gradient step.
    pub minibatch: usize,
    /// Share of the episodes that is held out: their log-likelihood is measured after every
    /// pass, and nothing is learned from them.
    pub held_out: f64,
    /// Weight of the entropy bonus; a number or a schedule.
    pub entropy_coef: Schedule,
}

impl Default for BcSettings {
    fn default() -> Self {
        Self { data: None, minibatch: 64, held_out: 0.1, entropy_coef: Schedule::constant(0.0) }
    }
}

impl AlgoSettings for BcSettings {
    fn check(&self, config: &Config) -> Result<(), Invalid> {
        check_coefficients(self.entropy_coef, 0.0)?;
        require(self.minibatch > 0, "algo.minibatch", 0, "must be at least 1")?;
        let share = (0.0..1.0).contains(&self.held_out);
        require(share, "algo.held_out", self.held_out, "must be a share in [0, 1)")?;
        require(
            !config.has_critic(),
            "algo.kind",
            "bc",
            "learns no value function, and the estimator needs one: set \
             estimator.kind=reward-to-go and estimator.baseline=none",
        )?;
        check_data(config)
    }

    fn data(&self) -> Option<&str> {
        Some(self.data.as_deref().unwrap_or_default())
    }

    fn set_data(&mut self, path: String) {
        self.data = Some(path);
    }
}

/// The algorithm.
#[derive(Debug)]
pub struct Bc<E> {
    settings: BcSettings,
    /// Rows that are learned from.
    rows: Vec<u32>,
    /// The same in the order of the pass.
    order: Shuffled,
    /// Rows that are not learned from.
    held_out: Vec<u32>,
    log_prob: Vec<E>,
    /// The weight of every row.
    ones: Vec<E>,
}

impl<E: Engine> Bc<E> {
    /// With the given settings.
    #[must_use]
    pub fn new(settings: BcSettings) -> Self {
        Self {
            settings,
            rows: Vec::new(),
            order: Shuffled::default(),
            held_out: Vec::new(),
            log_prob: Vec::new(),
            ones: Vec::new(),
        }
    }

    /// Divide the rows by their episodes, before the first pass of a session. It depends on seed
    /// and recording alone, so that no checkpoint has to remember it.
    fn split(&mut self, rollout: &Rollout<E>, rows: &[u32], seed: u64) {
        let n = rollout.n;
        let mut episodes: Vec<u32> = (0..n as u32).collect();
        shuffle(&mut episodes, &mut Stream::new(seed, Purpose::Shuffle, u64::from(u32::MAX), 0));
        let wanted = (self.settings.held_out * n as f64).round() as usize;
        let at_least = usize::from(self.settings.held_out > 0.0);
        let mut held = vec![false; n];
        let chosen = episodes.iter().take(wanted.max(at_least).min(n - 1));
        chosen.for_each(|&episode| held[episode as usize] = true);
        let (held_out, learned): (Vec<u32>, Vec<u32>) =
            rows.iter().partition(|&&row| held[row as usize % n]);
        self.log_prob.resize(held_out.len(), E::ZERO);
        (self.held_out, self.rows) = (held_out, learned);
    }

    /// Mean `log pi(a|s)` of the rows held out; none without any.
    fn judge(&mut self, learner: &mut Learner<E>, rollout: &Rollout<E>) -> Option<f64> {
        learner.log_probs(rollout, &self.held_out, &mut self.log_prob);
        let sum: f64 = self.log_prob.iter().map(|x| x.to_f64()).sum();
        (!self.held_out.is_empty()).then(|| sum / self.held_out.len() as f64)
    }
}

impl<E: Engine> Algorithm<E> for Bc<E> {
    fn reserve(&mut self, learner: &mut Learner<E>, t: usize, n: usize) {
        self.ones.resize(t * n, E::ONE);
        self.order.reserve(t * n);
        learner.reserve((t * n).min(self.settings.minibatch));
    }

    fn update(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
    ) -> Result<UpdateStats, Error> {
        let entropy_coef = self.settings.entropy_coef.at(tick.progress);
        let objective = Objective {
            surrogate: Surrogate::LogProb,
            entropy_coef: E::from_f64(entropy_coef),
            value_coef: E::ZERO,
            value_clip: None,
            divisor: None,
        };
        let mut stats = UpdateStats { lr: tick.lr, epochs: 1, ..UpdateStats::default() };
        let mut gradient_steps = 0.0;
        if self.rows.is_empty() {
            self.split(batch.rollout, batch.rows, tick.seed);
        }
        learner.begin_passes(batch.rollout.n, &self.rows, &mut self.order);
        self.order.draw(&self.rows, &mut Stream::new(tick.seed, Purpose::Shuffle, 0, tick.update));
        let likely = Batch { advantage: &self.ones, normalize_advantage: false, ..*batch };
        for rows in self.order.minibatches(self.settings.minibatch) {
            let sums = learner.gradient_of(Terms::Policy, pool, &likely, rows, &objective)?;
            stats.sums.merge(&sums);
            stats.grad_norm += learner.step(tick.lr, tick.max_grad_norm)?;
            gradient_steps += 1.0;
        }
        stats.grad_norm /= gradient_steps;
        let policy = &stats.sums.policy;
        let likelihood = -(policy.loss + entropy_coef * policy.entropy) / policy.rows as f64;
        stats.log_likelihood = Some(likelihood);
        stats.held_out_log_likelihood = self.judge(learner, batch.rollout);
        Ok(stats)
    }
}
