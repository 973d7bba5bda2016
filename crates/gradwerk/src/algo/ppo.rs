//! Proximal policy optimisation with the clipped surrogate (Schulman et al. 2017, eq. 7): several
//! epochs of minibatch steps on
//! `-min(rho A, clip(rho, 1 - eps, 1 + eps) A) + c_v (V - target)^2 / 2 - c_H H(pi)`.

use super::reinforce::check_coefficients;
use super::{AlgoSettings, Algorithm, Tick, UpdateStats, refuse_per_parameter};
use crate::Error;
use crate::config::{Config, Invalid, require};
use crate::learner::{Batch, Learner, LossSums, Objective, Shuffled};
use crate::loss::Surrogate;
use crate::schedule::Schedule;
use gradwerk_math::{Pool, Purpose, Stream};
use gradwerk_nn::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of PPO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PpoSettings {
    /// Clip range eps of the probability ratio; a number or a schedule.
    pub clip: Schedule,
    /// Clip range of the value around the value at collection; 0 turns it off.
    pub value_clip: f64,
    /// Passes over each batch.
    pub epochs: u32,
    /// Rows per gradient step; at most the batch.
    pub minibatch: usize,
    /// Weight of the entropy bonus c_H; a number or a schedule.
    pub entropy_coef: Schedule,
    /// Weight of the value loss c_v.
    pub value_coef: f64,
    /// Stop the epochs of an update once the approximate KL divergence between the policy that
    /// acted and the new one exceeds this; 0 turns it off.
    pub max_kl: f64,
    /// Adapt the learning rate so that the approximate KL divergence of an update stays near
    /// this: divided by 1.5 above twice, multiplied by 1.5 below half of it; 0 turns it off.
    pub adaptive_kl: f64,
}

impl Default for PpoSettings {
    fn default() -> Self {
        Self {
            clip: Schedule::constant(0.2),
            value_clip: 0.0,
            epochs: 4,
            minibatch: 256,
            entropy_coef: Schedule::constant(0.0),
            value_coef: 0.5,
            max_kl: 0.0,
            adaptive_kl: 0.0,
        }
    }
}

impl AlgoSettings for PpoSettings {
    fn check(&self, config: &Config) -> Result<(), Invalid> {
        check_coefficients(self.entropy_coef, self.value_coef)?;
        refuse_per_parameter(config)?;
        let clip_fine = self.clip.both(|x| (0.0..1.0).contains(&x)) && self.clip.start > 0.0;
        require(clip_fine, "algo.clip", self.clip, "must start in (0, 1) and stay in [0, 1)")?;
        require(self.epochs > 0, "algo.epochs", self.epochs, "must be at least 1")?;
        for (key, value) in [
            ("algo.value_clip", self.value_clip),
            ("algo.max_kl", self.max_kl),
            ("algo.adaptive_kl", self.adaptive_kl),
        ] {
            require(value >= 0.0 && value.is_finite(), key, value, "must be >= 0 (0: off)")?;
        }
        let batch = config.batch().unwrap_or(usize::MAX);
        let rule = match config.batch() {
            Some(batch) => format!(
                "must be from 1 to the batch of env.num_envs x rollout.steps = {} x {} = {batch}",
                config.env.num_envs, config.rollout.steps
            ),
            None => "must be at least 1".into(),
        };
        require((1..=batch).contains(&self.minibatch), "algo.minibatch", self.minibatch, &rule)?;
        self.check_kl(config)
    }
}

impl PpoSettings {
    /// The divergence is measured before each gradient step: it is 0 before the first.
    fn check_kl(&self, config: &Config) -> Result<(), Invalid> {
        let one_step = self.epochs == 1 && config.batch().is_none_or(|b| self.minibatch >= b);
        let rule = "needs at least two gradient steps per update: raise algo.epochs or lower \
                    algo.minibatch (0: off)";
        require(!one_step || self.max_kl == 0.0, "algo.max_kl", self.max_kl, rule)?;
        require(!one_step || self.adaptive_kl == 0.0, "algo.adaptive_kl", self.adaptive_kl, rule)
    }
}

/// The algorithm.
#[derive(Debug)]
pub struct Ppo {
    settings: PpoSettings,
    /// Rows of the batch in the order of the epoch.
    order: Shuffled,
    /// What `adaptive_kl` has made of the learning rate.
    lr_factor: f64,
}

impl Ppo {
    /// With the given settings.
    #[must_use]
    pub fn new(settings: PpoSettings) -> Self {
        Self { settings, order: Shuffled::default(), lr_factor: 1.0 }
    }

    fn objective<E: Engine>(&self, progress: f64) -> Objective<E> {
        let clip = self.settings.clip.at(progress);
        let value_clip = self.settings.value_clip;
        Objective {
            surrogate: Surrogate::Clip { low: E::from_f64(clip), high: E::from_f64(clip) },
            entropy_coef: E::from_f64(self.settings.entropy_coef.at(progress)),
            value_coef: E::from_f64(self.settings.value_coef),
            value_clip: (value_clip > 0.0).then(|| E::from_f64(value_clip)),
            divisor: None,
        }
    }

    fn adapt(&mut self, kl: f64) {
        let target = self.settings.adaptive_kl;
        if target > 0.0 && kl > 2.0 * target {
            self.lr_factor = (self.lr_factor / 1.5).max(1e-2);
        } else if target > 0.0 && kl < 0.5 * target {
            self.lr_factor = (self.lr_factor * 1.5).min(1e2);
        }
    }
}

impl<E: Engine> Algorithm<E> for Ppo {
    fn reserve(&mut self, learner: &mut Learner<E>, t: usize, n: usize) {
        let rows = t * n;
        self.order.reserve(rows);
        learner.reserve(rows.min(self.settings.minibatch));
    }

    fn update(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        tick: &Tick,
    ) -> Result<UpdateStats, Error> {
        let objective = self.objective(tick.progress);
        let lr = tick.lr * self.lr_factor;
        let mut stats = UpdateStats { lr, ..UpdateStats::default() };
        let (mut norm_sum, mut gradient_steps) = (0.0, 0.0);
        learner.begin_passes(batch.rollout.n, batch.rows, &mut self.order);
        for epoch in 0..self.settings.epochs {
            if epoch > 0 {
                learner.rebuild(batch.rollout);
            }
            let mut rng = Stream::new(tick.seed, Purpose::Shuffle, u64::from(epoch), tick.update);
            self.order.draw(batch.rows, &mut rng);
            stats.sums = LossSums::default();
            for minibatch in self.order.minibatches(self.settings.minibatch) {
                stats.sums.merge(&learner.gradient(pool, batch, minibatch, &objective)?);
                norm_sum += learner.step(lr, tick.max_grad_norm)?;
                gradient_steps += 1.0;
            }
            stats.epochs = epoch + 1;
            if self.settings.max_kl > 0.0 && stats.sums.approx_kl() > self.settings.max_kl {
                break;
            }
        }
        learner.end_passes();
        stats.grad_norm = norm_sum / gradient_steps;
        self.adapt(stats.sums.approx_kl());
        Ok(stats)
    }

    fn state(&self) -> Vec<f64> {
        vec![self.lr_factor]
    }

    fn load_state(&mut self, state: &[f64]) {
        if let [lr_factor] = state {
            self.lr_factor = *lr_factor;
        }
    }
}
