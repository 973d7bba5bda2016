//! A run in memory, update by update.

use crate::behind::Behind;
use crate::error::exception;
use crate::observer::report;
use crate::policy::PyPolicy;
use crate::run::{factory, runtime};
use crate::settings::PyConfig;
use gradwerk::Trainer;
use gradwerk::run::file;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A training run without a directory.
#[pyclass(frozen, name = "Trainer", module = "gradwerk._core")]
pub struct PyTrainer {
    trainer: Mutex<Trainer>,
    env: Option<Behind>,
    /// Whether an update failed; nothing can be said of the trainer then.
    broken: Mutex<bool>,
}

impl PyTrainer {
    /// The trainer, if no update is on its way: waiting for one that waits for the interpreter
    /// would never end.
    fn idle(&self) -> PyResult<MutexGuard<'_, Trainer>> {
        match self.trainer.try_lock() {
            Ok(trainer) => Ok(trainer),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("the trainer is in the middle of an update"))
            }
        }
    }

    fn broken(&self) -> MutexGuard<'_, bool> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error of gradwerk as an exception.
    fn raise(&self, error: &gradwerk::Error) -> PyErr {
        exception(error, self.env.as_ref())
    }
}

#[pymethods]
impl PyTrainer {
    #[new]
    #[pyo3(signature = (config, env=None, threads=None, kernel=None))]
    fn new(
        py: Python<'_>,
        config: &PyConfig,
        env: Option<Behind>,
        threads: Option<usize>,
        kernel: Option<&str>,
    ) -> PyResult<Self> {
        let own = env.as_ref();
        let runtime = runtime(threads, kernel)?;
        let factory = factory(&config.resolved.config.env.id, own)?;
        let made = py.detach(|| Trainer::with_env(&config.resolved.config, factory, runtime));
        let explained = made.map_err(|error| config.resolved.explain(error));
        let trainer = Mutex::new(explained.map_err(|error| exception(&error, own))?);
        Ok(Self { trainer, env, broken: Mutex::new(false) })
    }

    /// One rollout and one update; returns what it measured.
    fn update<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        if *self.broken() {
            return Err(PyRuntimeError::new_err("an earlier update failed: make a new trainer"));
        }
        py.check_signals()?;
        let result = py.detach(|| Ok::<_, PyErr>(self.idle()?.update()))?;
        match result {
            Ok(done) => report(py, &done),
            Err(error) => {
                *self.broken() = true;
                Err(self.raise(&error))
            }
        }
    }

    /// Whether all steps are done.
    #[getter]
    fn finished(&self) -> PyResult<bool> {
        Ok(self.idle()?.finished())
    }

    /// Transitions so far, over all environments.
    #[getter]
    fn steps(&self) -> PyResult<u64> {
        Ok(self.idle()?.counters().steps)
    }

    /// Updates so far.
    #[getter]
    fn updates(&self) -> PyResult<u64> {
        Ok(self.idle()?.counters().updates)
    }

    /// Finished episodes so far.
    #[getter]
    fn episodes(&self) -> PyResult<u64> {
        Ok(self.idle()?.counters().episodes)
    }

    /// Whether a restored trainer goes on bit for bit.
    #[getter]
    fn exact_resume(&self) -> PyResult<bool> {
        Ok(self.idle()?.exact_resume())
    }

    /// SHA-256 of the parameters.
    #[getter]
    fn params_sha256(&self) -> PyResult<String> {
        Ok(self.idle()?.params_sha256())
    }

    /// The settings as TOML.
    #[getter]
    fn config(&self) -> PyResult<String> {
        Ok(gradwerk::layers::resolve::to_toml(self.idle()?.config()))
    }

    /// The policy as it is now.
    #[getter]
    fn policy(&self) -> PyResult<PyPolicy> {
        Ok(PyPolicy::new(self.idle()?.policy()))
    }

    /// Write the state to a file.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        let state = self.idle()?.state().map_err(|error| self.raise(&error))?;
        file::write(&path, &state).map_err(|error| self.raise(&error.into()))
    }

    /// Go on from a state that a trainer with the same settings wrote.
    fn restore(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let state = file::read(&path).map_err(|error| self.raise(&error.into()))?;
        let restored = py.detach(|| Ok::<_, PyErr>(self.idle()?.restore(&state)))?;
        restored.map_err(|error| {
            *self.broken() = true;
            self.raise(&error)
        })
    }
}
