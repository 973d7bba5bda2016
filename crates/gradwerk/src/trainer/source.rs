//! Where the rollout of an update comes from: the collector, or a recording.

use super::{Trainer, size};
use crate::Error;
use crate::collect::{Context, Episode, Plan, Shard};
use crate::config::{Config, Invalid};
use crate::model::Model;
use crate::normalize::{Moments, ObsMap};
use crate::recording::{Recording, Replay};
use crate::rollout::Rollout;
use crate::run::state::State;
use crate::trainer::save::{load_envs, save_envs};
use gradwerk_env::{EnvFactory, EpisodeKeys};
use gradwerk_math::Kernel;
use std::path::Path;

/// Either way, what is learned from is a [`Rollout`].
pub(super) enum Source {
    /// Environments that the present policy plays, in shards.
    Environments {
        /// Contiguous ranges of them.
        shards: Vec<Shard>,
        /// How much a rollout takes from each.
        plan: Plan,
    },
    /// A recording, the same in every update.
    Recording(Box<Replay>),
}

/// What a source needs besides the configuration.
pub(super) struct Setup<'a> {
    pub config: &'a Config,
    pub env: &'a dyn EnvFactory,
    pub model: &'a Model<f32>,
    pub kernel: Kernel,
    pub threads: usize,
}

impl Source {
    /// The one that the configuration asks for.
    ///
    /// # Errors
    /// If the rollout is too large, or the recording cannot be read or used here.
    pub fn new(setup: &Setup<'_>) -> Result<Self, Error> {
        match setup.config.data() {
            None => Self::environments(setup),
            Some("") => Err(Invalid::new(
                "algo.data",
                "\"\"",
                "a recording must be named: `gradwerk record` makes one",
            )
            .into()),
            Some(path) => Self::recording(setup, Recording::load(Path::new(path))?),
        }
    }

    fn environments(setup: &Setup<'_>) -> Result<Self, Error> {
        let Setup { config, env, model, kernel, threads } = *setup;
        let settings = config.env_settings(env.default_time_limit());
        let plan = super::plan(config, settings.time_limit)?.with_resets(env.has_reset_rows());
        size::check(config, model, plan)?;
        let ranges = env.batching().shards(config.env.num_envs, threads);
        let lanes = if ranges.len() == 1 { threads } else { 1 };
        let shards = ranges
            .map(|(first, count)| {
                let keys = EpisodeKeys::Training { first: first as u64 };
                let batch = env.make(config.seed, keys, count, &settings);
                let mut shard = Shard::new(first, batch, model, plan, (kernel, lanes));
                shard.check_env()?;
                Ok(shard)
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self::Environments { shards, plan })
    }

    fn recording(setup: &Setup<'_>, recording: Recording) -> Result<Self, Error> {
        let config = setup.config;
        recording.check_env(setup.env, config.env.frame_skip)?;
        if config.algo.settings().weighs_actions() {
            recording.check_log_mu()?;
        }
        recording.check_dist(&setup.model.dist)?;
        let replay = Replay::new(recording, setup.model, setup.kernel)?;
        size::check_recording(setup.model, replay.shape(), &replay.name())?;
        Ok(Self::Recording(Box::new(replay)))
    }

    /// Steps T that a rollout may have, and its environments N.
    pub fn shape(&self, num_envs: usize) -> (usize, usize) {
        match self {
            Self::Environments { plan, .. } => (plan.capacity(), num_envs),
            Self::Recording(replay) => replay.shape(),
        }
    }

    /// Moments of the observations, where they are known before the run begins.
    pub fn moments(&self, model: &Model<f32>) -> Option<Moments> {
        match self {
            Self::Environments { .. } => None,
            Self::Recording(replay) => Some(replay.moments(&model.encoder)),
        }
    }

    /// What does not change while the observation normaliser stays as it is.
    pub fn prepare(&mut self, model: &Model<f32>, map: &ObsMap, rollout: &mut Rollout<f32>) {
        if let Self::Recording(replay) = self {
            replay.fill(&model.encoder, map, rollout);
        }
    }

    /// The rollout of the next update.
    ///
    /// # Errors
    /// Of the environments.
    pub fn sample(&mut self, ctx: &Context<'_>, rollout: &mut Rollout<f32>) -> Result<(), Error> {
        let shards = match self {
            Self::Environments { shards, .. } => shards,
            Self::Recording(replay) => {
                replay.evaluate(ctx.model, ctx.weights, rollout);
                return Ok(());
            }
        };
        ctx.pool.for_each(shards, |_, shard| shard.collect(ctx));
        if let Some(error) = shards.iter_mut().find_map(|shard| shard.error.take()) {
            return Err(error);
        }
        let longest = shards.iter().map(|shard| shard.rollout.t).max();
        rollout.set_len(longest.unwrap_or(0));
        for shard in shards {
            rollout.copy_columns(shard.first(), &shard.rollout);
        }
        Ok(())
    }

    /// Append the training episodes that ended in the rollout; those of a recording are none.
    pub fn finished(&self, episodes: &mut Vec<Episode>) {
        self.shards().iter().for_each(|shard| episodes.extend_from_slice(&shard.episodes));
    }

    /// Whole episodes in the rollout if it has nothing else; `finished` are those that ended.
    pub fn whole_episodes(&self, finished: usize) -> usize {
        match self {
            Self::Environments { plan: Plan::Steps(_), .. } => 0,
            Self::Environments { .. } => finished,
            Self::Recording(replay) => replay.episodes(),
        }
    }

    /// How much the present policy collects; nothing from a recording.
    pub fn plan(&self) -> Plan {
        match self {
            Self::Environments { plan, .. } => *plan,
            Self::Recording(_) => Plan::Steps(0),
        }
    }

    /// Whether the policy that acts is the one that learns.
    pub fn is_on_policy(&self) -> bool {
        matches!(self, Self::Environments { .. })
    }

    /// The environments; none with a recording.
    pub fn shards(&self) -> &[Shard] {
        match self {
            Self::Environments { shards, .. } => shards,
            Self::Recording(_) => &[],
        }
    }

    /// Store where the environments stand, or what the recording is.
    ///
    /// # Errors
    /// None in practice; building a [`State`] is checked.
    pub fn save(&self, state: &mut State) -> Result<(), Error> {
        match self {
            Self::Environments { shards, .. } => {
                save_envs(state, shards.iter().map(Shard::save))?;
            }
            Self::Recording(replay) => state.put_meta(RECORDING, replay.digest())?,
        }
        Ok(())
    }

    /// Go on from what [`Source::save`] stored.
    ///
    /// # Errors
    /// If an environment cannot be brought back, or the recording is another one.
    pub fn load(&mut self, state: &State, raw_width: usize) -> Result<(), Error> {
        match self {
            Self::Environments { shards, .. } => load_envs(shards, state, raw_width),
            Self::Recording(replay) => {
                let then: String = state.get_meta(RECORDING)?;
                if then == replay.digest() {
                    return Ok(());
                }
                let name = replay.name();
                Err(Error::Usage(format!("{name}: not the recording that the run began with")))
            }
        }
    }
}

/// The meta entry with the digest of a recording.
const RECORDING: &str = "recording";

impl Trainer {
    /// The observation normaliser follows its moments, and a recording is seen through it.
    pub(super) fn refresh_observations(&mut self) {
        let Some(moments) = &self.normalizers.observations else { return };
        self.obs_map.refresh(moments);
        self.source.prepare(&self.learner.model, &self.obs_map, &mut self.rollout);
    }
}
