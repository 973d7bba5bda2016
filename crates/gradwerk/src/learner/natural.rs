//! What natural gradients need of a learner, over the same chunks and tiles as its gradients:
//! products with the Fisher matrix, and the distance of the present policy from the one before.

use super::cutting::Cutting;
use super::{Batch, Chunk, Learner, Pass, Terms};
use crate::dist::{AnyDist, DistVisitor, Distribution};
use crate::loss::{PolicySums, Surrogate};
use crate::model::Model;
use gradwerk_math::{Pool, Real};
use gradwerk_nn::{Buffer, Engine, kernels};

/// The present policy beside the one whose heads were kept, over the rows of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Sums of the surrogate `ratio A` and of what else the policy loss reports.
    pub sums: PolicySums,
    /// `KL(pi_kept || pi)`, exact per state, mean over the rows, nats.
    pub kl: f64,
}

impl Comparison {
    /// The surrogate `mean(ratio A)`, to be maximised.
    #[must_use]
    pub fn surrogate(&self) -> f64 {
        -self.sums.loss / self.sums.rows.max(1) as f64
    }
}

/// What a chunk remembers for natural gradients; empty until they are asked for.
#[derive(Debug)]
pub(super) struct Work<E> {
    /// Directions of the head outputs of a tile, `[rows, params]`.
    tangent: Buffer<E>,
    /// Head outputs of the kept policy over the chunk's share, `[rows, params]`.
    heads: Vec<E>,
    kl: f64,
}

impl<E: Engine> Default for Work<E> {
    fn default() -> Self {
        Self { tangent: Buffer::zeros(0), heads: Vec::new(), kl: 0.0 }
    }
}

impl<E: Engine> Work<E> {
    /// Get memory for shares of up to `rows` rows.
    fn reserve(&mut self, model: &Model<E>, rows: usize) {
        let width = model.head_width();
        let tile = Cutting::tile_rows(model.segment()) * width;
        if self.tangent.len() < tile {
            self.tangent = Buffer::zeros(tile);
        }
        self.heads.reserve((rows * width).saturating_sub(self.heads.len()));
    }
}

impl<E: Engine> Learner<E> {
    /// How many parameters the policy reads: the first so many of theta, a trunk included.
    #[must_use]
    pub fn policy_len(&self) -> usize {
        self.model.net.policy_range().end
    }

    /// Whether policy and value function have parameters in common.
    #[must_use]
    pub fn shares_trunk(&self) -> bool {
        self.model.has_critic() && self.model.net.policy_range().start > 0
    }

    /// Get memory for natural gradients over up to `rows` rows now.
    pub fn reserve_natural(&mut self, rows: usize) {
        self.reserve(rows);
        let longest = Cutting::longest_share(self.model.segment(), rows);
        for chunk in &mut self.chunks {
            chunk.natural.reserve(&self.model, longest);
        }
    }

    /// Keep the present policy's head outputs for [`Learner::compare`].
    pub fn keep_heads(&mut self, pool: &Pool, batch: &Batch<'_, E>) {
        self.reserve_natural(batch.rows.len());
        let rows = batch.rows;
        let pass = Pass::new(&self.model, &self.weights, self.kernel, batch, rows);
        let (cutting, count) = (pass.cutting(), pass.cutting().chunk_count(rows));
        pool.for_each(&mut self.chunks[..count], |i, chunk| {
            chunk.keep_heads(&pass, cutting.share(rows, i, count));
        });
    }

    /// How the present policy differs from the one kept last, on the batch it was kept for.
    ///
    /// # Panics
    /// If nothing was kept for a batch of this size.
    pub fn compare(&mut self, pool: &Pool, batch: &Batch<'_, E>) -> Comparison {
        let rows = batch.rows;
        let pass = Pass::new(&self.model, &self.weights, self.kernel, batch, rows);
        let (cutting, count) = (pass.cutting(), pass.cutting().chunk_count(rows));
        pool.for_each(&mut self.chunks[..count], |i, chunk| {
            chunk.compare(&pass, cutting.share(rows, i, count));
        });
        let mut result = Comparison::default();
        for chunk in &self.chunks[..count] {
            result.sums.merge(&chunk.sums.policy);
            result.kl += chunk.natural.kl;
        }
        result.kl /= rows.len().max(1) as f64;
        result
    }

    /// `out = (F + damping I) u` with the Fisher matrix of the present policy, the mean over the
    /// batch's states: `F = (1/N) sum_s J(s)^T F_y(s) J(s)`, `J = dy/dtheta` of the network and
    /// `F_y` that of the head outputs (Kakade 2001; Schulman et al. 2015, appendix C). No matrix
    /// is formed: per tile forward, jvp, head Fisher and vjp.
    ///
    /// `u` and `out` have [`Learner::policy_len`] numbers. Overwrites the last gradient.
    ///
    /// # Panics
    /// If `u` or `out` has another length.
    pub fn fisher_product(
        &mut self,
        pool: &Pool,
        batch: &Batch<'_, E>,
        damping: f64,
        u: &[E],
        out: &mut [E],
    ) {
        let len = self.policy_len();
        assert_eq!((u.len(), out.len()), (len, len), "u and out: the policy's parameters");
        let rows = batch.rows;
        self.reserve_natural(rows.len());
        let pass = Pass::new(&self.model, &self.weights, self.kernel, batch, rows);
        let (cutting, count) = (pass.cutting(), pass.cutting().chunk_count(rows));
        pool.for_each(&mut self.chunks[..count], |i, chunk| {
            chunk.fisher_product(&pass, cutting.share(rows, i, count), u);
        });
        let damping = E::from_f64(damping);
        out.iter_mut().zip(u).for_each(|(out, &u)| *out = damping * u);
        for chunk in &self.chunks[..count] {
            kernels::add(self.kernel, &chunk.grad[..len], out);
        }
    }

    /// Set the policy's parameters to `base + scale direction`; those of the value function stay.
    ///
    /// # Panics
    /// If a slice is shorter than [`Learner::policy_len`].
    pub fn set_policy(&mut self, base: &[E], direction: &[E], scale: f64) {
        let (len, scale) = (self.policy_len(), E::from_f64(scale));
        let (base, direction) = (&base[..len], &direction[..len]);
        for ((theta, &base), &step) in self.weights.theta.iter_mut().zip(base).zip(direction) {
            *theta = base + scale * step;
        }
        self.weights.pack(&self.model, self.kernel);
    }
}

impl<E: Engine> Chunk<E> {
    fn keep_heads(&mut self, pass: &Pass<'_, E>, rows: &[u32]) {
        self.natural.heads.clear();
        for tile in pass.cutting().tiles(rows) {
            self.gather_obs(pass, tile);
            self.forward(pass, Terms::Policy);
            let y = &self.y[..tile.len() * pass.model.head_width()];
            self.natural.heads.extend_from_slice(y);
        }
    }

    /// Surrogate and divergence over the chunk's share.
    fn compare(&mut self, pass: &Pass<'_, E>, rows: &[u32]) {
        let width = pass.model.head_width();
        assert_eq!(self.natural.heads.len(), rows.len() * width, "heads kept for this batch");
        (self.sums.policy, self.natural.kl) = (PolicySums::default(), 0.0);
        let mut start = 0;
        for tile in pass.cutting().tiles(rows) {
            self.gather_obs(pass, tile);
            self.gather(pass);
            self.forward(pass, Terms::Policy);
            let sums = self.policy_head(pass, Surrogate::Ratio, E::ZERO);
            self.sums.policy.merge(&sums);
            let heads = tile.len() * width;
            let old = &self.natural.heads[start..start + heads];
            self.natural.kl += pass.model.dist.kl_sum(old, &self.y[..heads]);
            start += heads;
        }
    }

    /// This share's part of `F u`, into `grad`.
    fn fisher_product(&mut self, pass: &Pass<'_, E>, rows: &[u32], u: &[E]) {
        let Pass { model, kernel, .. } = *pass;
        let params = pass.weights.params();
        self.grad[..u.len()].fill(E::ZERO);
        for tile in pass.cutting().tiles(rows) {
            self.gather_obs(pass, tile);
            self.forward(pass, Terms::Policy);
            let rows = self.order.as_rows();
            let obs = &self.obs[..rows.count * model.obs_width()];
            let heads = rows.count * model.head_width();
            let (cache, scratch) = (&self.cache, &mut self.scratch);
            let (tangent, dy) = (&mut self.natural.tangent[..heads], &mut self.dy[..heads]);
            model.net.jvp_policy(kernel, params, obs, rows, cache, u, tangent, scratch);
            model.dist.fisher_rows(&self.y[..heads], tangent, pass.weight, dy);
            let grad = &mut self.grad;
            model.net.vjp(kernel, params, obs, rows, cache, dy, &[], grad, scratch);
        }
    }
}

/// Sum of `KL(old || new)` over rows of head outputs.
struct KlSum<'a, R> {
    old: &'a [R],
    new: &'a [R],
}

impl<R: Real> DistVisitor<R> for KlSum<'_, R> {
    type Output = f64;
    fn run<D: Distribution<R>>(self, dist: &D) -> f64 {
        let rows = self.old.chunks(dist.params()).zip(self.new.chunks(dist.params()));
        rows.map(|(old, new)| dist.kl(old, new).to_f64()).sum()
    }
}

/// Products of rows of directions with the head's Fisher matrices.
struct FisherRows<'a, R> {
    y: &'a [R],
    tangent: &'a [R],
    weight: R,
    out: &'a mut [R],
}

impl<R: Real> DistVisitor<R> for FisherRows<'_, R> {
    type Output = ();
    fn run<D: Distribution<R>>(self, dist: &D) {
        let width = dist.params();
        self.out.fill(R::ZERO);
        let inputs = self.y.chunks(width).zip(self.tangent.chunks(width));
        for ((y, v), out) in inputs.zip(self.out.chunks_mut(width)) {
            dist.add_fisher_product(y, v, self.weight, out);
        }
    }
}

impl AnyDist {
    /// `sum_rows KL(old || new)` in nats, in double precision and in the order of the rows, both
    /// `[rows, params]`.
    #[must_use]
    pub fn kl_sum<R: Real>(&self, old: &[R], new: &[R]) -> f64 {
        self.visit(KlSum { old, new })
    }

    /// `out = weight F(y) tangent` row by row, all `[rows, params]`.
    pub fn fisher_rows<R: Real>(&self, y: &[R], tangent: &[R], weight: R, out: &mut [R]) {
        self.visit(FisherRows { y, tangent, weight, out });
    }
}
