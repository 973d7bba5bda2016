//! Runs with a directory: train, resume, evaluate.

use crate::behind::Behind;
use crate::error::{exception, plain};
use crate::observer::{self, Flag, PyObserver};
use crate::policy::PyPolicy;
use crate::settings::{PyConfig, options};
use gradwerk::env::EnvFactory;
use gradwerk::layers::resolve;
use gradwerk::run::dir::RunDir;
use gradwerk::run::driver::{self, RunOptions, Watch};
use gradwerk::run::metrics::{KEYS, read};
use gradwerk::run::summary::{Outcome, Summary};
use gradwerk::{Config, Error, EvalOptions, Kernel, Pool, Runtime, evaluate_until};
use numpy::PyArray1;
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How a run is carried out.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    run_dir: Option<PathBuf>,
    until: Option<f64>,
    stop_at: Option<u64>,
    init: Option<PathBuf>,
    threads: Option<usize>,
    kernel: Option<String>,
    command: Vec<String>,
}

impl Options {
    fn build(self) -> PyResult<RunOptions> {
        Ok(RunOptions {
            run_dir: self.run_dir,
            stop_at: self.stop_at,
            until: self.until,
            init: self.init,
            runtime: runtime(self.threads, self.kernel.as_deref())?,
            command: self.command,
            started: Instant::now(),
        })
    }
}

/// Threads and instructions, the best of the machine where nothing is said.
///
/// # Errors
/// If there is no such kernel.
pub fn runtime(threads: Option<usize>, kernel: Option<&str>) -> PyResult<Runtime> {
    let default = Runtime::default();
    let kernel = match kernel {
        None => default.kernel,
        Some(name) => {
            name.parse::<Kernel>().map_err(|error| PyValueError::new_err(error.to_string()))?
        }
    };
    Ok(Runtime { threads: threads.unwrap_or(default.threads), kernel })
}

/// The environment of a run: a native one by its name, or one with Python behind it.
///
/// # Errors
/// If there is no native environment of that name.
pub fn factory<'a>(id: &str, env: Option<&'a Behind>) -> PyResult<&'a dyn EnvFactory> {
    match env {
        Some(env) => Ok(env.factory()),
        None => gradwerk::env::find(id).map(|env| env as &dyn EnvFactory).map_err(plain),
    }
}

/// Train in a new run directory; returns the summary as JSON, and how the run ended.
#[pyfunction]
pub fn train(
    py: Python<'_>,
    config: &PyConfig,
    env: Option<Behind>,
    options: Options,
    hooks: Bound<'_, PyAny>,
    flag: &Flag,
) -> PyResult<(String, String)> {
    let env = env.as_ref();
    let (factory, options) = (factory(&config.resolved.config.env.id, env)?, options.build()?);
    let mut observer = PyObserver::new(hooks, flag)?;
    let result = py.detach(|| {
        let watch = Watch { observer: &mut observer, interrupt: &flag.0 };
        driver::train_env(&config.resolved.config, factory, &options, watch)
    });
    finish(result.map_err(|error| config.resolved.explain(error)), &mut observer, env)
}

/// Go on with a run; returns what `train` returns.
#[pyfunction]
pub fn resume(
    py: Python<'_>,
    run_dir: PathBuf,
    env: Option<Behind>,
    steps: Option<u64>,
    options: Options,
    hooks: Bound<'_, PyAny>,
    flag: &Flag,
) -> PyResult<(String, String)> {
    let env = env.as_ref();
    let id = env_id(run_dir.clone())?;
    let (factory, options) = (factory(&id, env)?, options.build()?);
    let mut observer = PyObserver::new(hooks, flag)?;
    let result = py.detach(|| {
        let watch = Watch { observer: &mut observer, interrupt: &flag.0 };
        driver::resume_env(&run_dir, factory, steps, &options, watch)
    });
    finish(result, &mut observer, env)
}

/// The environment that a run directory names.
#[pyfunction]
pub fn env_id(run_dir: PathBuf) -> PyResult<String> {
    Ok(config_of(&run_dir)?.env.id)
}

/// The options of the environment that a run directory names.
#[pyfunction]
pub fn env_options(py: Python<'_>, run_dir: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    options(py, &config_of(&run_dir)?)
}

fn config_of(run_dir: &Path) -> PyResult<Config> {
    let dir = RunDir::open(run_dir).map_err(|error| plain(Error::from(error)))?;
    resolve::load(&dir.config()).map_err(plain)
}

/// What a run came to: an exception of a hook comes before one of the run.
fn finish(
    result: Result<Summary, Error>,
    observer: &mut PyObserver,
    env: Option<&Behind>,
) -> PyResult<(String, String)> {
    if let Some(raised) = observer.take_raised() {
        return Err(raised);
    }
    let summary = result.map_err(|error| exception(&error, env))?;
    let outcome = match summary.outcome {
        Outcome::Finished => "finished",
        Outcome::Solved => "solved",
        Outcome::Stopped => "stopped",
        Outcome::Interrupted => "interrupted",
    };
    let text = serde_json::to_string(&summary);
    Ok((text.map_err(|e| PyValueError::new_err(e.to_string()))?, outcome.into()))
}

/// What is played.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Episodes {
    episodes: usize,
    seed: u64,
    stochastic: bool,
    threads: Option<usize>,
}

/// Play keyed episodes with a policy.
#[pyfunction]
pub fn evaluate<'py>(
    py: Python<'py>,
    policy: &PyPolicy,
    env_id: &str,
    env: Option<Behind>,
    episodes: Episodes,
    flag: &Flag,
) -> PyResult<Bound<'py, PyDict>> {
    let Episodes { episodes, seed, stochastic, threads } = episodes;
    let env = env.as_ref();
    let (factory, runtime) = (factory(env_id, env)?, runtime(threads, None)?);
    let (policy, options) = (policy.copy(), EvalOptions { episodes, seed, stochastic });
    let play =
        || evaluate_until(&policy, factory, options, &Pool::new(runtime.threads.max(1)), &flag.0);
    let result = match env {
        Some(_) => py.detach(play),
        None => py.detach(|| aside(play, flag))?,
    };
    match result.map_err(|error| exception(&error, env))? {
        Some(result) => observer::evaluation(py, &result),
        None => Err(PyKeyboardInterrupt::new_err("the evaluation was interrupted")),
    }
}

/// Run `work` on another thread, so that this one can see to signals meanwhile: one that raises
/// sets the flag.
fn aside<T: Send>(work: impl FnOnce() -> T + Send, flag: &Flag) -> PyResult<T> {
    let waiting = std::thread::current();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let result = work();
            waiting.unpark();
            result
        });
        let mut signals = Ok(());
        while !worker.is_finished() {
            std::thread::park_timeout(Duration::from_millis(50));
            if signals.is_ok() {
                signals = Python::attach(|py| py.check_signals());
                signals.is_err().then(|| flag.0.store(true, Ordering::Relaxed));
            }
        }
        let result = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        signals.map(|()| result)
    })
}

/// The columns of a run's `metrics.jsonl`: NaN where a row has no value.
#[pyfunction]
pub fn metrics(py: Python<'_>, run_dir: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let dir = RunDir::open(&run_dir).map_err(|error| plain(Error::from(error)))?;
    let rows = read(&dir.metrics()).map_err(|error| plain(Error::from(error)))?;
    let columns = PyDict::new(py);
    for key in KEYS {
        let column = rows.iter().map(|row| row.get(key.name));
        if column.clone().any(|x| x.is_some()) {
            let values: Vec<f64> = column.map(|x| x.unwrap_or(f64::NAN)).collect();
            columns.set_item(key.name, PyArray1::from_vec(py, values))?;
        }
    }
    Ok(columns)
}
