//! Policy gradient that uses its batches again: the last K of them are kept with the
//! log-probabilities of the policies that acted, and enter every gradient through importance
//! sampling (Precup et al. 2000; Jie and Abbeel 2010).
//!
//! Per gradient step, over all rows kept: `log rho = log pi - log mu`, the coefficients of
//! [`estimate_off_policy`], and one step on `-log pi(a_t|s_t) A_t` with the ratios inside `A_t`.
//!
//! With a recording (`algo.data`), that is the one batch, and nothing is collected.

use super::data::check_data;
use super::reinforce::check_coefficients;
use super::{AlgoSettings, Algorithm, Tick, UpdateStats, refuse_baselines};
use crate::Error;
use crate::config::{Config, Invalid, require};
use crate::estimate::{
    Baseline, Ess, EstimatorConfig, Form, ImportanceConfig, ImportanceScratch, Steps, Weighting,
    effective_sample_size, estimate_off_policy, log_weights,
};
use crate::learner::{Batch, Learner, Objective};
use crate::loss::Surrogate;
use crate::rollout::Rollout;
use crate::run::state::State;
use crate::schedule::Schedule;
use gradwerk_env::End;
use gradwerk_math::Pool;
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to a batch of which too little is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LowEss {
    /// The run stops with an error.
    Refuse,
    /// The batch is forgotten with a warning, and the run goes on. A recording is the only batch:
    /// the run stops.
    Drop,
    /// The batch is used all the same, with a warning.
    Warn,
}

/// Settings of the off-policy policy gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OffPolicySettings {
    /// A recording to learn from instead of collecting (`gradwerk record --stochastic` makes
    /// one).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Batches that are kept, the newest included. Ignored with `data`.
    pub batches: usize,
    /// Gradient steps per update, each over all rows that are kept.
    pub gradient_steps: u32,
    /// Which ratios weigh a step.
    pub form: Form,
    /// What is done to the weights.
    pub weights: Weighting,
    /// Largest weight where `weights = "clipped"`.
    pub clip: f64,
    /// Smallest effective sample size of a stored batch, as a share of its samples.
    pub min_ess: f64,
    /// What happens to a stored batch below `min_ess`.
    pub low_ess: LowEss,
    /// Weight of the entropy bonus; a number or a schedule.
    pub entropy_coef: Schedule,
    /// Weight of the value loss where a value function is learned.
    pub value_coef: f64,
}

impl Default for OffPolicySettings {
    fn default() -> Self {
        Self {
            data: None,
            batches: 4,
            gradient_steps: 1,
            form: Form::FirstOrder,
            weights: Weighting::Clipped,
            clip: 2.0,
            min_ess: 0.1,
            low_ess: LowEss::Drop,
            entropy_coef: Schedule::constant(0.0),
            value_coef: 0.5,
        }
    }
}

impl OffPolicySettings {
    fn importance(&self) -> ImportanceConfig {
        ImportanceConfig { form: self.form, weighting: self.weights, clip: self.clip }
    }

    fn check_numbers(&self) -> Result<(), Invalid> {
        check_coefficients(self.entropy_coef, self.value_coef)?;
        let batches = self.batches;
        require((1..=1024).contains(&batches), "algo.batches", batches, "must be from 1 to 1024")?;
        require(self.gradient_steps > 0, "algo.gradient_steps", 0, "must be at least 1")?;
        let clip_fine = self.clip > 0.0 && self.clip.is_finite();
        require(clip_fine, "algo.clip", self.clip, "must be above 0 and finite")?;
        let share = (0.0..=1.0).contains(&self.min_ess);
        require(share, "algo.min_ess", self.min_ess, "must be a share in [0, 1]")
    }
}

impl AlgoSettings for OffPolicySettings {
    fn check(&self, config: &Config) -> Result<(), Invalid> {
        self.check_numbers()?;
        let needs_score = |b: Baseline| b.entry().needs_score;
        let reason = "importance weights change which baseline is optimal";
        refuse_baselines(config, needs_score, reason)?;
        if let Some(reason) = self.importance().obstacle(&config.estimator) {
            return Err(Invalid::new("algo.form", name_of(self.form), reason));
        }
        let products = self.form != Form::FirstOrder;
        require(
            !products || config.whole_episodes(),
            "algo.form",
            name_of(self.form),
            "products of ratios need whole episodes: set rollout.episodes, or \"first-order\"",
        )?;
        for (key, on) in [
            ("normalize.observations", config.normalize.observations),
            ("normalize.value_targets", config.normalize.value_targets),
        ] {
            let rule = "must be false: stored batches keep the moments of their own time, so that \
                        their ratios would belong to another policy";
            require(!on, key, on, rule)?;
        }
        if self.data.is_some() {
            return check_data(config);
        }
        let rows = config.batch().unwrap_or(config.rollout.episodes);
        let fits = rows.checked_mul(self.batches).is_some_and(|rows| rows < 1 << 31);
        require(fits, "algo.batches", self.batches, "times the batch must be below 2^31 rows")
    }

    fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }

    fn weighs_actions(&self) -> bool {
        true
    }

    fn set_data(&mut self, path: String) {
        self.data = Some(path);
    }
}

fn name_of(form: Form) -> &'static str {
    match form {
        Form::Trajectory => "trajectory",
        Form::PerDecision => "per-decision",
        Form::FirstOrder => "first-order",
    }
}

/// The algorithm.
#[derive(Debug)]
pub struct OffPolicyPg<E> {
    settings: OffPolicySettings,
    estimator: EstimatorConfig,
    gamma: f64,
    /// The batches side by side, `[T, K * N]`: batch k has the environments `k N..(k + 1) N`.
    store: Rollout<E>,
    /// Environments of one batch, N.
    n: usize,
    /// Batches that can be stored, K.
    slots: usize,
    /// Batches stored since the run began; the next one replaces number `count % K`.
    count: u64,
    /// Batches forgotten since the run began because too little of them was left.
    dropped: u64,
    discount: Vec<E>,
    carry: Vec<E>,
    log_ratio: Vec<E>,
    advantage: Vec<E>,
    target: Vec<E>,
    rows: Vec<u32>,
    log_prob: Vec<E>,
    scratch: ImportanceScratch,
    /// Batches of which too little is left.
    poor: Vec<(usize, Ess)>,
}

impl<E: Engine> OffPolicyPg<E> {
    /// With the given settings; [`Algorithm::configure`] gives it the rest.
    #[must_use]
    pub fn new(settings: OffPolicySettings) -> Self {
        Self {
            slots: if settings.data.is_some() { 1 } else { settings.batches },
            settings,
            estimator: EstimatorConfig::default(),
            gamma: 1.0,
            store: Rollout::default(),
            n: 0,
            count: 0,
            dropped: 0,
            discount: Vec::new(),
            carry: Vec::new(),
            log_ratio: Vec::new(),
            advantage: Vec::new(),
            target: Vec::new(),
            rows: Vec::new(),
            log_prob: Vec::new(),
            scratch: ImportanceScratch::default(),
            poor: Vec::new(),
        }
    }

    /// Put a batch where the oldest was.
    fn keep(&mut self, rollout: &Rollout<E>) {
        let slot = (self.count % self.slots as u64) as usize;
        self.store.copy_columns(slot * self.n, rollout);
        self.clear_invalid(slot);
        self.count += 1;
        let gamma = E::from_f64(self.gamma);
        self.store.end_factors(gamma, &mut self.discount, &mut self.carry);
        self.list_rows();
    }

    /// What lies in rows that are not transitions depends on how the environments were divided
    /// among threads; the state must not.
    fn clear_invalid(&mut self, slot: usize) {
        let r = &mut self.store;
        let (wd, wc) = (r.discrete_width, r.continuous_width);
        let wm = r.mask_width;
        for row in (0..r.t).flat_map(|t| (0..self.n).map(move |i| (t, i))) {
            let row = row.0 * r.n + slot * self.n + row.1;
            if r.valid[row] {
                continue;
            }
            let (numbers, pixels) = r.frames_mut(row..row + 1);
            numbers.fill(E::ZERO);
            pixels.fill(0);
            r.discrete[row * wd..(row + 1) * wd].fill(0);
            r.continuous[row * wc..(row + 1) * wc].fill(E::ZERO);
            r.mask[row * wm..(row + 1) * wm].fill(true);
            r.memory[row * r.memory_width..(row + 1) * r.memory_width].fill(E::ZERO);
            for column in [&mut r.log_prob, &mut r.reward, &mut r.value, &mut r.next_value] {
                column[row] = E::ZERO;
            }
            (r.end[row], r.time[row]) = (End::Continue, 0);
        }
    }

    fn list_rows(&mut self) {
        self.store.list_valid(&mut self.rows);
    }

    /// `log pi - log mu` of all rows, with the present parameters.
    fn compare(&mut self, learner: &mut Learner<E>) {
        self.log_prob.resize(self.rows.len(), E::ZERO);
        learner.log_probs(&self.store, &self.rows, &mut self.log_prob);
        for (&row, &log_prob) in self.rows.iter().zip(&self.log_prob) {
            let row = row as usize;
            self.log_ratio[row] = log_prob - self.store.log_prob[row];
        }
    }

    /// Find the batches of which too little is left. The newest counts only where it is a
    /// recording: what was just collected is on-policy.
    fn find_poor(&mut self) {
        let (form, k) = (self.settings.form, self.slots as u64);
        let newest = self.newest();
        let steps = steps(&self.store, &self.discount, &self.carry, self.gamma);
        log_weights(&steps, &self.log_ratio, form, &mut self.scratch.log_weight);
        self.poor.clear();
        let recorded = self.settings.data.is_some();
        let all = 0..self.count.min(k) as usize;
        for slot in all.filter(|&slot| recorded || slot != newest) {
            let envs = slot * self.n..(slot + 1) * self.n;
            let ess = effective_sample_size(&steps, form, &self.scratch.log_weight, envs);
            if ess.samples > 0 && ess.share() < self.settings.min_ess {
                self.poor.push((slot, ess));
            }
        }
    }

    /// The place of the newest batch.
    fn newest(&self) -> usize {
        ((self.count - 1) % self.slots as u64) as usize
    }

    /// Refuse, forget or report batches of which too little is left.
    fn sift(&mut self, stats: &mut UpdateStats) -> Result<(), Error> {
        self.find_poor();
        let Some(&(slot, ess)) = self.poor.first() else { return Ok(()) };
        match (self.settings.low_ess, &self.settings.data) {
            (LowEss::Warn, _) => stats.low_ess = Some(ess),
            (LowEss::Drop, None) => self.forget(),
            (_, data) => {
                let age = (self.newest() + self.slots - slot) % self.slots;
                let batch = match data {
                    Some(file) => format!("recording {file}"),
                    None => format!("batch stored {age} updates ago"),
                };
                let (samples, min_ess) = (ess.samples, self.settings.min_ess);
                return Err(Error::LowEss { batch, ess: ess.ess, samples, min_ess });
            }
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.dropped += self.poor.len() as u64;
        for (slot, _) in &self.poor {
            for t in 0..self.store.t {
                let first = t * self.store.n + slot * self.n;
                self.store.valid[first..first + self.n].fill(false);
            }
        }
        self.list_rows();
    }

    /// Episodes that end in the rows that are kept.
    fn stored_episodes(&self) -> usize {
        self.rows.iter().filter(|&&row| self.store.end[row as usize].is_end()).count()
    }

    fn objective(&self, progress: f64, divisor: Option<E>) -> Objective<E> {
        Objective {
            surrogate: Surrogate::LogProb,
            entropy_coef: E::from_f64(self.settings.entropy_coef.at(progress)),
            value_coef: E::from_f64(self.settings.value_coef),
            value_clip: None,
            divisor,
        }
    }

    /// The gradient over all rows that are kept; returns what is left of the data as well.
    fn gradient(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
        stats: &mut UpdateStats,
    ) -> Result<(), Error> {
        let steps = steps(&self.store, &self.discount, &self.carry, self.gamma);
        let ess = estimate_off_policy(
            &self.estimator,
            &self.settings.importance(),
            &steps,
            &self.log_ratio,
            &mut self.advantage,
            &mut self.target,
            &mut self.scratch,
        )?;
        let all = Batch {
            rollout: &self.store,
            advantage: &self.advantage,
            target: &self.target,
            rows: &self.rows,
            episodes: if batch.episodes > 0 { self.stored_episodes() } else { 0 },
            normalize_advantage: batch.normalize_advantage,
            per_parameter: None,
        };
        let objective = self.objective(tick.progress, all.trajectories());
        stats.sums = learner.gradient(pool, &all, &self.rows, &objective)?;
        stats.ess = Some(ess.share());
        Ok(())
    }
}

/// The columns that estimators read.
fn steps<'a, E: Engine>(
    store: &'a Rollout<E>,
    discount: &'a [E],
    carry: &'a [E],
    gamma: f64,
) -> Steps<'a, E> {
    Steps {
        t: store.t,
        n: store.n,
        reward: &store.reward,
        discount,
        carry,
        value: &store.value,
        next_value: &store.next_value,
        score_square: &[],
        valid: &store.valid,
        time: &store.time,
        gamma: E::from_f64(gamma),
    }
}

impl<E: Engine> Algorithm<E> for OffPolicyPg<E> {
    fn configure(&mut self, config: &Config) {
        self.estimator = config.estimator.clone();
        self.gamma = config.gamma;
    }

    fn reserve(&mut self, learner: &mut Learner<E>, t: usize, n: usize) {
        self.n = n;
        let n = n * self.slots;
        let rows = t * n;
        self.store = learner.model.rollout(t, n);
        for column in [&mut self.discount, &mut self.carry, &mut self.log_prob, &mut self.log_ratio]
        {
            column.reserve(rows);
        }
        for column in [&mut self.log_ratio, &mut self.advantage, &mut self.target] {
            column.resize(rows, E::ZERO);
        }
        self.rows.reserve(rows);
        self.poor.reserve(self.slots);
        self.scratch = ImportanceScratch::new(t, n);
        learner.reserve(rows);
    }

    fn update(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
    ) -> Result<UpdateStats, Error> {
        self.keep(batch.rollout);
        let mut stats = UpdateStats { lr: tick.lr, ..UpdateStats::default() };
        for step in 0..self.settings.gradient_steps {
            self.compare(learner);
            if step == 0 {
                self.sift(&mut stats)?;
            }
            self.gradient(learner, pool, batch, tick, &mut stats)?;
            stats.grad_norm += learner.step(tick.lr, tick.max_grad_norm)?;
            stats.epochs += 1;
        }
        stats.grad_norm /= f64::from(self.settings.gradient_steps);
        stats.batches_dropped = self.settings.data.is_none().then_some(self.dropped);
        Ok(stats)
    }

    fn state(&self) -> Vec<f64> {
        vec![self.count as f64, self.dropped as f64]
    }

    fn load_state(&mut self, state: &[f64]) {
        if let [count, dropped] = state {
            (self.count, self.dropped) = (*count as u64, *dropped as u64);
        }
    }

    fn save_columns(&self, state: &mut State) -> Result<(), Error> {
        if self.settings.data.is_some() {
            return Ok(());
        }
        let r = &self.store;
        let single = |x: &[E]| x.iter().map(|x| x.to_f32()).collect::<Vec<f32>>();
        for (name, column) in [
            ("obs", &r.obs),
            ("continuous", &r.continuous),
            ("log_prob", &r.log_prob),
            ("reward", &r.reward),
            ("value", &r.value),
            ("next_value", &r.next_value),
            ("memory", &r.memory),
        ] {
            state.put_vector(&format!("stored.{name}"), single(column))?;
        }
        state.put_vector("stored.pixels", r.pixels.clone())?;
        state.put_vector("stored.discrete", r.discrete.clone())?;
        if r.mask_width > 0 {
            state.put_vector(
                "stored.mask",
                r.mask.iter().map(|&m| u8::from(m)).collect::<Vec<u8>>(),
            )?;
        }
        state.put_vector("stored.time", r.time.clone())?;
        let flags = r.end.iter().zip(&r.valid).map(|(&end, &valid)| flag(end, valid));
        state.put_vector("stored.flags", flags.collect::<Vec<u8>>())?;
        Ok(())
    }

    fn load_columns(&mut self, state: &State) -> Result<(), Error> {
        if self.settings.data.is_some() {
            return Ok(());
        }
        let r = &mut self.store;
        for (name, column) in [
            ("obs", &mut r.obs),
            ("continuous", &mut r.continuous),
            ("log_prob", &mut r.log_prob),
            ("reward", &mut r.reward),
            ("value", &mut r.value),
            ("next_value", &mut r.next_value),
            ("memory", &mut r.memory),
        ] {
            let saved = state.get::<f32>(&format!("stored.{name}"), &[column.len()])?;
            column.iter_mut().zip(saved).for_each(|(x, &saved)| *x = E::from_f32(saved));
        }
        state.copy_into("stored.pixels", &mut r.pixels)?;
        state.copy_into("stored.discrete", &mut r.discrete)?;
        if r.mask_width > 0 {
            let saved = state.get::<u8>("stored.mask", &[r.mask.len()])?;
            r.mask.iter_mut().zip(saved).for_each(|(m, &saved)| *m = saved != 0);
        }
        state.copy_into("stored.time", &mut r.time)?;
        let flags = state.get::<u8>("stored.flags", &[r.end.len()])?;
        for (row, &flag) in flags.iter().enumerate() {
            r.valid[row] = flag & VALID != 0;
            r.end[row] = match flag & !VALID {
                0 => End::Continue,
                1 => End::Terminated,
                2 => End::Truncated,
                other => {
                    let text = format!("`stored.flags` has {other} in row {row}, expected 0 to 2");
                    return Err(Error::Env(gradwerk_env::EnvError(text)));
                }
            };
        }
        Ok(())
    }
}

/// Bit of a stored flag that says that the row is a transition.
const VALID: u8 = 4;

fn flag(end: End, valid: bool) -> u8 {
    let end = match end {
        End::Continue => 0,
        End::Terminated => 1,
        End::Truncated => 2,
    };
    end + if valid { VALID } else { 0 }
}
