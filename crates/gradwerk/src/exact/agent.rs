//! The model and learner of training on a finite problem.

use super::{Choices, ExactError, Trajectory};
use crate::columns::Columns;
use crate::config::Config;
use crate::dist::{ActionRow, Distribution};
use crate::estimate::EstimatorConfig;
use crate::learner::{Batch, Learner, Objective};
use crate::loss::Surrogate;
use crate::model::{Inference, Model};
use crate::normalize::ObsMap;
use crate::rollout::Rollout;
use gradwerk_env::Space;
use gradwerk_math::{Kernel, Pool};
use gradwerk_nn::Engine;

/// How the index of an observation is shown to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The index as one number, as if it were a coordinate.
    Index,
    /// As an index, of which training makes a row with a 1 at the index and 0 elsewhere: a linear
    /// policy is then a table.
    OneHot,
    /// As an image `[channels, side, side]`, a pattern of bytes of its own.
    Image {
        /// Channels.
        channels: usize,
        /// Height and width.
        side: usize,
    },
}

/// Pixel `place` of the pattern that stands for an observation; the first one says which it is.
fn pixel(obs: usize, place: usize) -> u8 {
    (obs + place * (41 + 23 * obs)) as u8
}

impl Encoding {
    /// The space that a model of `observations` different ones reads.
    ///
    /// # Panics
    /// If they are images and more than 256.
    #[must_use]
    pub fn space(self, observations: usize) -> Space {
        match self {
            Self::Index => Space::uniform_box(1, 0.0, observations.saturating_sub(1).max(1) as f32),
            Self::OneHot => Space::Discrete { n: observations },
            Self::Image { channels, side } => {
                assert!(observations <= 256, "an image tells up to 256 observations apart");
                Space::Image { channels, height: side, width: side }
            }
        }
    }

    /// Show an observation: its row of the space.
    pub fn show(self, obs: usize, row: &mut [f32]) {
        match self {
            Self::Index | Self::OneHot => row[0] = obs as f32,
            Self::Image { .. } => {
                let pixels = row.iter_mut().enumerate();
                pixels.for_each(|(place, x)| *x = f32::from(pixel(obs, place)));
            }
        }
    }

    /// The index that an encoded observation stands for; `u32::MAX` if it is none.
    #[must_use]
    pub fn read(self, input: &[f32]) -> u32 {
        match self {
            Self::Index => input[0] as u32,
            Self::Image { .. } => (255.0 * input[0]).round() as u32,
            Self::OneHot => {
                input.iter().position(|x| *x == 1.0).map_or(u32::MAX, |index| index as u32)
            }
        }
    }
}

/// A learner, and what its model says of every observation.
#[derive(Debug)]
pub struct Agent<E: Engine> {
    /// Model, parameters and gradients, as training uses them.
    pub learner: Learner<E>,
    pool: Pool,
    observations: usize,
    choices: Choices,
    features: Vec<E>,
    /// Every observation as a rollout keeps it, where that is in bytes, `[O, pixels]`.
    pixels: Vec<u8>,
    value: Vec<E>,
    log_prob: Vec<E>,
}

impl<E: Engine> Agent<E> {
    /// The agent of `config` on `observations` observations and the actions of `choices`, with the
    /// first parameters of `config.seed`.
    ///
    /// # Errors
    /// If network, distribution and spaces do not go together.
    pub fn new(
        config: &Config,
        encoding: Encoding,
        observations: usize,
        choices: Choices,
        kernel: Kernel,
    ) -> Result<Self, ExactError> {
        let mut agent =
            Self::on_spaces(config, &encoding.space(observations), choices.space(), kernel)?;
        if choices.has_masks() {
            let failed = |error: crate::Error| ExactError::Model(error.to_string());
            agent.learner.model = agent.learner.model.with_masks().map_err(failed)?;
        }
        let model = &agent.learner.model;
        let raw_width = model.encoder.raw_width();
        let mut raw = vec![0.0; observations * raw_width];
        let rows = raw.chunks_exact_mut(raw_width).enumerate();
        rows.for_each(|(obs, row)| encoding.show(obs, row));
        let mut inputs = vec![0.0; observations * model.obs_width()];
        let map = ObsMap::new(model.frame.numbers(), None, config.normalize.clip);
        model.encoder.encode(&map, &raw, &mut inputs);
        let bytes = model.frame.pixels() * observations;
        agent.pixels = raw.iter().take(bytes).map(|x| *x as u8).collect();
        agent.features = inputs.into_iter().map(E::from_f32).collect();
        agent.value = vec![E::ZERO; observations];
        agent.log_prob = vec![E::ZERO; observations * choices.count()];
        (agent.observations, agent.choices) = (observations, choices);
        agent.refresh();
        Ok(agent)
    }

    /// An agent on any spaces, for rollouts from elsewhere: without tables of observations and
    /// actions, so that [`Agent::rollout`] cannot be asked.
    ///
    /// # Errors
    /// If network, distribution and spaces do not go together.
    pub fn on_spaces(
        config: &Config,
        observation: &Space,
        action: &Space,
        kernel: Kernel,
    ) -> Result<Self, ExactError> {
        let failed = |error: crate::Error| ExactError::Model(error.to_string());
        let model = Model::<E>::build(config, observation, action).map_err(failed)?;
        let learner = Learner::new(model, &config.optimizer, config.seed, kernel);
        Ok(Self {
            learner: learner.map_err(failed)?,
            pool: Pool::new(1),
            observations: 0,
            choices: Choices::single(0),
            features: Vec::new(),
            pixels: Vec::new(),
            value: Vec::new(),
            log_prob: Vec::new(),
        })
    }

    /// Number of observations O.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.observations
    }

    /// The actions.
    #[must_use]
    pub fn choices(&self) -> &Choices {
        &self.choices
    }

    /// The input of the network for an observation, `[d]`.
    #[must_use]
    pub fn features(&self, obs: usize) -> &[E] {
        let d = self.learner.model.obs_width();
        &self.features[obs * d..(obs + 1) * d]
    }

    /// `V(o)` for every observation; 0 without a value function.
    #[must_use]
    pub fn values(&self) -> &[E] {
        &self.value
    }

    /// Take other parameters, `[P]`.
    ///
    /// # Panics
    /// If there are more or fewer than the model has.
    pub fn set_theta(&mut self, theta: &[f64]) {
        let learner = &mut self.learner;
        assert_eq!(theta.len(), learner.weights.theta.len(), "theta: one number per parameter");
        for (own, &x) in learner.weights.theta.iter_mut().zip(theta) {
            *own = E::from_f64(x);
        }
        learner.weights.pack(&learner.model, learner.kernel());
        self.refresh();
    }

    /// Parameters in double precision, `[P]`.
    #[must_use]
    pub fn theta(&self) -> Vec<f64> {
        self.learner.weights.theta.iter().map(|x| x.to_f64()).collect()
    }

    /// What the model says of every observation, for the columns of rollouts.
    fn refresh(&mut self) {
        let (model, weights) = (&self.learner.model, &self.learner.weights);
        let mut inference = Inference::new(model, self.learner.kernel());
        if model.has_critic() {
            inference.value(model, weights, &self.features, &mut [], &mut self.value);
        }
        let width = model.head_width();
        let mut y = vec![E::ZERO; self.observations * width];
        inference.policy(model, weights, &self.features, &mut [], &mut y);
        for (obs, y) in y.chunks_exact_mut(width).enumerate() {
            self.choices.apply_mask(&model.dist, obs, y);
        }
        let actions = self.choices.count();
        for (row, out) in self.log_prob.iter_mut().enumerate() {
            let (obs, action) = (row / actions, row % actions);
            let a = ActionRow { discrete: self.choices.parts(action), continuous: &[] };
            *out = model.dist.log_prob(&y[obs * width..(obs + 1) * width], a);
        }
    }

    /// The rollout in which the collector would have recorded these trajectories, two after one
    /// another in every environment (so that a leak from one into the other would show).
    #[must_use]
    pub fn rollout(&self, batch: &[&Trajectory]) -> Rollout<E> {
        let n = batch.len().div_ceil(2);
        let length = |pair: &[&Trajectory]| pair.iter().map(|t| t.visits.len()).sum::<usize>();
        let longest = batch.chunks(2).map(length).max().unwrap_or(0);
        let (width, model) = (self.choices.width(), &self.learner.model);
        let mut rollout = Rollout::new(longest, n, 0, width, 0)
            .with_frame(model.frame.clone())
            .with_masks(model.mask_width);
        for (i, pair) in batch.chunks(2).enumerate() {
            let mut t = 0;
            for trajectory in pair {
                for time in 0..trajectory.visits.len() {
                    self.record(&mut rollout, (t * n) + i, trajectory, time);
                    t += 1;
                }
            }
        }
        rollout
    }

    fn record(&self, rollout: &mut Rollout<E>, row: usize, trajectory: &Trajectory, time: usize) {
        let visit = trajectory.visits[time];
        let (obs, action) = (visit.obs as usize, visit.action as usize);
        let next = trajectory.visits.get(time + 1).map_or(trajectory.last, |v| v.obs as usize);
        let (numbers, pixels) = rollout.frames_mut(row..row + 1);
        match pixels.len() {
            0 => numbers.copy_from_slice(self.features(obs)),
            width => pixels.copy_from_slice(&self.pixels[obs * width..(obs + 1) * width]),
        }
        let (parts, mask_width) = (self.choices.parts(action), rollout.mask_width);
        rollout.discrete[row * parts.len()..(row + 1) * parts.len()].copy_from_slice(parts);
        self.choices.mask(obs, &mut rollout.mask[row * mask_width..(row + 1) * mask_width]);
        rollout.log_prob[row] = self.log_prob[obs * self.choices.count() + action];
        rollout.reward[row] = E::from_f64(visit.reward);
        rollout.end[row] = visit.end;
        rollout.valid[row] = true;
        rollout.time[row] = time as u32;
        rollout.value[row] = self.value[obs];
        rollout.next_value[row] = self.value[next];
    }

    /// What the baseline of `config` weighs by, into the columns of a rollout.
    pub fn score(
        &mut self,
        config: &EstimatorConfig,
        gamma: f64,
        rollout: &Rollout<E>,
        columns: &mut Columns<E>,
    ) {
        columns.score(config, E::from_f64(gamma), rollout, &mut self.learner, &self.pool);
    }

    /// The estimate of `grad J` from a rollout of `episodes` whole trajectories, `[P]`:
    /// `1/N sum_i sum_t A_t grad log pi(a_t|s_t)`, by the learner's gradient (of a loss: its minus
    /// sign is undone). With `episodes` 0, the mean over the rows instead.
    ///
    /// # Errors
    /// If the loss is not finite.
    pub fn gradient(
        &mut self,
        rollout: &Rollout<E>,
        columns: &Columns<E>,
        normalize_advantage: bool,
        episodes: usize,
    ) -> Result<Vec<f64>, crate::Error> {
        let batch = Batch {
            rollout,
            advantage: &columns.advantage,
            target: &columns.target,
            rows: &columns.rows,
            episodes,
            normalize_advantage,
            per_parameter: columns.per_parameter(),
        };
        let objective = Objective {
            surrogate: Surrogate::LogProb,
            entropy_coef: E::ZERO,
            value_coef: E::ZERO,
            value_clip: None,
            divisor: batch.trajectories(),
        };
        self.learner.gradient(&self.pool, &batch, &columns.rows, &objective)?;
        Ok(self.learner.last_gradient().iter().map(|g| -g.to_f64()).collect())
    }
}
