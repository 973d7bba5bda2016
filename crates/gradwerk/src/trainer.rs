//! The training loop: sample, estimate, ascend.

use crate::Error;
use crate::algo::{Algorithm, Tick, UpdateStats};
use crate::collect::{Context, Episode, Plan};
use crate::columns::Columns;
use crate::config::{Config, Invalid};
use crate::diagnose::{BaselineProbe, BaselineQuality, Diagnosis};
use crate::estimate::{Normalize, Steps};
use crate::learner::{Batch, Learner};
use crate::model::Model;
use crate::normalize::{Normalizers, ObsMap};
use crate::policy::Policy;
use crate::rollout::Rollout;
use crate::run::state::sha256_of;
use gradwerk_env::EnvFactory;
use gradwerk_math::{Kernel, Pool};
use source::{Setup, Source};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Where a run is computed. It changes the speed, never the result (for the same kernel).
#[derive(Clone, Copy, Debug)]
pub struct Runtime {
    /// Worker threads, the caller included.
    pub threads: usize,
    /// Instructions to use.
    pub kernel: Kernel,
}

impl Default for Runtime {
    /// All cores and the best kernel.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, kernel: Kernel::detect() }
    }
}

/// Finished episodes that a training return is the mean of.
pub const WINDOW: usize = 100;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// Valid transitions over all environments; with a recording, rows read (every pass over it
    /// counts all of them).
    pub steps: u64,
    /// Updates made.
    pub updates: u64,
    /// Episodes finished.
    pub episodes: u64,
}

/// What one update of the trainer reports.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How far the run is after the update.
    pub counters: Counters,
    /// Mean raw return of the last (at most 100) finished episodes, `None` before the first.
    pub mean_return: Option<f64>,
    /// Mean length of the same episodes.
    pub mean_length: Option<f64>,
    /// Whether 100 episodes have finished, so that `mean_return` counts for "solved".
    pub window_full: bool,
    /// What the algorithm reports.
    pub stats: UpdateStats,
    /// Share of the variance of the value targets that the values at collection explained.
    pub explained_variance: Option<f64>,
    /// Quality of the gradient, in the updates in which it is measured.
    pub diagnosis: Option<Diagnosis>,
    /// Where the time went.
    pub phases: Phases,
}

/// Wall-clock time of the three phases of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Rolling the environments out, values included.
    pub sample: Duration,
    /// Returns, advantages, targets.
    pub estimate: Duration,
    /// Gradient steps.
    pub ascend: Duration,
}

/// A training run in memory.
pub struct Trainer {
    config: Config,
    pool: Pool,
    source: Source,
    rollout: Rollout<f32>,
    columns: Columns<f32>,
    learner: Learner<f32>,
    algorithm: Box<dyn Algorithm<f32>>,
    /// Work space of the measurements, if there are any.
    probe: Option<BaselineProbe>,
    obs_map: ObsMap,
    /// Work space: the mean that the map subtracts.
    shift: Vec<f64>,
    normalizers: Normalizers,
    /// Discounted return of each environment so far, for the reward scale.
    discounted: Vec<f64>,
    counters: Counters,
    window: VecDeque<(f64, u32)>,
    episodes: Vec<Episode>,
    limit: u64,
    exact_resume: bool,
    interface: Option<String>,
}

impl Trainer {
    /// A run at its start, on the built-in environment `config.env.id`.
    ///
    /// # Errors
    /// If the configuration is invalid.
    pub fn new(config: &Config, runtime: Runtime) -> Result<Self, Error> {
        let env = config.find_env().map_err(|e| Error::Usage(e.to_string()))?;
        Self::with_env(config, env, runtime)
    }

    /// A run at its start on any environment; `config.env.id` is only its name then.
    ///
    /// # Errors
    /// If the configuration is invalid or does not fit the environment.
    pub fn with_env(
        config: &Config,
        env: &dyn EnvFactory,
        runtime: Runtime,
    ) -> Result<Self, Error> {
        config.validate()?;
        if runtime.threads == 0 {
            return Err(Invalid::new("threads", 0, "must be at least 1").into());
        }
        config.check_options(env)?;
        env.observation_space().validate()?;
        env.action_space().validate()?;
        let env = &config.as_seen(env);
        let mut model = Model::build(config, &env.observation_space(), &env.action_space())?;
        if env.has_masks() {
            model = model.with_masks()?;
        }
        let source = Source::new(&Setup {
            config,
            env,
            model: &model,
            kernel: runtime.kernel,
            threads: runtime.threads,
        })?;
        let (t, n) = source.shape(config.env.num_envs);
        let (d, rollout) = (model.frame.numbers(), model.rollout(t, n));
        let mut normalizers = Normalizers::new(&config.normalize, d);
        if let (Some(moments), Some(known)) =
            (&mut normalizers.observations, source.moments(&model))
        {
            *moments = known;
        }
        let mut learner = Learner::new(model, &config.optimizer, config.seed, runtime.kernel)?;
        let mut algorithm = config.algo.build();
        algorithm.configure(config);
        let rows = t * n;
        algorithm.reserve(&mut learner, t, n);
        let mut columns = Columns::with_rows(rows);
        columns.reserve_scores(&config.estimator, &mut learner, rows);
        if config.diagnose.every > 0 {
            learner.begin_probe();
            learner.end_probe();
        }
        let mut trainer = Self {
            pool: Pool::new(runtime.threads),
            source,
            rollout,
            columns,
            learner,
            algorithm,
            probe: (config.diagnose.every > 0).then(|| BaselineProbe::with_rows(rows)),
            obs_map: ObsMap::new(d, normalizers.observations.as_ref(), config.normalize.clip),
            shift: vec![0.0; d],
            normalizers,
            discounted: vec![0.0; n],
            counters: Counters::default(),
            window: VecDeque::with_capacity(WINDOW + 1),
            episodes: Vec::with_capacity(rows.min(1 << 16)),
            limit: config.steps,
            exact_resume: env.exact_resume(),
            interface: env.interface(),
            config: config.clone(),
        };
        let (model, map) = (&trainer.learner.model, &trainer.obs_map);
        trainer.source.prepare(model, map, &mut trainer.rollout);
        Ok(trainer)
    }

    /// One rollout and one update.
    ///
    /// # Errors
    /// [`Error::NonFinite`] where a number stops being one, located by environment and step or by
    /// layer and update (counted from 1); the trainer must not be used after.
    pub fn update(&mut self) -> Result<Report, Error> {
        let start = Instant::now();
        self.sample()?;
        let sampled = Instant::now();
        self.scale_rewards();
        self.estimate();
        let explained_variance = self.explained_variance();
        let due = self.config.diagnose.is_due(self.counters.updates);
        // What a baseline takes away is a matter of the policy that acts.
        let measured = due && self.source.is_on_policy();
        let baseline = if measured { self.diagnose_baseline() } else { None };
        self.normalize_targets();
        if due {
            self.learner.begin_probe();
        }
        let estimated = Instant::now();
        let stats = self.ascend()?;
        let gradient = if due { self.learner.end_probe() } else { None };
        let baseline = match self.columns.per_parameter() {
            Some(_) if due => self.learner.baseline_quality(),
            _ => baseline,
        };
        self.merge_observations();
        self.counters.updates += 1;
        let diagnosis = due.then_some(Diagnosis { gradient, baseline });
        let phases = Phases {
            sample: sampled - start,
            estimate: estimated - sampled,
            ascend: estimated.elapsed(),
        };
        Ok(self.report(stats, explained_variance, diagnosis, phases))
    }

    /// What the baseline takes away, on a few rows.
    fn diagnose_baseline(&mut self) -> Option<BaselineQuality> {
        let (probe, r, c) = (self.probe.as_mut()?, &self.rollout, &mut self.columns);
        probe.choose(&c.rows);
        let gamma = self.config.gamma as f32;
        let steps = Steps { score_square: &c.score_square, ..c.ends.steps(r, gamma) };
        probe.returns(&self.config.estimator, &steps, &mut c.scratch);
        self.learner.head_score_squares(r, &probe.rows, &mut probe.scores);
        probe.quality()
    }

    /// Step 1, sample: every shard rolls its environments out, and the columns are put together;
    /// or a recording stands there already.
    fn sample(&mut self) -> Result<(), Error> {
        let ctx = Context {
            model: &self.learner.model,
            weights: &self.learner.weights,
            obs_map: &self.obs_map,
            value_map: self.normalizers.value_map(),
            seed: self.config.seed,
            plan: self.source.plan(),
            pool: &self.pool,
        };
        self.source.sample(&ctx, &mut self.rollout)?;
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        self.columns.select(&self.rollout);
        self.counters.steps += self.columns.rows.len() as u64;
        self.episodes.clear();
        self.source.finished(&mut self.episodes);
        self.episodes.sort_unstable_by_key(|e| (e.t, e.env));
        self.counters.episodes += self.episodes.len() as u64;
        for episode in &self.episodes {
            self.window.push_back((episode.total, episode.length));
            if self.window.len() > WINDOW {
                self.window.pop_front();
            }
        }
    }

    /// Rewards divided by the standard deviation of the discounted return, this rollout included.
    fn scale_rewards(&mut self) {
        let Some(moments) = &mut self.normalizers.returns else { return };
        let (r, gamma) = (&mut self.rollout, self.config.gamma);
        let shift = moments.mean[0];
        let (mut count, mut sum, mut square) = (0.0, 0.0, 0.0);
        for &row in &self.columns.rows {
            let row = row as usize;
            let running = &mut self.discounted[row % r.n];
            *running = *running * gamma + f64::from(r.reward[row]);
            let deviation = *running - shift;
            (count, sum, square) = (count + 1.0, sum + deviation, square + deviation * deviation);
            if r.end[row].is_end() {
                *running = 0.0;
            }
        }
        moments.merge_shifted(count, &[shift], &[sum], &[square]);
        let scale = (1.0 / self.normalizers.reward_scale()) as f32;
        r.reward.iter_mut().for_each(|reward| *reward *= scale);
    }

    /// 2. Estimate: how much better than expected each action was, and what V should be.
    fn estimate(&mut self) {
        let (gamma, config) = (self.config.gamma as f32, &self.config.estimator);
        self.columns.score(config, gamma, &self.rollout, &mut self.learner, &self.pool);
        self.columns.estimate(config, gamma, &self.rollout);
    }

    fn explained_variance(&self) -> Option<f64> {
        if !self.config.has_critic() || self.columns.rows.is_empty() {
            return None;
        }
        let at = |column: &[f32], row: u32| f64::from(column[row as usize]);
        let (c, value) = (&self.columns, &self.rollout.value);
        let target = scatter(c.rows.iter().map(|&r| at(&c.target, r)));
        let error = scatter(c.rows.iter().map(|&r| at(&c.target, r) - at(value, r)));
        (target > 0.0).then(|| 1.0 - error / target)
    }

    /// Targets in the units that the value network shall predict, and old values as it predicted
    /// them: with the map of the collection, for value clipping is about how far its output moves.
    fn normalize_targets(&mut self) {
        let (old_mean, old_std) = self.normalizers.value_map();
        let Some(moments) = &mut self.normalizers.targets else { return };
        let c = &mut self.columns;
        moments.merge_scalars(c.rows.iter().map(|&r| f64::from(c.target[r as usize])));
        let (mean, std) = self.normalizers.value_map();
        c.target.iter_mut().for_each(|target| *target = (*target - mean) / std);
        self.rollout.value.iter_mut().for_each(|v| *v = (*v - old_mean) / old_std);
    }

    /// 3. Ascend: the algorithm's gradient steps.
    fn ascend(&mut self) -> Result<UpdateStats, Error> {
        let progress = self.progress();
        let tick = Tick {
            seed: self.config.seed,
            update: self.counters.updates,
            progress,
            lr: self.config.lr.at(progress),
            max_grad_norm: self.config.max_grad_norm,
        };
        let batch = Batch {
            rollout: &self.rollout,
            advantage: &self.columns.advantage,
            target: &self.columns.target,
            rows: &self.columns.rows,
            episodes: self.source.whole_episodes(self.episodes.len()),
            normalize_advantage: self.config.estimator.normalize == Normalize::Minibatch,
            per_parameter: self.columns.per_parameter(),
        };
        let result = self.algorithm.update(&mut self.learner, &self.pool, &batch, &tick);
        result.map_err(|error| error.in_update(tick.update + 1))
    }

    /// Share of the run that was done when this rollout began.
    fn progress(&self) -> f64 {
        let before = self.counters.steps - self.columns.rows.len() as u64;
        before as f64 / self.config.steps as f64
    }

    fn merge_observations(&mut self) {
        let Some(moments) = &mut self.normalizers.observations else { return };
        if !self.source.is_on_policy() {
            return;
        }
        let d = self.rollout.obs_width;
        self.shift.iter_mut().enumerate().for_each(|(j, s)| *s = self.obs_map.shift(j));
        for shard in self.source.shards() {
            for (i, &count) in shard.obs_count.iter().enumerate() {
                let (count, entries) = (count as f64, i * d..(i + 1) * d);
                let (sum, square) = (&shard.obs_sum[entries.clone()], &shard.obs_square[entries]);
                moments.merge_shifted(count, &self.shift, sum, square);
            }
        }
        self.obs_map.refresh(moments);
    }

    fn report(
        &self,
        stats: UpdateStats,
        explained_variance: Option<f64>,
        diagnosis: Option<Diagnosis>,
        phases: Phases,
    ) -> Report {
        let count = self.window.len() as f64;
        let mean = |sum: f64| (count > 0.0).then(|| sum / count);
        Report {
            counters: self.counters,
            mean_return: mean(self.window.iter().map(|e| e.0).sum()),
            mean_length: mean(self.window.iter().map(|e| f64::from(e.1)).sum()),
            window_full: self.window.len() >= WINDOW,
            stats,
            explained_variance,
            diagnosis,
            phases,
        }
    }

    /// How far the run is.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the run has reached its limit.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.counters.steps >= self.limit
    }

    /// Go on until `steps` instead; schedules keep their end and hold their final value after it.
    pub fn set_limit(&mut self, steps: u64) {
        self.limit = steps;
    }

    /// Whether resuming gives the same bits as never having stopped.
    #[must_use]
    pub fn exact_resume(&self) -> bool {
        self.exact_resume
    }

    /// The policy as it is now: all that acting needs.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::new(
            &self.config,
            self.learner.model.clone(),
            self.learner.weights.clone(),
            self.learner.kernel(),
            self.normalizers.clone(),
        )
        .with_interface(self.interface.clone())
    }

    /// Hash of the parameters.
    #[must_use]
    pub fn params_sha256(&self) -> String {
        sha256_of(&self.learner.weights.theta)
    }

    /// Hash of the parameters and of everything else that decides how the run goes on.
    ///
    /// # Errors
    /// As [`Trainer::state`].
    pub fn state_sha256(&self) -> Result<String, Error> {
        Ok(self.state()?.sha256())
    }
}

/// Sum of the squared deviations from the mean, in two passes.
fn scatter(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let (count, sum) = x.clone().fold((0.0, 0.0), |(count, sum), x| (count + 1.0, sum + x));
    let mean = sum / count;
    x.fold(0.0, |sum, x| sum + (x - mean) * (x - mean))
}

fn plan(config: &Config, time_limit: Option<u32>) -> Result<Plan, Error> {
    if !config.whole_episodes() {
        return Ok(Plan::Steps(config.rollout.steps));
    }
    let Some(limit) = time_limit else {
        let reason = "whole episodes need a time limit, and this environment has none: set \
                      env.time_limit (or rollout.episodes = 0)";
        return Err(Invalid::new("rollout.episodes", config.rollout.episodes, reason).into());
    };
    Ok(Plan::Episodes {
        quota: config.rollout.episodes / config.env.num_envs,
        longest: limit.div_ceil(config.env.frame_skip) as usize,
    })
}

mod save;
mod size;
mod source;
mod warm;
