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
//! ```

use super::checkpoint;
use super::curve;
use super::dir::{self, Machine, Manifest, RunDir};
use super::metrics::{MetricsError, Row, Writer};
use super::observe::{Begun, Observer, Progress};
use super::plot::Options;
use super::state::{State, StateError};
use super::stats;
use super::summary::{Journal, Outcome, Summary};
use crate::Error;
use crate::config::Config;
use crate::diagnose::Diagnosis;
use crate::evaluate::{EvalOptions, evaluate_until};
use crate::layers;
use crate::layers::differ::differences;
use crate::policy::Policy;
use crate::trainer::{Report, Runtime, Trainer};
use gradwerk_env::EnvFactory;
use gradwerk_math::{Kernel, Pool};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Go on with a run on a built-in environment, to `limit` steps instead of its own if given.
///
/// # Errors
/// As [`train`]; also if the directory is not a run, is in use, or if its checkpoints cannot
/// be read.
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
    journal.limit = new_limit(limit, journal.limit, trainer.counters().steps)?;
    trainer.set_limit(journal.limit);
    Run::new(Parts { dir, lock, trainer, env, metrics, journal, mean_return }, &options, watch).go()
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
const FREE: &[&str] = &["eval.", "checkpoint."];

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
         one's policy with `gradwerk train CONFIG.toml --init {}` (only eval.*, checkpoint.* and, \
         with --steps, the end of a run may change)",
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

fn built_in(config: &Config) -> Result<&'static dyn EnvFactory, Error> {
    gradwerk_env::find(&config.env.id).map_err(|error| Error::Usage(error.to_string()))
}

fn check_options(options: &RunOptions) -> Result<(), Error> {
    match options.until {
        Some(until) if !until.is_finite() => {
            Err(Error::Usage(format!("until = {until}: expected a finite return")))
        }
        _ => Ok(()),
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
    }
}

/// Write `config.toml` whole or not at all, and hold its lock.
fn write_config(dir: &RunDir, config: &Config) -> Result<File, Error> {
    let (path, draft) = (dir.config(), dir.root().join(".config.toml.tmp"));
    std::fs::write(&draft, layers::resolve::to_toml(config)).map_err(Error::io("write", &draft))?;
    std::fs::rename(&draft, &path).map_err(Error::io("write", &path))?;
    lock(dir)
}

/// One process per run directory. The system releases the lock when the process dies.
fn lock(dir: &RunDir) -> Result<File, Error> {
    let path = dir.config();
    let file = File::open(&path).map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Usage(format!(
            "{}: another process is training this run",
            dir.root().display()
        ))),
        // Some file systems have no locks; that must not stop a run.
        _ => Ok(file),
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

/// Keys of the summary's lines about the gradient.
const QUALITY: [&str; 9] = [
    "gradient_snr",
    "gradient_noise_scale",
    "gradient_half_cosine",
    "baseline_removed",
    "baseline_removed_constant",
    "explained_variance",
    "ess",
    "approx_kl",
    "clip_fraction",
];

/// The median of the last ten values of each key. A convenience: nothing if it cannot be read.
fn last_quality(dir: &RunDir) -> Vec<(&'static str, f64)> {
    let rows = super::metrics::read(&dir.metrics()).unwrap_or_default();
    let last = |key: &'static str| {
        let found = rows.iter().rev().filter_map(|row| row.get(key));
        let mut values: Vec<f64> = found.filter(|x| x.is_finite()).take(10).collect();
        values.sort_unstable_by(f64::total_cmp);
        Some((key, *values.get(values.len() / 2)?))
    };
    QUALITY.into_iter().filter_map(last).collect()
}

/// What a run is made of.
struct Parts<'a> {
    dir: RunDir,
    lock: File,
    trainer: Trainer,
    env: &'a dyn EnvFactory,
    metrics: Writer,
    journal: Journal,
    mean_return: Option<f64>,
}

/// A run that goes on.
struct Run<'a> {
    dir: RunDir,
    /// Held until the run returns.
    _lock: File,
    trainer: Trainer,
    env: &'a dyn EnvFactory,
    metrics: Writer,
    journal: Journal,
    options: RunOptions,
    watch: Watch<'a>,
    /// Seconds of training before this session.
    wall_before: f64,
    steps_before: u64,
    /// Steps and time of the last checkpoint.
    saved: Option<(u64, Instant)>,
    pool: Option<Pool>,
    mean_return: Option<f64>,
    /// Whether it was said that batches are forgotten.
    warned: bool,
}

impl<'a> Run<'a> {
    fn new(parts: Parts<'a>, options: &RunOptions, watch: Watch<'a>) -> Self {
        let Parts { dir, lock, trainer, env, metrics, journal, mean_return } = parts;
        Self {
            dir,
            _lock: lock,
            env,
            metrics,
            wall_before: journal.wall_s,
            steps_before: trainer.counters().steps,
            mean_return,
            trainer,
            journal,
            options: options.clone(),
            watch,
            saved: None,
            pool: None,
            warned: false,
        }
    }

    /// Update until something says stop, then leave everything on the disk.
    fn go(mut self) -> Result<Summary, Error> {
        self.begin();
        let mut next = self.make_up();
        let outcome = loop {
            if let (Ok(()), Some(outcome)) = (&next, self.outcome()) {
                break outcome;
            }
            if let Err(error) = next.and_then(|()| self.update()) {
                self.watch.observer.ended();
                self.point_to_checkpoint();
                return Err(error);
            }
            next = Ok(());
        };
        self.watch.observer.ended();
        self.close(outcome)
    }

    /// What is left after a failure.
    fn point_to_checkpoint(&mut self) {
        let Some((steps, path, _)) =
            checkpoint::latest(&self.dir.checkpoints()).ok().and_then(|latest| latest.found)
        else {
            self.watch
                .observer
                .warning("the run has no checkpoint yet: `gradwerk resume` begins it again");
            return;
        };
        let path = path.display();
        self.watch.observer.warning(&format!("the last good checkpoint ({steps} steps) is {path}"));
    }

    fn begin(&mut self) {
        let begun = Begun {
            config: self.trainer.config(),
            run_dir: self.dir.root(),
            steps: self.steps_before,
            limit: self.journal.limit,
        };
        self.watch.observer.begun(&begun);
        if !self.trainer.exact_resume() {
            self.watch.observer.warning(
                "exact_resume: false; this environment cannot save its state, so that a resumed \
                 run begins new episodes",
            );
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        let steps = self.trainer.counters().steps;
        // A run that was solved and is resumed goes on to its end.
        let solved_now = self.journal.solved_at_steps == Some(steps) && steps > self.steps_before;
        if self.journal.pending.is_some() {
            // Not even a finished run is done before its last evaluation.
            Some(Outcome::Interrupted)
        } else if self.trainer.finished() {
            Some(Outcome::Finished)
        } else if solved_now {
            Some(Outcome::Solved)
        } else if self.options.stop_at.is_some_and(|stop| steps >= stop) {
            Some(Outcome::Stopped)
        } else if self.watch.interrupt.load(Ordering::Relaxed) {
            Some(Outcome::Interrupted)
        } else {
            None
        }
    }

    fn update(&mut self) -> Result<(), Error> {
        let report = self.trainer.update()?;
        self.mean_return = report.mean_return;
        self.journal.wall_s = self.wall_s();
        self.note_return(&report);
        self.warn_of_dropped(&report);
        let row = self.row(&report)?;
        self.evaluate_and_append(row)?;
        let due =
            |at: Instant| at.elapsed().as_secs_f64() >= self.trainer.config().checkpoint.every_s;
        if due(self.saved.map_or(self.options.started, |saved| saved.1)) {
            self.save()?;
        }
        let progress = Progress {
            report: &report,
            limit: self.journal.limit,
            wall_s: self.journal.wall_s,
            steps_per_s: self.session_rate(),
        };
        self.watch.observer.updated(&progress);
        Ok(())
    }

    /// A batch that is forgotten is experience paid for and lost: say so, once per session.
    fn warn_of_dropped(&mut self, report: &Report) {
        let Some(dropped) = report.stats.batches_dropped.filter(|n| *n > 0) else { return };
        if !std::mem::replace(&mut self.warned, true) {
            self.watch.observer.warning(&format!(
                "{dropped} stored batches forgotten after {} steps: too little of them was left \
                 after importance weighting (algo.min_ess); `batches_dropped` of the metrics \
                 counts on. Smaller steps (lr) or fewer algo.batches waste less",
                report.counters.steps
            ));
        }
    }

    fn wall_s(&self) -> f64 {
        self.wall_before + self.options.started.elapsed().as_secs_f64()
    }

    fn session_rate(&self) -> f64 {
        let steps = self.trainer.counters().steps - self.steps_before;
        steps as f64 / self.options.started.elapsed().as_secs_f64()
    }

    /// The best mean return, and whether `--until` is reached.
    fn note_return(&mut self, report: &Report) {
        let Some(mean) = report.mean_return.filter(|_| report.window_full) else { return };
        let journal = &mut self.journal;
        if journal.best_mean_return_100.is_none_or(|best| mean > best) {
            journal.best_mean_return_100 = Some(mean);
        }
        let reached = journal.until.is_some_and(|until| mean >= until);
        if reached && journal.solved_at_steps.is_none() {
            journal.solved_at_steps = Some(report.counters.steps);
            journal.solved_at_s = Some(journal.wall_s);
        }
    }

    fn row(&self, report: &Report) -> Result<Row, Error> {
        let (counters, stats) = (report.counters, &report.stats);
        let (policy, value) = (&stats.sums.policy, &stats.sums.value);
        let mean = |sum: f64| sum / policy.rows.max(1) as f64;
        let mut row = Row::new(counters.steps);
        let always = [
            ("updates", counters.updates as f64),
            ("episodes", counters.episodes as f64),
            ("wall_s", self.journal.wall_s),
            ("steps_per_s", self.session_rate()),
            ("policy_loss", mean(policy.loss)),
            ("entropy", mean(policy.entropy)),
            ("approx_kl", stats.sums.approx_kl()),
            ("clip_fraction", mean(policy.clipped as f64)),
            ("ess", stats.ess.unwrap_or_else(|| stats.sums.ess_share())),
            ("grad_norm", stats.grad_norm),
            ("lr", stats.lr),
            ("epochs_done", f64::from(stats.epochs)),
        ];
        let sometimes = [
            ("mean_return_100", report.mean_return),
            ("best_mean_return_100", self.journal.best_mean_return_100),
            ("mean_length_100", report.mean_length),
            ("explained_variance", report.explained_variance),
            ("batches_dropped", stats.batches_dropped.map(|n| n as f64)),
            ("value_loss", (value.rows > 0).then(|| value.loss / value.rows as f64)),
        ];
        let natural = stats.natural.map(|n| {
            [
                ("kl", n.kl),
                ("cg_iterations", f64::from(n.cg_iterations)),
                ("cg_residual", n.cg_residual),
                ("line_search_steps", f64::from(n.backtracks)),
                ("step_size", n.step_size),
            ]
        });
        for (key, value) in natural.into_iter().flatten() {
            row.set(key, value)?;
        }
        for (key, value) in report.diagnosis.iter().flat_map(Diagnosis::metrics) {
            row.set(key, value)?;
        }
        let present = sometimes.into_iter().filter_map(|(key, value)| Some((key, value?)));
        for (key, value) in always.into_iter().chain(present) {
            row.set(key, value)?;
        }
        Ok(row)
    }

    /// The evaluation that was interrupted when the run stopped.
    fn make_up(&mut self) -> Result<(), Error> {
        let Some(line) = self.journal.pending.take() else { return Ok(()) };
        self.evaluate_and_append(Row::parse(&line).map_err(Error::usage)?)?;
        self.save()
    }

    /// Evaluate if it is due, and write the row of the update.
    fn evaluate_and_append(&mut self, mut row: Row) -> Result<(), Error> {
        if self.evaluate(&mut row)? {
            self.metrics.append(&row)?;
        } else {
            self.journal.pending = Some(row.to_json());
        }
        Ok(())
    }

    /// Evaluate if it is due, and keep the best policy; false if that was interrupted.
    fn evaluate(&mut self, row: &mut Row) -> Result<bool, Error> {
        let (every, episodes) =
            (self.trainer.config().eval.every, self.trainer.config().eval.episodes);
        let steps = self.trainer.counters().steps;
        if every == 0 || steps < self.journal.next_evaluation {
            return Ok(true);
        }
        let pool = self.pool.get_or_insert_with(|| Pool::new(self.options.runtime.threads));
        let policy = self.trainer.policy();
        let options = EvalOptions { episodes, seed: self.trainer.config().seed, stochastic: false };
        let result = evaluate_until(&policy, self.env, options, pool, self.watch.interrupt)?;
        let Some(result) = result else { return Ok(false) };
        self.journal.next_evaluation = (steps / every + 1) * every;
        row.set("eval_mean_return", result.mean_return)?;
        row.set("eval_std_return", result.std_return)?;
        let best = self.journal.best_evaluation.is_none_or(|best| result.mean_return > best);
        if best {
            self.journal.best_evaluation = Some(result.mean_return);
            policy.save(&self.dir.best())?;
        }
        self.watch.observer.evaluated(steps, &result, best);
        Ok(true)
    }

    /// Write a checkpoint and the policy.
    fn save(&mut self) -> Result<(), Error> {
        self.metrics.sync()?;
        self.journal.metrics_bytes = self.metrics.bytes();
        self.journal.wall_s = self.wall_s();
        let mut state = self.trainer.state()?;
        state.put_meta(JOURNAL, &self.journal)?;
        let steps = self.trainer.counters().steps;
        checkpoint::save(&self.dir.checkpoints(), steps, &state)?;
        self.trainer.policy().save(&self.dir.policy())?;
        self.saved = Some((steps, Instant::now()));
        Ok(())
    }

    fn close(mut self, outcome: Outcome) -> Result<Summary, Error> {
        let steps = self.trainer.counters().steps;
        if steps > self.steps_before || steps == 0 {
            if self.saved.is_none_or(|saved| saved.0 != steps) {
                self.save()?;
            }
        } else if !self.dir.policy().exists() {
            // The process died between its last checkpoint and this file.
            self.trainer.policy().save(&self.dir.policy())?;
        }
        self.draw();
        self.summary(outcome)
    }

    /// The curve is a convenience: a run does not fail because it cannot be drawn.
    fn draw(&mut self) {
        if self.trainer.counters().updates == 0 {
            return;
        }
        if let Err(error) =
            curve::draw(&[self.dir.root().to_owned()], &self.dir.curve(), Options::default())
        {
            self.watch.observer.warning(&format!("no learning curve: {error}"));
        }
    }

    fn summary(&self, outcome: Outcome) -> Result<Summary, Error> {
        let (counters, config) = (self.trainer.counters(), self.trainer.config());
        let wall_s = self.journal.wall_s;
        Ok(Summary {
            env: self.env.id().into(),
            algo: config.algo.name().into(),
            seed: config.seed,
            threads: self.options.runtime.threads,
            steps: counters.steps,
            updates: counters.updates,
            episodes: counters.episodes,
            wall_s,
            steps_per_s: if wall_s > 0.0 { counters.steps as f64 / wall_s } else { 0.0 },
            mean_return_100: self.mean_return,
            best_mean_return_100: self.journal.best_mean_return_100,
            solved_at_steps: self.journal.solved_at_steps,
            solved_at_s: self.journal.solved_at_s,
            params_sha256: self.trainer.params_sha256(),
            state_sha256: self.trainer.state_sha256()?,
            exact_resume: self.trainer.exact_resume(),
            run_dir: self.dir.root().to_owned(),
            outcome,
            limit: self.journal.limit,
            best_evaluation: self.journal.best_evaluation,
            quality: last_quality(&self.dir),
        })
    }
}
