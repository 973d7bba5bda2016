//! Gradient steps: from rows of a rollout to new parameters.
//!
//! A gradient is the sum over chunks whose number depends on the rows alone; every chunk runs
//! tile by tile through gather, forward, head gradient and vjp, and the chunks are added in a
//! fixed order. Hence its bits do not depend on the number of threads.

use crate::Error;
use crate::diagnose::{GradientProbe, GradientQuality};
use crate::dist::Widths;
use crate::estimate::{Moments, Samples, moments_of_rows};
use crate::loss::{
    PolicyRows, PolicySums, Surrogate, ValueLoss, ValueRows, ValueSums, value_gradient,
};
use crate::model::{Model, Weights};
use crate::policy::Policy;
use crate::rollout::Rollout;
use crate::run::state::State;
use cutting::{CHUNK_ROWS, Cutting, MAX_CHUNKS};
use gradwerk_math::{Kernel, Pool};
use gradwerk_nn::{Buffer, Engine, Memory, Optimizer, OptimizerConfig, kernels, optim};
use order::Order;

mod cutting;
mod natural;
mod optimal;
mod order;
mod remember;
mod score;
mod shuffle;

pub use natural::Comparison;
pub use shuffle::Shuffled;
pub(crate) use shuffle::shuffle;

/// What is learned from: the columns of a rollout and the rows that count.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, E> {
    /// Observations, actions, behaviour log-probabilities and values `[T, N, ...]`.
    pub rollout: &'a Rollout<E>,
    /// Advantages `[T, N]`.
    pub advantage: &'a [E],
    /// Value targets `[T, N]`, in the units that the value network predicts.
    pub target: &'a [E],
    /// The valid rows; with memory, environment by environment.
    pub rows: &'a [u32],
    /// Trajectories in the rows if all are whole episodes, otherwise 0.
    pub episodes: usize,
    /// Whether the advantages of each gradient step are normalised to mean 0 and deviation 1.
    pub normalize_advantage: bool,
    /// Where every parameter has an optimal baseline of its own: the samples that it is estimated
    /// from, all rows among them. Only gradients of `log pi A` over all rows can have one.
    pub per_parameter: Option<&'a Samples>,
}

impl<'a, E: Engine> Batch<'a, E> {
    /// A batch that is only looked at: without advantages and targets.
    pub(crate) fn of_rollout(rollout: &'a Rollout<E>, rows: &'a [u32]) -> Self {
        Self {
            rollout,
            advantage: &[],
            target: &[],
            rows,
            episodes: 0,
            normalize_advantage: false,
            per_parameter: None,
        }
    }

    /// What the sum over all rows is divided by in `(1/N) sum_i sum_t grad log pi A`: the number
    /// of trajectories. Dividing by the number of rows instead, which depends on the actions where
    /// episodes differ in length, would bias the estimate. `None` for fixed numbers of steps.
    #[must_use]
    pub fn trajectories(&self) -> Option<E> {
        (self.episodes > 0).then(|| E::from_f64(self.episodes as f64))
    }
}

/// The function of theta that a gradient step descends.
#[derive(Clone, Copy, Debug)]
pub struct Objective<E> {
    /// What is maximised over the policy.
    pub surrogate: Surrogate<E>,
    /// Weight of the entropy bonus.
    pub entropy_coef: E,
    /// Weight of the value loss.
    pub value_coef: E,
    /// Clip range of the value loss.
    pub value_clip: Option<E>,
    /// What the sum over the rows is divided by; `None` for their number.
    pub divisor: Option<E>,
}

/// The terms of an [`Objective`] whose gradient is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Policy and value function in one pass.
    All,
    /// The surrogate and the entropy bonus; the value function is not computed.
    Policy,
    /// The value loss; the policy is not computed.
    Value,
}

/// Sums over rows of what the losses report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSums {
    /// Of the policy loss.
    pub policy: PolicySums,
    /// Of the value loss.
    pub value: ValueSums,
}

impl LossSums {
    /// Add the sums of later rows.
    pub fn merge(&mut self, later: &Self) {
        self.policy.merge(&later.policy);
        self.value.merge(&later.value);
    }

    /// Mean approximate KL divergence between the policy that acted and the present one.
    #[must_use]
    pub fn approx_kl(&self) -> f64 {
        self.policy.approx_kl / self.policy.rows.max(1) as f64
    }

    /// Effective sample size of the ratios over the number of rows, in (0, 1]; 0 of no rows.
    #[must_use]
    pub fn ess_share(&self) -> f64 {
        let PolicySums { ratio, ratio_square, rows, .. } = self.policy;
        if rows == 0 { 0.0 } else { ratio * ratio / (ratio_square * rows as f64) }
    }
}

/// Parameters, the networks that read them and the optimizer that moves them.
#[derive(Debug)]
pub struct Learner<E: Engine> {
    /// The policy and value functions.
    pub model: Model<E>,
    /// Their parameters.
    pub weights: Weights<E>,
    optimizer: Box<dyn Optimizer<E>>,
    kernel: Kernel,
    chunks: Vec<Chunk<E>>,
    /// Sums over all chunks for optimal baselines.
    totals: optimal::Totals,
    /// Memories `[T, N, memory_width]` of the present parameters in the batch at hand; empty where
    /// those of the rollout count.
    remembered: Vec<E>,
    probe: Option<GradientProbe<E>>,
}

/// One share of a gradient and the memory to compute it.
#[derive(Debug)]
struct Chunk<E> {
    grad: Buffer<E>,
    sums: LossSums,
    /// The tile at hand.
    order: Order,
    /// What its sequences remember.
    memory: Buffer<E>,
    obs: Buffer<E>,
    discrete: Vec<u32>,
    continuous: Buffer<E>,
    log_prob: Buffer<E>,
    advantage: Buffer<E>,
    target: Buffer<E>,
    value_old: Buffer<E>,
    y: Buffer<E>,
    v: Buffer<E>,
    dy: Buffer<E>,
    dv: Buffer<E>,
    cache: Buffer<E>,
    scratch: Buffer<E>,
    natural: natural::Work<E>,
    optimal: optimal::Work<E>,
}

/// What all chunks of a gradient read.
struct Pass<'a, E: Engine> {
    model: &'a Model<E>,
    weights: &'a Weights<E>,
    kernel: Kernel,
    batch: &'a Batch<'a, E>,
    /// Of the advantages, where they are normalised per gradient step.
    moments: Option<Moments>,
    /// 1 / rows of the whole gradient.
    weight: E,
    /// Memories before the rows of the rollout.
    memory: &'a [E],
}

impl<'a, E: Engine> Pass<'a, E> {
    /// A pass of the present parameters over `rows`.
    fn new(
        model: &'a Model<E>,
        weights: &'a Weights<E>,
        kernel: Kernel,
        batch: &'a Batch<'a, E>,
        rows: &[u32],
    ) -> Self {
        let moments = batch.normalize_advantage.then(|| moments_of_rows(batch.advantage, rows));
        let weight = E::ONE / E::from_f64(rows.len() as f64);
        let memory = &batch.rollout.memory;
        Self { model, weights, kernel, batch, moments, weight, memory }
    }

    /// How rows are cut.
    fn cutting(&self) -> Cutting {
        Cutting { n: self.batch.rollout.n, segment: self.model.segment() }
    }

    /// The weight of a row, normalised if it is per gradient step.
    fn advantage(&self, row: usize) -> E {
        let advantage = self.batch.advantage[row];
        self.moments.map_or(advantage, |m| m.apply(advantage))
    }
}

impl<E: Engine> Learner<E> {
    /// Fresh parameters keyed by `seed`.
    ///
    /// # Errors
    /// If the optimizer's settings are invalid.
    pub fn new(
        model: Model<E>,
        optimizer: &OptimizerConfig,
        seed: u64,
        kernel: Kernel,
    ) -> Result<Self, Error> {
        let optimizer = optimizer.build(model.layout().len()).map_err(Error::usage)?;
        let weights = Weights::new(&model, model.init(seed), kernel);
        let totals = optimal::Totals::default();
        Ok(Self {
            model,
            weights,
            optimizer,
            kernel,
            chunks: Vec::new(),
            totals,
            remembered: Vec::new(),
            probe: None,
        })
    }

    /// Instructions in use.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Get memory for gradients over up to `rows` rows now, so that no gradient has to.
    pub fn reserve(&mut self, rows: usize) {
        while self.chunks.len() < Cutting::most_chunks(self.model.segment(), rows) {
            self.chunks.push(Chunk::new(&self.model));
        }
    }

    /// Begin passes over `rows` of a rollout of `n` environments, as [`Learner::gradient`] takes
    /// them: sequences stay whole where there is a memory.
    pub fn begin_passes(&mut self, n: usize, rows: &[u32], order: &mut Shuffled) {
        self.end_passes();
        order.begin_with(Cutting { n, segment: self.model.segment() }, rows);
    }

    /// Measure the quality of the gradients until [`Learner::end_probe`]. Only looks: the bits
    /// of what is learned stay the same.
    pub fn begin_probe(&mut self) {
        let len = self.policy_len();
        self.probe.get_or_insert_with(|| GradientProbe::new(len, MAX_CHUNKS)).begin();
    }

    /// What was found since [`Learner::begin_probe`]; none without a gradient of two chunks, that
    /// is of more than 128 rows.
    pub fn end_probe(&mut self) -> Option<GradientQuality> {
        self.probe.as_mut().and_then(GradientProbe::end)
    }

    /// The gradient of the objective's loss over `rows`, left in the learner for
    /// [`Learner::step`]; the mean over the rows.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the loss is not finite.
    pub fn gradient(
        &mut self,
        pool: &Pool,
        batch: &Batch<'_, E>,
        rows: &[u32],
        objective: &Objective<E>,
    ) -> Result<LossSums, Error> {
        self.gradient_of(Terms::All, pool, batch, rows, objective)
    }

    /// As [`Learner::gradient`], of some terms of the objective alone: the others count as 0, and
    /// so do their sums. Parameters that no term reads have the gradient 0.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the loss is not finite.
    ///
    /// # Panics
    /// If the batch has baselines per parameter, but not of these rows and of `log pi A`.
    pub fn gradient_of(
        &mut self,
        terms: Terms,
        pool: &Pool,
        batch: &Batch<'_, E>,
        rows: &[u32],
        objective: &Objective<E>,
    ) -> Result<LossSums, Error> {
        self.reserve(rows.len());
        let samples = batch.per_parameter.filter(|_| terms != Terms::Value);
        if let Some(samples) = samples {
            assert_eq!(samples.rows(0..samples.len()).len(), rows.len(), "samples: all rows");
            assert!(matches!(objective.surrogate, Surrogate::LogProb), "surrogate: log pi A");
            self.ready_for_scores(rows.len());
            self.chunks.iter_mut().for_each(Chunk::forget_quality);
        }
        let mut pass = Pass::new(&self.model, &self.weights, self.kernel, batch, rows);
        if !self.remembered.is_empty() {
            pass.memory = &self.remembered;
        }
        if let Some(divisor) = objective.divisor {
            pass.weight = E::ONE / divisor;
        }
        let cutting = pass.cutting();
        let count = cutting.chunk_count(rows);
        let chunks = &mut self.chunks[..count];
        let part = |i| match samples {
            Some(samples) => samples.rows(samples.share_of_groups(i, count)),
            None => cutting.share(rows, i, count),
        };
        pool.for_each(chunks, |i, chunk| chunk.run(&pass, part(i), objective, terms));
        if let Some(samples) = samples {
            optimal::subtract_per_parameter(pool, &pass, chunks, &mut self.totals, samples);
        }
        let mut probe = self.probe.as_mut().filter(|p| p.is_on() && terms != Terms::Value);
        if let Some(probe) = &mut probe {
            for (i, chunk) in chunks.iter().enumerate() {
                probe.chunk(self.kernel, part(i).len(), &chunk.grad);
            }
        }
        let mut sums = LossSums::default();
        let (first, rest) = chunks.split_at_mut(1);
        sums.merge(&first[0].sums);
        for (i, chunk) in rest.iter().enumerate() {
            if let Some(probe) = &mut probe {
                probe.partial(i + 1, &first[0].grad);
            }
            sums.merge(&chunk.sums);
            kernels::add(self.kernel, &chunk.grad, &mut first[0].grad);
        }
        if let Some(probe) = &mut probe {
            probe.whole(self.kernel, &first[0].grad);
        }
        let loss = sums.policy.loss + sums.value.loss;
        if loss.is_finite() { Ok(sums) } else { Err(self.non_finite("loss", loss)) }
    }

    /// One optimizer step along the gradient, scaled down to `max_norm` (0: as it is). Returns
    /// the norm before scaling.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if gradient or parameters are not finite; the layer is named.
    pub fn step(&mut self, lr: f64, max_norm: f64) -> Result<f64, Error> {
        let grad = &mut self.chunks[0].grad;
        let norm = optim::norm(self.kernel, grad);
        if !norm.is_finite() {
            return Err(self.non_finite("gradient", norm));
        }
        if max_norm > 0.0 && norm > max_norm {
            optim::scale(self.kernel, grad, E::from_f64(max_norm / norm));
        }
        self.optimizer.step(self.kernel, &mut self.weights.theta, grad, E::from_f64(lr));
        self.weights.pack(&self.model, self.kernel);
        Ok(norm)
    }

    /// The gradient of the last [`Learner::gradient`].
    #[must_use]
    pub fn last_gradient(&self) -> &[E] {
        self.chunks.first().map_or(&[], |chunk| &chunk.grad)
    }

    /// The error of a gradient that is not finite; names its layer.
    pub(crate) fn gradient_error(&self) -> Error {
        self.non_finite("gradient", optim::norm(self.kernel, self.last_gradient()))
    }

    /// The error of a step after which the policies' divergence is not finite.
    pub(crate) fn divergence_error(&self, kl: f64) -> Error {
        self.non_finite("KL divergence", kl)
    }

    /// Name the layer whose gradient or parameter is not finite.
    fn non_finite(&self, what: &str, value: f64) -> Error {
        let layer = |values: &[E]| {
            let at = values.iter().position(|x| !x.is_finite())?;
            self.model.layout().entry_at(at).map(|entry| entry.name.clone())
        };
        let place = match (layer(&self.weights.theta), layer(self.last_gradient())) {
            (Some(name), _) => format!("parameter `{name}`"),
            (None, Some(name)) => format!("the gradient of `{name}`"),
            (None, None) => "the heads".into(),
        };
        Error::NonFinite { what: what.into(), value, place }
    }

    /// Take the parameters of another policy over; without a value function there, this one's
    /// stays.
    ///
    /// # Errors
    /// If its network has other parts or shapes; the first difference is named.
    pub fn load_policy(&mut self, policy: &Policy) -> Result<(), Error> {
        let theirs = policy.model().layout();
        let missing = |name: &str| !policy.model().has_critic() && name.starts_with("value.");
        for entry in self.model.layout().entries().iter().filter(|e| !missing(&e.name)) {
            let found = theirs.find(&entry.name).filter(|e| e.shape == entry.shape);
            let Some(found) = found else {
                return Err(Error::Usage(format!(
                    "cannot start from that policy: it has no `{}` of shape {:?}",
                    entry.name, entry.shape
                )));
            };
            let values = &policy.weights().theta[found.range()];
            for (own, value) in self.weights.theta[entry.range()].iter_mut().zip(values) {
                *own = E::from_f32(*value);
            }
        }
        self.weights.pack(&self.model, self.kernel);
        Ok(())
    }
}

impl Learner<f32> {
    /// Store parameters and optimizer.
    ///
    /// # Errors
    /// None in practice; building a [`State`] is checked.
    pub fn save(&self, state: &mut State) -> Result<(), Error> {
        state.put_vector("theta", self.weights.theta.to_vec())?;
        state.put_vector("optimizer.steps", vec![self.optimizer.steps()])?;
        for (name, values) in self.optimizer.state() {
            state.put_vector(&format!("optimizer.{name}"), values.to_vec())?;
        }
        Ok(())
    }

    /// Go on from what [`Learner::save`] stored.
    ///
    /// # Errors
    /// If something is missing or of another size.
    pub fn load(&mut self, state: &State) -> Result<(), Error> {
        state.copy_into("theta", &mut self.weights.theta)?;
        self.weights.pack(&self.model, self.kernel);
        let steps = state.get::<u64>("optimizer.steps", &[1])?[0];
        let names: Vec<&str> = self.optimizer.state().iter().map(|(name, _)| *name).collect();
        let saved = names
            .into_iter()
            .map(|name| Ok((name, state.get_any::<f32>(&format!("optimizer.{name}"))?.1)))
            .collect::<Result<Vec<_>, Error>>()?;
        self.optimizer.load_state(&saved, steps).map_err(Error::usage)?;
        Ok(())
    }
}

impl<E: Engine> Chunk<E> {
    fn new(model: &Model<E>) -> Self {
        let rows = Cutting::tile_rows(model.segment());
        let zeros = |width: usize| Buffer::zeros(rows * width);
        let (y, v) = (model.head_width(), usize::from(model.has_critic()));
        Self {
            grad: Buffer::zeros(model.layout().len()),
            sums: LossSums::default(),
            order: Order::with_rows(rows),
            memory: zeros(model.memory_width()),
            obs: zeros(model.obs_width()),
            discrete: vec![0; rows * model.dist.discrete()],
            continuous: zeros(model.dist.continuous()),
            log_prob: zeros(1),
            advantage: zeros(1),
            target: zeros(1),
            value_old: zeros(1),
            y: zeros(y),
            v: zeros(v),
            dy: zeros(y),
            dv: zeros(v),
            cache: Buffer::zeros(model.net.cache_len(rows)),
            scratch: Buffer::zeros(model.net.scratch_len(rows)),
            natural: natural::Work::default(),
            optimal: optimal::Work::default(),
        }
    }

    /// The gradient over `rows`, tile by tile.
    fn run(&mut self, pass: &Pass<'_, E>, rows: &[u32], objective: &Objective<E>, terms: Terms) {
        self.grad.fill(E::ZERO);
        self.sums = LossSums::default();
        for tile in pass.cutting().tiles(rows) {
            self.gather_obs(pass, tile);
            self.gather(pass);
            self.tile(pass, objective, terms);
        }
    }

    /// Order a tile, and bring its observations together, and what its sequences remember.
    fn gather_obs(&mut self, pass: &Pass<'_, E>, tile: &[u32]) {
        let r = pass.batch.rollout;
        let d = pass.model.obs_width();
        self.order.set(pass.cutting(), &r.time, tile);
        self.order.remember(pass.memory, pass.model.memory_width(), &mut self.memory);
        for (x, &row) in self.obs.chunks_exact_mut(d).zip(&self.order.rows) {
            r.inputs(row as usize..row as usize + 1).fill(x);
        }
    }

    /// Bring the other columns of the tile together.
    fn gather(&mut self, pass: &Pass<'_, E>) {
        self.gather_actions(pass);
        for (i, &row) in self.order.rows.iter().enumerate() {
            let row = row as usize;
            self.advantage[i] = pass.advantage(row);
            self.target[i] = pass.batch.target[row];
            self.value_old[i] = pass.batch.rollout.value[row];
        }
    }

    /// Bring the actions of the tile and their log-probabilities together.
    fn gather_actions(&mut self, pass: &Pass<'_, E>) {
        let r = pass.batch.rollout;
        let (wd, wc) = (r.discrete_width, r.continuous_width);
        for (i, &row) in self.order.rows.iter().enumerate() {
            let row = row as usize;
            let action = r.action(row);
            self.discrete[i * wd..(i + 1) * wd].copy_from_slice(action.discrete);
            self.continuous[i * wc..(i + 1) * wc].copy_from_slice(action.continuous);
            self.log_prob[i] = r.log_prob[row];
        }
    }

    /// Forward, head gradients, vjp.
    fn tile(&mut self, pass: &Pass<'_, E>, objective: &Objective<E>, terms: Terms) {
        let rows = self.rows();
        self.forward(pass, terms);
        if terms != Terms::Value {
            let sums = self.policy_head(pass, objective.surrogate, objective.entropy_coef);
            self.sums.policy.merge(&sums);
        }
        if terms != Terms::Policy {
            let settings = ValueLoss { coef: objective.value_coef, clip: objective.value_clip };
            let sums = self.value_head(pass, settings);
            self.sums.value.merge(&sums);
        }
        let Pass { model, kernel, .. } = *pass;
        let obs = &self.obs[..rows * model.obs_width()];
        let dy = if terms == Terms::Value { 0 } else { rows * model.head_width() };
        let dv = if terms == Terms::Policy { 0 } else { self.values() };
        let (dy, dv) = (&self.dy[..dy], &self.dv[..dv]);
        let (grad, scratch, rows) = (&mut self.grad, &mut self.scratch, self.order.as_rows());
        let params = pass.weights.params();
        model.net.vjp(kernel, params, obs, rows, &self.cache, dy, dv, grad, scratch);
    }

    /// How many rows the tile has.
    fn rows(&self) -> usize {
        self.order.rows.len()
    }

    /// How many values the tile has: none without a value function.
    fn values(&self) -> usize {
        self.rows().min(self.v.len())
    }

    /// Head outputs, values or both of the tile's observations; the heads with their masks.
    fn forward(&mut self, pass: &Pass<'_, E>, terms: Terms) {
        let Pass { model, kernel, .. } = *pass;
        let params = pass.weights.params();
        let (values, heads) = (self.values(), self.rows() * model.head_width());
        let rows = self.order.as_rows();
        let obs = &self.obs[..rows.count * model.obs_width()];
        let (y, v) = (&mut self.y[..heads], &mut self.v[..values]);
        let (net, cache) = (&model.net, &mut self.cache);
        let memory = Memory { data: &mut self.memory, stride: model.memory_width() };
        match terms {
            Terms::All => net.forward(kernel, params, obs, rows, memory, cache, y, v),
            Terms::Policy => net.forward_policy(kernel, params, obs, rows, memory, cache, y),
            Terms::Value => net.forward_value(kernel, params, obs, rows, memory, cache, v),
        }
        let rollout = pass.batch.rollout;
        if rollout.mask_width > 0 && terms != Terms::Value {
            let masks = self.order.rows.iter().map(|&row| rollout.mask_of(row as usize));
            model.dist.mask_rows(masks, y);
        }
    }

    /// The derivative of the policy loss by the head outputs, into `dy`.
    fn policy_head(
        &mut self,
        pass: &Pass<'_, E>,
        surrogate: Surrogate<E>,
        entropy_coef: E,
    ) -> PolicySums {
        let (r, width, rows) = (pass.batch.rollout, pass.model.head_width(), self.rows());
        let policy_rows = PolicyRows {
            y: &self.y[..rows * width],
            discrete: &self.discrete[..rows * r.discrete_width],
            continuous: &self.continuous[..rows * r.continuous_width],
            log_prob_old: &self.log_prob[..rows],
            advantage: &self.advantage[..rows],
            weight: pass.weight,
        };
        let dy = &mut self.dy[..rows * width];
        pass.model.dist.head_gradient(surrogate, entropy_coef, &policy_rows, dy)
    }

    /// The derivative of the value loss by the values, into `dv`; nothing without a value function.
    fn value_head(&mut self, pass: &Pass<'_, E>, settings: ValueLoss<E>) -> ValueSums {
        let rows = self.values();
        let value_rows = ValueRows {
            value: &self.v[..rows],
            value_old: &self.value_old[..rows],
            target: &self.target[..rows],
            weight: pass.weight,
        };
        value_gradient(settings, &value_rows, &mut self.dv[..rows])
    }
}
