//! The run driver: a trainer with a directory, checkpoints, evaluation and an end.
//!
//! Whatever happens to the process, the directory can be resumed: the configuration is written
//! before anything else, checkpoints replace each other atomically, and rows of
//! `metrics.jsonl` behind the checkpoint are cut off when the run goes on.
//!
//! ```
//! use gradwerk::layers::Sources;
//! use gradwerk::run::driver::{RunOptions, Watch, train};
//! use std::sync::atomic::AtomicBool;
//!
//! # let folder = tempfile::tempdir()?;
//! # let run_dir = Some(folder.path().join("run"));
//! let mut settings = Sources::new();
//! settings.set("env.id=CartPole-v1")?;
//! settings.set("steps=2000")?;
//! let config = settings.resolve()?.config;
//! let options = RunOptions { run_dir, ..RunOptions::default() };
//! let stop = AtomicBool::new(false);
//! let summary = train(&config, &options, Watch { observer: &mut (), interrupt: &stop })?;
//! assert!(summary.steps >= 2000 && summary.run_dir.join("policy.safetensors").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())

mod live;
mod lock;
mod result;
mod resume;
mod row;

pub use resume::{resume, resume_env};

use super::dir::{self, Machine, Manifest, RunDir};
use super::metrics::Writer;
use super::observe::Observer;
use super::summary::{Journal, Summary};
use crate::Error;
use crate::config::Config;
use crate::policy::Policy;
use crate::trainer::{Runtime, Trainer};
use gradwerk_env::EnvFactory;
use live::{Parts, Run};
use lock::write_config;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

/// The entry of a checkpoint's document that holds the [`Journal`].
const JOURNAL: &str = "run";

/// How a run is carried out; nothing here changes what it learns.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run's directory; `runs/<env>-<algo>-s<seed>-<n>` if absent.
    pub run_dir: Option<PathBuf>,
    /// Stop at the first update boundary at or after this many steps.
    pub stop_at: Option<u64>,
    /// Stop at the first update boundary at which 100 episodes have finished and the mean raw
    /// return of the last 100 is at least this.
    pub until: Option<f64>,
    /// A run directory or policy file to start the parameters and the normaliser from.
    pub init: Option<PathBuf>,
    /// Threads and instructions.
    pub runtime: Runtime,
    /// The command line, for the manifest.
    pub command: Vec<String>,
    /// When the process (or the call) started: `solved_at_s` and `wall_s` count from here.
    pub started: Instant,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            run_dir: None,
            stop_at: None,
            until: None,
            init: None,
            runtime: Runtime::default(),
            command: std::env::args().collect(),
            started: Instant::now(),
        }
    }
}

/// Whoever follows a run: an observer, and a flag that asks it to stop at the next update
/// boundary.
pub struct Watch<'a> {
    /// Told about every update.
    pub observer: &'a mut (dyn Observer + 'a),
    /// Set (from a signal handler, another thread) to stop with a checkpoint.
    pub interrupt: &'a AtomicBool,
}

/// Train on a built-in environment in a new run directory.
///
/// # Errors
/// A configuration that cannot be used, a directory that cannot be written, a NaN on the way.
pub fn train(config: &Config, options: &RunOptions, watch: Watch<'_>) -> Result<Summary, Error> {
    train_env(config, built_in(config)?, options, watch)
}

/// Train on any environment in a new run directory.
///
/// # Errors
/// As [`train`].
pub fn train_env<'a>(
    config: &Config,
    env: &'a dyn EnvFactory,
    options: &RunOptions,
    watch: Watch<'a>,
) -> Result<Summary, Error> {
    check_options(options)?;
    let config = &with_absolute_paths(config)?;
    if let (Some(until), Some(_)) = (options.until, config.data()) {
        return Err(Error::Usage(format!(
            "until = {until}: no episode is played while a recording is learned from; set \
             eval.every to see the return"
        )));
    }
    // The trainer comes first: a configuration that cannot be used leaves no directory behind.
    let mut trainer = Trainer::with_env(config, env, options.runtime)?;
    if let Some(init) = &options.init {
        trainer.warm_start(&load_policy(init)?)?;
    }
    let dir = match &options.run_dir {
        Some(root) => RunDir::create(root),
        None => RunDir::create_next(
            Path::new(dir::DEFAULT_BASE),
            env.id(),
            config.algo.name(),
            config.seed,
        ),
    }?;
    let lock = write_config(&dir, config)?;
    manifest(config, env, options).write(&dir)?;
    let journal = new_journal(config, options);
    let metrics = Writer::create(&dir.metrics())?;
    let mut run = Run::new(
        Parts { dir, lock, trainer, env, metrics, journal, mean_return: None },
        options,
        watch,
    );
    if options.init.is_some() || options.until.is_some() {
        // What config.toml does not say would be lost if the run died before its first
        // checkpoint.
        run.save()?;
    }
    run.go()
}

/// The policy of a run directory, or of a policy file.
///
/// # Errors
/// If there is none, or if the file is not a policy.
pub fn load_policy(path: &Path) -> Result<Policy, Error> {
    if !path.exists() {
        let path = path.display();
        return Err(Error::Usage(format!("{path}: no such run directory or policy file")));
    }
    if !path.is_dir() {
        return Policy::load(path);
    }
    let dir = RunDir::open(path)?;
    if !dir.policy().exists() {
        let path = path.display();
        return Err(Error::Usage(format!(
            "{path}: the run has no policy yet; go on with `gradwerk resume {path}`"
        )));
    }
    Policy::load(&dir.policy())
}

/// The settings with everything that they name outside (a recording, MuJoCo) named so that the
/// run can be resumed from any folder.
fn with_absolute_paths(config: &Config) -> Result<Config, Error> {
    let mut config = config.clone();
    if let Some(path) = config.data().filter(|path| !path.is_empty()) {
        let path = absolute(path)?;
        config.algo.settings_mut().set_data(path);
    }
    for path in [&mut config.mujoco.library, &mut config.mujoco.models] {
        if !path.is_empty() {
            *path = absolute(path)?;
        }
    }
    Ok(config)
}

fn absolute(path: &str) -> Result<String, Error> {
    let absolute = std::path::absolute(path).map_err(Error::io("find", path))?;
    Ok(absolute.display().to_string())
}

fn built_in(config: &Config) -> Result<&'static dyn EnvFactory, Error> {
    config.find_env().map_err(|error| Error::Usage(error.to_string()))
}

fn check_options(options: &RunOptions) -> Result<(), Error> {
    match options.until {
        Some(until) if !until.is_finite() => {
            Err(Error::Usage(format!("until = {until}: expected a finite return")))
        }
        _ => Ok(()),
    }
}

fn new_journal(config: &Config, options: &RunOptions) -> Journal {
    Journal {
        config: config.clone(),
        kernel: options.runtime.kernel.to_string(),
        limit: config.steps,
        until: options.until,
        wall_s: 0.0,
        best_mean_return_100: None,
        solved_at_steps: None,
        solved_at_s: None,
        best_evaluation: None,
        next_evaluation: config.eval.every,
        pending: None,
        metrics_bytes: 0,
    }
}

fn manifest(config: &Config, env: &dyn EnvFactory, options: &RunOptions) -> Manifest {
    Manifest {
        gradwerk: env!("CARGO_PKG_VERSION").into(),
        env: env.id().into(),
        algo: config.algo.name().into(),
        seed: config.seed,
        kernel: options.runtime.kernel.to_string(),
        threads: options.runtime.threads,
        machine: Machine::detect(),
        command: options.command.clone(),
        started: dir::rfc3339(SystemTime::now()),
        exact_resume: env.exact_resume(),
        simulator: env.simulator(),
    }
}
