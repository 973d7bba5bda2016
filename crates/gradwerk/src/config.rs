//! Every setting of a run, documented where it is defined: the text is the command line's help.

use crate::Error;
use crate::algo::AlgoConfig;
use crate::diagnose::DiagnoseConfig;
use crate::dist::DistConfig;
use crate::estimate::EstimatorConfig;
use crate::layers::Sources;
use crate::schedule::Schedule;
use gradwerk_env::{EnvFactory, EnvSettings, FindError, WithPrevious, outside};
use gradwerk_nn::{MemoryConfig, NetworkConfig, NnError, OptimizerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::Table;

/// The option that names a function of Python, which gives the rewards.
const REWARD: &str = "reward";

/// All settings of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seed of everything random in the run.
    pub seed: u64,
    /// Length of the run in environment steps; all schedules end here.
    pub steps: u64,
    /// Discount factor gamma, in (0, 1].
    pub gamma: f64,
    /// Learning rate: a number, or { start, end, schedule = "linear" | "cosine" }.
    pub lr: Schedule,
    /// Largest global norm of a gradient; longer ones are scaled down. 0 turns clipping off.
    pub max_grad_norm: f64,
    /// The environment.
    pub env: EnvConfig,
    /// How much is collected before each update.
    pub rollout: RolloutConfig,
    /// Returns, advantages and baselines.
    pub estimator: EstimatorConfig,
    /// Running normalisation, stored in the policy.
    pub normalize: NormalizeConfig,
    /// The function that policy and value are made of.
    pub network: NetworkConfig,
    /// What the networks remember from step to step.
    pub memory: MemoryConfig,
    /// The distribution of actions.
    pub policy: DistConfig,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The algorithm and its own settings.
    pub algo: AlgoConfig,
    /// Periodic evaluation during training.
    pub eval: EvalConfig,
    /// When checkpoints are written.
    pub checkpoint: CheckpointConfig,
    /// When the quality of the gradient is measured.
    pub diagnose: DiagnoseConfig,
    /// Where MuJoCo is, for the environments that stand on it.
    pub mujoco: MujocoConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 100_000,
            gamma: 0.99,
            lr: Schedule::constant(3e-4),
            max_grad_norm: 0.5,
            env: EnvConfig::default(),
            rollout: RolloutConfig::default(),
            estimator: EstimatorConfig::default(),
            normalize: NormalizeConfig::default(),
            network: NetworkConfig::default(),
            memory: MemoryConfig::default(),
            policy: DistConfig::default(),
            optimizer: OptimizerConfig::default(),
            algo: AlgoConfig::default(),
            eval: EvalConfig::default(),
            checkpoint: CheckpointConfig::default(),
            diagnose: DiagnoseConfig::default(),
            mujoco: MujocoConfig::default(),
        }
    }
}

/// Which environment, and how many copies of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnvConfig {
    /// Name of the environment (`gradwerk list envs`).
    pub id: String,
    /// Copies that are stepped side by side.
    pub num_envs: usize,
    /// Steps of the environment after which an episode is truncated; the environment's own
    /// limit if absent, no limit if 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<u32>,
    /// Times an action is repeated in the environment; the rewards are summed.
    pub frame_skip: u32,
    /// Observations that the networks see at once: the last ones of the episode, the oldest first
    /// (images channel by channel). Before there are so many, the first one is repeated.
    pub frame_stack: usize,
    /// Let the observation tell the previous action; zeros at the start of an episode.
    pub previous_action: bool,
    /// Let the observation tell the previous reward; 0 at the start of an episode.
    pub previous_reward: bool,
    /// What the maker of the environment is told besides its name: the keyword arguments of
    /// Gymnasium's `make`. Native environments take none.
    #[serde(skip_serializing_if = "Table::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub options: Table,
}

impl Default for EnvConfig {
    fn default() -> Self {
        Self {
            id: "CartPole-v1".into(),
            num_envs: 8,
            time_limit: None,
            frame_skip: 1,
            frame_stack: 1,
            previous_action: false,
            previous_reward: false,
            options: Table::new(),
        }
    }
}

/// How much experience one update uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutConfig {
    /// Steps of each environment per update. Ignored if `episodes` is set.
    pub steps: usize,
    /// Whole episodes per update, a multiple of `env.num_envs`; 0 collects `steps` instead.
    pub episodes: usize,
}

impl Default for RolloutConfig {
    fn default() -> Self {
        Self { steps: 128, episodes: 0 }
    }
}

/// Running moments of what the agent sees and gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NormalizeConfig {
    /// Shift and scale each observation entry by its running mean and standard deviation.
    pub observations: bool,
    /// Largest absolute value of a normalised observation entry.
    pub clip: f64,
    /// Divide rewards by the running standard deviation of the discounted return.
    pub rewards: bool,
    /// Let the value network predict returns shifted and scaled by their running moments.
    pub value_targets: bool,
}

impl Default for NormalizeConfig {
    fn default() -> Self {
        Self { observations: false, clip: 10.0, rewards: false, value_targets: false }
    }
}

/// Periodic evaluation of the policy while it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvalConfig {
    /// Environment steps between evaluations; 0 turns them off. The best policy is kept.
    pub every: u64,
    /// Episodes per evaluation.
    pub episodes: usize,
    /// Steps after which an evaluation episode is cut where the environment has no time limit,
    /// so that a policy that never ends an episode can be evaluated too.
    pub longest: u32,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { every: 0, episodes: 20, longest: 10_000 }
    }
}

/// When a run writes checkpoints (also at its end and when it is interrupted).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// Seconds between checkpoints; 0 writes one after every update.
    pub every_s: f64,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { every_s: 10.0 }
    }
}

/// Where MuJoCo is. Where nothing is said, the variables GRADWERK_MUJOCO and
/// GRADWERK_MUJOCO_MODELS do, else the packages of the active Python are searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MujocoConfig {
    /// The library (libmujoco), or the folder that it lies in; "" looks for it.
    pub library: String,
    /// The folder with the models of the tasks (half_cheetah.xml, ...); "" looks for it.
    pub models: String,
}

impl MujocoConfig {
    /// Tell whoever opens MuJoCo.
    pub fn choose(&self) {
        outside::choose("mujoco.library", &self.library);
        outside::choose("mujoco.models", &self.models);
    }
}

/// A value that a setting must not have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{key} = {value}: {reason}")]
pub struct Invalid {
    /// Dotted path of the setting.
    pub key: String,
    /// The value found.
    pub value: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Invalid {
    /// `key = value: reason`.
    pub fn new(
        key: impl Into<String>,
        value: impl std::fmt::Display,
        reason: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), value: value.to_string(), reason: reason.into() }
    }
}

/// Check `ok` or name the setting, its value and the rule.
pub(crate) fn require(
    ok: bool,
    key: &str,
    value: impl std::fmt::Display,
    rule: &str,
) -> Result<(), Invalid> {
    if ok { Ok(()) } else { Err(Invalid::new(key, value, rule)) }
}

/// For `map_err`: name the section of a setting that the networks' crate refuses. What a network
/// says of its memory has a section of its own.
pub(crate) fn in_section(section: &str) -> impl Fn(NnError) -> Error {
    move |error| match error {
        NnError::Setting { field, value, expected } if field.starts_with("memory.") => {
            Invalid::new(field, value, expected).into()
        }
        NnError::Setting { field, value, expected } => {
            Invalid::new(format!("{section}.{field}"), value, expected).into()
        }
        other => Error::usage(other),
    }
}

impl Config {
    /// The settings that `gradwerk train ENV --algo ALGO` starts from: the plain defaults, those
    /// of the algorithm, and the preset tuned for the pair if one ships with the program.
    ///
    /// `env` may be the name of your own environment: then there is no preset, and only
    /// [`Trainer::with_env`](crate::Trainer::with_env) knows what it stands for.
    ///
    /// # Errors
    /// If there is no such algorithm; the error lists those that exist.
    pub fn preset(env: &str, algo: &str) -> Result<Self, Error> {
        let mut sources = Sources::new();
        sources.flag("env.id", env, &format!("environment {env}"))?;
        sources.flag("algo.kind", algo, &format!("algorithm {algo}"))?;
        Ok(sources.resolve()?.config)
    }

    /// The environment that is not the user's own.
    ///
    /// # Errors
    /// If there is none of that name, or it lacks something.
    pub fn find_env(&self) -> Result<&'static dyn EnvFactory, FindError> {
        self.mujoco.choose();
        gradwerk_env::find(&self.env.id)
    }

    /// The settings of the environment's wrapper; `default_limit` is the environment's own.
    #[must_use]
    pub fn env_settings(&self, default_limit: Option<u32>) -> EnvSettings {
        let time_limit = match self.env.time_limit {
            Some(0) => None,
            Some(limit) => Some(limit),
            None => default_limit,
        };
        EnvSettings { time_limit, frame_skip: self.env.frame_skip }
    }

    /// The environment as the agent sees it: with the previous action and reward, if it shall.
    #[must_use]
    pub fn as_seen<'a>(&self, env: &'a dyn EnvFactory) -> WithPrevious<'a> {
        WithPrevious::new(env, self.env.previous_action, self.env.previous_reward)
    }

    /// Options are for whoever makes the environment.
    ///
    /// # Errors
    /// If there are some, and this environment takes none.
    pub(crate) fn check_options(&self, env: &dyn EnvFactory) -> Result<(), Invalid> {
        let Some((key, value)) = self.env.options.iter().find(|_| !env.takes_options()) else {
            return Ok(());
        };
        let rule = match key.as_str() {
            REWARD => format!(
                "the rewards in {} come from this function of Python, which must be given again: \
                 gradwerk.resume(run, reward=function), gradwerk.evaluate(run, reward=function)",
                env.id()
            ),
            _ => format!("{} takes no options: must be absent", env.id()),
        };
        Err(Invalid::new(format!("env.options.{key}"), value, rule))
    }

    /// Whether updates use whole episodes; a recording has nothing else.
    #[must_use]
    pub fn whole_episodes(&self) -> bool {
        self.rollout.episodes > 0 || self.data().is_some()
    }

    /// The recording that is learned from; empty where it must still be named, none where the
    /// environment is played.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.algo.settings().data()
    }

    /// Whether the agent has a value function.
    #[must_use]
    pub fn has_critic(&self) -> bool {
        self.estimator.needs_value()
    }

    /// Transitions per update if it is fixed (`None` for whole episodes).
    #[must_use]
    pub fn batch(&self) -> Option<usize> {
        (!self.whole_episodes()).then(|| self.env.num_envs * self.rollout.steps)
    }

    /// Check every setting that can be checked without the environment.
    ///
    /// # Errors
    /// The first setting that is out of range or does not go with the others.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_run()?;
        self.validate_env()?;
        self.validate_rollout()?;
        let clip = self.normalize.clip;
        // Observations are single numbers: 1e39 would be infinity there, and clip nothing.
        let clips = clip > 0.0 && (clip as f32).is_finite() && clip as f32 > 0.0;
        let rule = "must be above 0 and within single precision (1e-45 to 3.4e38)";
        require(clips, "normalize.clip", clip, rule)?;
        require(self.eval.episodes > 0, "eval.episodes", 0, "must be at least 1")?;
        require(self.eval.longest > 0, "eval.longest", 0, "must be at least 1")?;
        let every = self.checkpoint.every_s;
        require(every >= 0.0 && every.is_finite(), "checkpoint.every_s", every, "must be >= 0")?;
        self.diagnose.check()?;
        self.estimator.check(self.whole_episodes(), self.has_critic()).map_err(Error::usage)?;
        self.network.validate().map_err(in_section("network"))?;
        self.validate_memory()?;
        self.optimizer.validate().map_err(in_section("optimizer"))?;
        self.algo.settings().check(self)?;
        Ok(())
    }

    fn validate_run(&self) -> Result<(), Invalid> {
        require(self.steps > 0, "steps", self.steps, "must be at least 1")?;
        let seed_fits = i64::try_from(self.seed).is_ok();
        require(seed_fits, "seed", self.seed, "must be below 2^63, the range of TOML integers")?;
        require(self.gamma > 0.0 && self.gamma <= 1.0, "gamma", self.gamma, "must be in (0, 1]")?;
        let lr_ok = self.lr.both(|x| x >= 0.0 && x.is_finite()) && self.lr.start > 0.0;
        require(lr_ok, "lr", self.lr, "must start above 0 and stay finite and not negative")?;
        let norm = self.max_grad_norm;
        require(norm >= 0.0 && norm.is_finite(), "max_grad_norm", norm, "must be >= 0 (0: off)")
    }

    fn validate_env(&self) -> Result<(), Invalid> {
        let n = self.env.num_envs;
        require((1..=1 << 20).contains(&n), "env.num_envs", n, "must be from 1 to 1048576")?;
        require(self.env.frame_skip > 0, "env.frame_skip", 0, "must be at least 1")?;
        let stack = self.env.frame_stack;
        require((1..=64).contains(&stack), "env.frame_stack", stack, "must be from 1 (off) to 64")
    }

    fn validate_memory(&self) -> Result<(), Error> {
        self.memory.validate().map_err(in_section("memory"))?;
        let (Some(segment), Some(_)) = (self.memory.segment(), self.batch()) else { return Ok(()) };
        let steps = self.rollout.steps;
        let rule = format!("must be at most the {steps} steps of a rollout (rollout.steps)");
        require(segment <= steps, "memory.segment", segment, &rule)?;
        Ok(())
    }

    fn validate_rollout(&self) -> Result<(), Invalid> {
        let RolloutConfig { steps, episodes } = self.rollout;
        let n = self.env.num_envs;
        require(
            steps > 0 || episodes > 0,
            "rollout.steps",
            steps,
            "must be at least 1 (or set rollout.episodes)",
        )?;
        let (key, rows) =
            if episodes > 0 { ("rollout.episodes", episodes) } else { ("rollout.steps", steps) };
        let fits = rows.checked_mul(n).is_some_and(|rows| rows < 1 << 31);
        require(fits, key, rows, "times env.num_envs must be below 2^31")?;
        require(
            episodes % n == 0,
            "rollout.episodes",
            episodes,
            &format!("must be a multiple of env.num_envs = {n} (each copy plays as many episodes)"),
        )
    }
}
