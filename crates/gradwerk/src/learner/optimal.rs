//! Optimal baselines: squares of scores, and a baseline for every parameter by itself.
//!
//! No gradient per sample is kept: the vjp of one sample at a time is squared and forgotten, and
//! made again where it is needed. A chunk holds one score and, where every parameter has its own
//! baseline, two sums per parameter.

use super::cutting::Cutting;
use super::{Batch, CHUNK_ROWS, Chunk, Learner, Pass, Terms};
use crate::diagnose::{BaselineQuality, BaselineSums};
use crate::estimate::{Samples, WeightedTotal};
use crate::loss::Surrogate;
use crate::rollout::Rollout;
use gradwerk_math::{Pool, Real};
use gradwerk_nn::{Buffer, Engine, optim};

/// What a chunk needs for scores; empty until they are asked for.
#[derive(Debug)]
pub(super) struct Work<E> {
    /// `grad` of one sample's loss with advantage 1, `[P]`.
    score: Buffer<E>,
    /// `|score|^2` of the samples of the chunk's share.
    squares: Vec<f64>,
    totals: Totals,
    quality: BaselineSums,
}

impl<E: Engine> Default for Work<E> {
    fn default() -> Self {
        Self {
            score: Buffer::zeros(0),
            squares: Vec::new(),
            totals: Totals::default(),
            quality: BaselineSums::default(),
        }
    }
}

/// A [`WeightedTotal`] for every parameter, the numbers in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    /// `sum g^2`, `[P]`.
    weight: Vec<f64>,
    /// `sum g^2 x`, `[P]`.
    sum: Vec<f64>,
    /// Of the samples that were counted: their number as weight, and the range of x.
    samples: WeightedTotal,
}

impl Totals {
    /// Begin anew with `len` parameters.
    fn clear(&mut self, len: usize) {
        self.samples = WeightedTotal::default();
        for column in [&mut self.weight, &mut self.sum] {
            column.clear();
            column.resize(len, 0.0);
        }
    }

    fn add<E: Engine>(&mut self, score: &[E], x: f64) {
        self.samples.add(1.0, x);
        for ((weight, sum), g) in self.weight.iter_mut().zip(&mut self.sum).zip(score) {
            let square = g.to_f64() * g.to_f64();
            *weight += square;
            *sum += square * x;
        }
    }

    fn merge(&mut self, later: &Self) {
        let ([least, most], [low, high]) = (self.samples.range, later.samples.range);
        self.samples.range = [Real::minimum(least, low), Real::maximum(most, high)];
        self.weight.iter_mut().zip(&later.weight).for_each(|(a, b)| *a += b);
        self.sum.iter_mut().zip(&later.sum).for_each(|(a, b)| *a += b);
    }

    /// The sums of parameter `p`.
    fn of(&self, p: usize) -> WeightedTotal {
        WeightedTotal { weight: self.weight[p], sum: self.sum[p], range: self.samples.range }
    }
}

impl<E: Engine> Learner<E> {
    /// Get memory for scores over up to `rows` rows now, and for sums per parameter if every one
    /// has its own baseline.
    pub fn reserve_scores(&mut self, rows: usize, per_parameter: bool) {
        self.reserve(rows);
        let len = self.model.layout().len();
        // A share has its part of the rows and one more, by rounding.
        let most = Cutting::most_chunks(self.model.segment(), rows);
        let samples = rows.div_ceil(most).max(CHUNK_ROWS) + 1;
        for chunk in &mut self.chunks {
            chunk.optimal.score = Buffer::zeros(len);
            chunk.optimal.squares.reserve(samples);
        }
        if per_parameter {
            let totals = self.chunks.iter_mut().map(|chunk| &mut chunk.optimal.totals);
            totals.chain([&mut self.totals]).for_each(|totals| totals.clear(len));
        }
    }

    /// `|grad log pi|^2` of every sample by the policy's parameters, written to all of its rows:
    /// `out` becomes `[T, N]`, 0 in rows of no sample.
    pub fn score_squares(
        &mut self,
        pool: &Pool,
        rollout: &Rollout<E>,
        samples: &Samples,
        out: &mut Vec<E>,
    ) {
        let rows = samples.rows(0..samples.len());
        self.ready_for_scores(rows.len());
        let batch = Batch::of_rollout(rollout, rows);
        let pass = Pass::scores(&self.model, &self.weights, self.kernel, &batch);
        let count = pass.cutting().chunk_count(rows);
        let chunks = &mut self.chunks[..count];
        pool.for_each(chunks, |i, chunk| {
            chunk.optimal.squares.clear();
            for s in samples.share(i, count) {
                chunk.score(&pass, samples.sample(s));
                let length = optim::norm(pass.kernel, &chunk.optimal.score);
                chunk.optimal.squares.push(length * length);
            }
        });
        out.clear();
        out.resize(rollout.rows(), E::ZERO);
        for (i, chunk) in chunks.iter().enumerate() {
            for (s, &square) in samples.share(i, count).zip(&chunk.optimal.squares) {
                let square = E::from_f64(square);
                samples.sample(s).iter().for_each(|&row| out[row as usize] = square);
            }
        }
    }

    /// What the baselines of the single parameters took away in the last gradient.
    #[must_use]
    pub fn baseline_quality(&self) -> Option<BaselineQuality> {
        let mut sums = BaselineSums::default();
        self.chunks.iter().for_each(|chunk| sums.merge(&chunk.optimal.quality));
        sums.quality()
    }

    /// As [`Learner::reserve_scores`] where that has not been done.
    pub(super) fn ready_for_scores(&mut self, rows: usize) {
        self.reserve(rows);
        if self.chunks.iter().any(|chunk| chunk.optimal.score.is_empty()) {
            self.reserve_scores(rows, false);
        }
    }
}

/// Turn the chunks' gradients of `-log pi x` into those of `-log pi (x - b)`, where every
/// parameter has its own `b`, from the other samples of the group.
pub(super) fn subtract_per_parameter<E: Engine>(
    pool: &Pool,
    pass: &Pass<'_, E>,
    chunks: &mut [Chunk<E>],
    totals: &mut Totals,
    samples: &Samples,
) {
    let (len, count) = (pass.model.net.policy_range().end, chunks.len());
    if !samples.is_one_group() {
        pool.for_each(chunks, |i, chunk| {
            for group in samples.groups(samples.share_of_groups(i, count)) {
                let mut totals = std::mem::take(&mut chunk.optimal.totals);
                totals.clear(len);
                group.clone().for_each(|s| chunk.count(pass, samples.sample(s), &mut totals));
                group.for_each(|s| chunk.subtract(pass, samples.sample(s), &totals));
                chunk.optimal.totals = totals;
            }
        });
        return;
    }
    pool.for_each(chunks, |i, chunk| {
        let mut totals = std::mem::take(&mut chunk.optimal.totals);
        totals.clear(len);
        samples
            .share_of_groups(i, count)
            .for_each(|s| chunk.count(pass, samples.sample(s), &mut totals));
        chunk.optimal.totals = totals;
    });
    totals.clear(len);
    chunks.iter().for_each(|chunk| totals.merge(&chunk.optimal.totals));
    let totals = &*totals;
    pool.for_each(chunks, |i, chunk| {
        samples
            .share_of_groups(i, count)
            .for_each(|s| chunk.subtract(pass, samples.sample(s), totals));
    });
}

impl<E: Engine> Chunk<E> {
    /// Forget what was measured of an earlier gradient.
    pub(super) fn forget_quality(&mut self) {
        self.optimal.quality = BaselineSums::default();
    }

    /// The gradient of `-weight sum log pi(a|s)` over the rows of one sample, left in `score`.
    fn score(&mut self, pass: &Pass<'_, E>, rows: &[u32]) {
        let Pass { model, kernel, .. } = *pass;
        self.optimal.score.fill(E::ZERO);
        for tile in pass.cutting().tiles(rows) {
            self.gather_scores(pass, tile);
            self.forward(pass, Terms::Policy);
            self.policy_head(pass, Surrogate::LogProb, E::ZERO);
            let rows = self.order.as_rows();
            let obs = &self.obs[..rows.count * model.obs_width()];
            let dy = &self.dy[..rows.count * model.head_width()];
            let (score, scratch) = (&mut self.optimal.score, &mut self.scratch);
            let params = pass.weights.params();
            model.net.vjp(kernel, params, obs, rows, &self.cache, dy, &[], score, scratch);
        }
    }

    /// Count a sample for the baseline of others.
    fn count(&mut self, pass: &Pass<'_, E>, rows: &[u32], totals: &mut Totals) {
        self.score(pass, rows);
        totals.add(&self.optimal.score, pass.advantage(rows[0] as usize).to_f64());
    }

    /// Subtract what the others say from the sample's share of the gradient.
    fn subtract(&mut self, pass: &Pass<'_, E>, rows: &[u32], totals: &Totals) {
        self.score(pass, rows);
        let x = pass.advantage(rows[0] as usize).to_f64();
        let (mut score, mut left) = (0.0, 0.0);
        for (p, grad) in self.grad[..totals.weight.len()].iter_mut().enumerate() {
            let g = self.optimal.score[p];
            let square = g.to_f64() * g.to_f64();
            let b = totals.of(p).without(square, x);
            *grad -= g * E::from_f64(b);
            score += square;
            left += square * (x - b) * (x - b);
        }
        self.optimal.quality.add(score, x, left);
    }
}
