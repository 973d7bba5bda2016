//! The value function's own regression, apart from the policy's step.

use crate::Error;
use crate::algo::Tick;
use crate::config::{Invalid, require};
use crate::learner::{Batch, Learner, Objective, Shuffled, Terms};
use crate::loss::{Surrogate, ValueSums};
use gradwerk_math::{Pool, Purpose, Stream};
use gradwerk_nn::Engine;

/// How the value function is fitted to the targets of a batch, with the run's optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueFit {
    /// Passes over the batch.
    pub epochs: u32,
    /// Rows per gradient step; a smaller batch is one step.
    pub minibatch: usize,
}

impl ValueFit {
    /// Check the settings of an algorithm that they come from.
    ///
    /// # Errors
    /// The first one that is out of range.
    pub fn check(&self) -> Result<(), Invalid> {
        let rule = "must be at least 1";
        require(self.epochs > 0, "algo.value_epochs", self.epochs, rule)?;
        require(self.minibatch > 0, "algo.value_minibatch", self.minibatch, rule)
    }

    /// Descend `(V(s) - G)^2 / 2`; the policy's parameters stay, bit by bit. Returns the sums of
    /// the last epoch; nothing happens without a value function. `order` is work space.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if loss, gradient or parameters are not finite.
    pub fn run<E: Engine>(
        &self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
        order: &mut Shuffled,
    ) -> Result<ValueSums, Error> {
        let mut sums = ValueSums::default();
        if !learner.model.has_critic() {
            return Ok(sums);
        }
        let objective = Objective {
            surrogate: Surrogate::LogProb,
            entropy_coef: E::ZERO,
            value_coef: E::ONE,
            value_clip: None,
            divisor: None,
        };
        learner.begin_passes(batch.rollout.n, batch.rows, order);
        for epoch in 0..self.epochs {
            learner.rebuild(batch.rollout);
            let mut rng = Stream::new(tick.seed, Purpose::Shuffle, u64::from(epoch), tick.update);
            order.draw(batch.rows, &mut rng);
            sums = ValueSums::default();
            for rows in order.minibatches(self.minibatch) {
                let step = learner.gradient_of(Terms::Value, pool, batch, rows, &objective)?;
                sums.merge(&step.value);
                learner.step(tick.lr, tick.max_grad_norm)?;
            }
        }
        learner.end_passes();
        Ok(sums)
    }
}
