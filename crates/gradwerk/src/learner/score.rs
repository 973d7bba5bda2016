//! Scores: lengths of `grad log pi(a|s)`, at the head outputs and by all parameters.

use super::{Batch, Chunk, Learner, Order, Pass, Terms};
use crate::dist::Distribution;
use crate::loss::Surrogate;
use crate::model::{Model, Weights};
use crate::rollout::Rollout;
use gradwerk_math::Kernel;
use gradwerk_nn::Engine;

impl<E: Engine> Learner<E> {
    /// `|d log pi(a|s) / dy|^2` at the head outputs `y` of each of `rows`, into `out` (one number
    /// per row): one forward pass, no vjp.
    ///
    /// # Panics
    /// If `out` does not have one entry per row.
    pub fn head_score_squares(&mut self, rollout: &Rollout<E>, rows: &[u32], out: &mut [f64]) {
        assert_eq!(out.len(), rows.len(), "out: one entry per row");
        self.reserve(1);
        let batch = Batch::of_rollout(rollout, rows);
        let pass = Pass::scores(&self.model, &self.weights, self.kernel, &batch);
        let chunk = &mut self.chunks[0];
        let width = self.model.head_width();
        let mut out = out;
        for tile in pass.cutting().tiles(rows) {
            chunk.gather_scores(&pass, tile);
            chunk.forward(&pass, Terms::Policy);
            chunk.policy_head(&pass, Surrogate::LogProb, E::ZERO);
            for (dy, &place) in chunk.dy.chunks(width).zip(&chunk.order.place) {
                out[place as usize] = dy.iter().map(|d| d.to_f64() * d.to_f64()).sum();
            }
            out = &mut out[tile.len()..];
        }
    }
}

impl<'a, E: Engine> Pass<'a, E> {
    /// A pass in which every row counts once, whatever its advantage.
    pub(super) fn scores(
        model: &'a Model<E>,
        weights: &'a Weights<E>,
        kernel: Kernel,
        batch: &'a Batch<'a, E>,
    ) -> Self {
        let memory = &batch.rollout.memory;
        Self { model, weights, kernel, batch, moments: None, weight: E::ONE, memory }
    }
}

impl<E: Engine> Chunk<E> {
    /// A tile with the advantage 1 in every row.
    pub(super) fn gather_scores(&mut self, pass: &Pass<'_, E>, tile: &[u32]) {
        self.gather_obs(pass, tile);
        self.gather_actions(pass);
        self.advantage.fill(E::ONE);
    }
}

impl<E: Engine> Learner<E> {
    /// `log pi(a|s)` of the present policy in `rows` of `rollout`, into `out` (one number per
    /// row), on the calling thread.
    ///
    /// # Panics
    /// If `out` does not have one entry per row.
    pub fn log_probs(&mut self, rollout: &Rollout<E>, rows: &[u32], out: &mut [E]) {
        assert_eq!(out.len(), rows.len(), "out: one entry per row");
        self.reserve(1);
        let batch = Batch::of_rollout(rollout, rows);
        let pass = Pass::scores(&self.model, &self.weights, self.kernel, &batch);
        let (chunk, width) = (&mut self.chunks[0], self.model.head_width());
        let mut out = out;
        for tile in pass.cutting().tiles(rows) {
            chunk.gather_obs(&pass, tile);
            chunk.forward(&pass, Terms::Policy);
            let Order { place, rows, .. } = &chunk.order;
            for ((y, &place), &row) in chunk.y.chunks(width).zip(place).zip(rows) {
                out[place as usize] = self.model.dist.log_prob(y, rollout.action(row as usize));
            }
            out = &mut out[tile.len()..];
        }
    }
}
