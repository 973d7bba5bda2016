//! Going on with a run: what its directory says, and what may have changed since.

use super::live::{Parts, Run};
use super::lock::lock;
use super::{JOURNAL, RunOptions, Watch, built_in, check_options, manifest, new_journal};
use crate::Error;
use crate::config::Config;
use crate::layers;
use crate::layers::differ::differences;
use crate::run::checkpoint;
use crate::run::dir::{Manifest, RunDir};
use crate::run::metrics::{MetricsError, Writer};
use crate::run::observe::Observer;
use crate::run::state::{State, StateError};
use crate::run::stats;
use crate::run::summary::{Journal, Summary};
use crate::trainer::Trainer;
use gradwerk_env::EnvFactory;
use gradwerk_math::Kernel;
use std::io;
use std::path::{Path, PathBuf};

/// Go on with a run on a built-in environment, to `limit` steps instead of its own if given.
///
/// # Errors
/// As [`train`](super::train); also if the directory is not a run, is in use, or if its
/// checkpoints cannot be read.
pub fn resume(
    run_dir: &Path,
    limit: Option<u64>,
    options: &RunOptions,
    watch: Watch<'_>,
) -> Result<Summary, Error> {
    let config = layers::resolve::load(&RunDir::open(run_dir)?.config())?;
    resume_env(run_dir, built_in(&config)?, limit, options, watch)
}

/// Go on with a run on any environment.
///
/// # Errors
/// As [`resume`].
pub fn resume_env<'a>(
    run_dir: &Path,
    env: &'a dyn EnvFactory,
    limit: Option<u64>,
    options: &RunOptions,
    watch: Watch<'a>,
) -> Result<Summary, Error> {
    check_options(options)?;
    let dir = RunDir::open(run_dir)?;
    let lock = lock(&dir)?;
    let config = layers::resolve::load(&dir.config())?;
    let found = newest_state(&dir, watch.observer)?;
    let recorded = found.as_ref().map(|(path, state)| recorded(path, state)).transpose()?;
    if let Some(journal) = &recorded {
        same_settings(&dir, &config, &journal.config)?;
    }
    let mut options = options.clone();
    let kernel = begun_kernel(&dir, recorded.as_ref(), watch.observer);
    options.runtime.kernel = same_kernel(kernel, options.runtime.kernel, watch.observer);
    let mut trainer = Trainer::with_env(&config, env, options.runtime)?;
    let mut mean_return = None;
    if let Some((path, state)) = &found {
        trainer.restore(state).map_err(|error| foreign(path, &error))?;
        mean_return = window_mean(state)?;
    }
    let metrics = match &recorded {
        Some(journal) => go_on_with_metrics(&dir, journal.metrics_bytes, watch.observer)?,
        None => Writer::create(&dir.metrics())?,
    };
    let mut journal = recorded.unwrap_or_else(|| new_journal(&config, &options));
    journal.config = config;
    journal.kernel = options.runtime.kernel.to_string();
    if !dir.manifest().exists() {
        manifest(&journal.config, env, &options).write(&dir)?;
    }
    let old = journal.limit;
    journal.limit = new_limit(limit, old, trainer.counters().steps)?;
    trainer.set_limit(journal.limit);
    warn_of_no_learning(&trainer, journal.limit, watch.observer);
    let extended = journal.limit != old;
    let parts = Parts { dir, lock, trainer, env, metrics, journal, mean_return };
    let mut run = Run::new(parts, &options, watch);
    if extended {
        // A run that dies before its next checkpoint must not forget where it should end.
        run.save()?;
    }
    run.go()
}

/// Beyond the end of the schedules their last values hold: of a learning rate that ended at 0,
/// nothing is learned there.
fn warn_of_no_learning(trainer: &Trainer, limit: u64, observer: &mut dyn Observer) {
    let (steps, lr) = (trainer.config().steps, trainer.config().lr);
    if limit > steps && lr.at(1.0) == 0.0 {
        observer.warning(&format!(
            "nothing will be learned after {steps} steps: lr = {lr} ended there at 0 and stays 0; \
             to learn on, begin a run with `gradwerk train CONFIG.toml --init RUN --set lr=...`"
        ));
    }
}

/// What the driver knew when it wrote a checkpoint.
fn recorded(path: &Path, state: &State) -> Result<Journal, Error> {
    state.get_meta(JOURNAL).map_err(|error| foreign(path, &error).into())
}

/// A checkpoint that a run cannot go on from.
fn foreign(path: &Path, error: &dyn std::fmt::Display) -> StateError {
    StateError::Mismatch { path: path.to_owned(), reason: error.to_string() }
}

/// Settings that may change between sessions: they do not touch what is learned.
const FREE: &[&str] = &["eval.", "checkpoint.", "mujoco."];

/// The settings that the checkpoint was made with, except those that may change.
fn same_settings(dir: &RunDir, now: &Config, then: &Config) -> Result<(), Error> {
    let changed: Vec<String> = differences(now, then)
        .into_iter()
        .filter(|found| !FREE.iter().any(|start| found.key.starts_with(start)))
        .map(|found| format!("{} = {} (was {})", found.key, found.left, found.right))
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{}: changed since the run's checkpoint: {}; undo that, or begin another run from this \
         one's policy with `gradwerk train CONFIG.toml --init {}` (only eval.*, checkpoint.*, mujoco.* \
         and, with --steps, the end of a run may change)",
        dir.config().display(),
        changed.join(", "),
        dir.root().display()
    )))
}

/// The metrics up to the checkpoint. They are a record, not a part of the run: where they are
/// lost, the run goes on without them.
fn go_on_with_metrics(
    dir: &RunDir,
    bytes: u64,
    observer: &mut dyn Observer,
) -> Result<Writer, Error> {
    let path = dir.metrics();
    let error = match Writer::truncate_to(&path, bytes) {
        Ok(writer) => return Ok(writer),
        Err(error) => error,
    };
    match &error {
        MetricsError::TooShort { .. } | MetricsError::NotALineEnd { .. } => {
            observer.warning(&format!("{error}; going on without the rows that are lost"));
            Ok(Writer::append_to(&path)?)
        }
        MetricsError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            observer.warning(&format!("{error}; going on without the rows that are lost"));
            Ok(Writer::create(&path)?)
        }
        _ => Err(error.into()),
    }
}

fn new_limit(asked: Option<u64>, old: u64, steps: u64) -> Result<u64, Error> {
    match asked {
        Some(limit) if limit < steps => Err(Error::Usage(format!(
            "steps = {limit}: the run has already made {steps} steps; expected at least as many"
        ))),
        Some(limit) => Ok(limit),
        None => Ok(old),
    }
}

/// The kernel that the run began with: that of its checkpoint, of its manifest before the first.
fn begun_kernel(
    dir: &RunDir,
    recorded: Option<&Journal>,
    observer: &mut dyn Observer,
) -> Option<String> {
    let manifest = match Manifest::read(dir) {
        Ok(manifest) => Some(manifest.kernel),
        Err(error) if dir.manifest().exists() => {
            observer.warning(&format!("{error}; the run goes on without its manifest"));
            None
        }
        Err(_) => None,
    };
    recorded.map(|journal| journal.kernel.clone()).or(manifest)
}

/// The kernel that the run began with, so that its bits go on; the given one with a warning if
/// this machine does not have it.
fn same_kernel(begun: Option<String>, given: Kernel, observer: &mut dyn Observer) -> Kernel {
    let Some(name) = begun else { return given };
    name.parse().unwrap_or_else(|error| {
        observer.warning(&format!(
            "the run began with the kernel {name}, going on with {given}: {error}; the result \
             will differ in its last bits from an uninterrupted run"
        ));
        given
    })
}

/// The newest checkpoint that can be read, if there is any file at all.
fn newest_state(
    dir: &RunDir,
    observer: &mut dyn Observer,
) -> Result<Option<(PathBuf, State)>, Error> {
    let latest = checkpoint::latest(&dir.checkpoints())?;
    match (latest.found, latest.skipped) {
        (Some((_, path, state)), skipped) => {
            for error in skipped {
                observer.warning(&format!("{error}; going on from {}", path.display()));
            }
            Ok(Some((path, state)))
        }
        (None, skipped) => match skipped.into_iter().next() {
            // Starting over would throw away what the file may still be worth.
            Some(error) => Err(error.into()),
            None => Ok(None),
        },
    }
}

/// The mean return that the run had at its checkpoint.
fn window_mean(state: &State) -> Result<Option<f64>, Error> {
    let (_, returns) = state.get_any::<f64>("window.return")?;
    Ok(stats::mean(returns))
}
