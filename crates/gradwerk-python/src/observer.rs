//! Whoever follows a run from Python.

use gradwerk::evaluate::Evaluation;
use gradwerk::run::observe::{Begun, Observer, Progress};
use gradwerk::trainer::Report;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that asks a run to stop at the next update.
#[pyclass(frozen, module = "gradwerk._core")]
#[derive(Default)]
pub struct Flag(pub Arc<AtomicBool>);

#[pymethods]
impl Flag {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Ask.
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Passes on what happens to the methods `begun`, `updated`, `evaluated`, `warning` and `ended`
/// of a Python object.
pub struct PyObserver {
    hooks: Py<PyAny>,
    flag: Arc<AtomicBool>,
    /// Whether the hooks want what the updates report.
    wants_updates: bool,
    /// The first exception of a hook or a signal handler; the run stops with a checkpoint.
    raised: Option<PyErr>,
}

impl PyObserver {
    /// An observer that may set `flag`.
    ///
    /// # Errors
    /// If the hooks do not say what they want.
    pub fn new(hooks: Bound<'_, PyAny>, flag: &Flag) -> PyResult<Self> {
        let wants_updates = hooks.getattr("wants_updates")?.extract()?;
        let (hooks, flag) = (hooks.unbind(), Arc::clone(&flag.0));
        Ok(Self { hooks, flag, wants_updates, raised: None })
    }

    /// The exception that stopped the run.
    pub fn take_raised(&mut self) -> Option<PyErr> {
        self.raised.take()
    }

    fn attempt(&mut self, f: impl FnOnce(Python<'_>, &Py<PyAny>) -> PyResult<()>) {
        if let Err(error) = Python::attach(|py| f(py, &self.hooks)) {
            self.flag.store(true, Ordering::Relaxed);
            self.raised.get_or_insert(error);
        }
    }
}

impl Observer for PyObserver {
    fn begun(&mut self, run: &Begun<'_>) {
        self.attempt(|py, hooks| {
            let dict = PyDict::new(py);
            dict.set_item("run_dir", run.run_dir)?;
            dict.set_item("steps", run.steps)?;
            dict.set_item("limit", run.limit)?;
            hooks.call_method1(py, "begun", (dict,)).map(|_| ())
        });
    }

    fn updated(&mut self, progress: &Progress<'_>) {
        let wants_updates = self.wants_updates;
        self.attempt(|py, hooks| {
            py.check_signals()?;
            if !wants_updates {
                return Ok(());
            }
            let dict = report(py, progress.report)?;
            dict.set_item("limit", progress.limit)?;
            dict.set_item("wall_s", progress.wall_s)?;
            dict.set_item("steps_per_s", progress.steps_per_s)?;
            hooks.call_method1(py, "updated", (dict,)).map(|_| ())
        });
    }

    fn evaluated(&mut self, steps: u64, evaluation: &Evaluation, best: bool) {
        self.attempt(|py, hooks| {
            let dict = self::evaluation(py, evaluation)?;
            dict.set_item("steps", steps)?;
            dict.set_item("best", best)?;
            hooks.call_method1(py, "evaluated", (dict,)).map(|_| ())
        });
    }

    fn warning(&mut self, text: &str) {
        self.attempt(|py, hooks| hooks.call_method1(py, "warning", (text,)).map(|_| ()));
    }

    fn ended(&mut self) {
        self.attempt(|py, hooks| hooks.call_method0(py, "ended").map(|_| ()));
    }
}

/// What an update reports, under the keys of `metrics.jsonl`.
pub fn report<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let (counters, stats) = (report.counters, &report.stats);
    let policy = &stats.sums.policy;
    let mean = |sum: f64| sum / policy.rows.max(1) as f64;
    let dict = PyDict::new(py);
    dict.set_item("steps", counters.steps)?;
    dict.set_item("updates", counters.updates)?;
    dict.set_item("episodes", counters.episodes)?;
    dict.set_item("mean_return_100", report.mean_return)?;
    dict.set_item("mean_length_100", report.mean_length)?;
    dict.set_item("policy_loss", mean(policy.loss))?;
    dict.set_item("entropy", mean(policy.entropy))?;
    dict.set_item("approx_kl", stats.sums.approx_kl())?;
    dict.set_item("explained_variance", report.explained_variance)?;
    dict.set_item("grad_norm", stats.grad_norm)?;
    dict.set_item("lr", stats.lr)?;
    for (key, value) in report.diagnosis.iter().flat_map(|diagnosis| diagnosis.metrics()) {
        dict.set_item(key, value)?;
    }
    Ok(dict)
}

/// The result of an evaluation.
pub fn evaluation<'py>(py: Python<'py>, result: &Evaluation) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("env", &result.env)?;
    dict.set_item("episodes", result.episodes)?;
    dict.set_item("mean_return", result.mean_return)?;
    dict.set_item("std_return", result.std_return)?;
    dict.set_item("ci95", result.ci95)?;
    dict.set_item("min", result.min)?;
    dict.set_item("max", result.max)?;
    dict.set_item("mean_length", result.mean_length)?;
    dict.set_item("returns", numpy::PyArray1::from_slice(py, &result.returns))?;
    Ok(dict)
}
