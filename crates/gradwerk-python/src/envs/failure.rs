//! Exceptions of environments on their way through a run.

use gradwerk_env::EnvError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// The first exception of an environment: the run sees an [`EnvError`] and ends, and whoever
/// started it raises the exception itself.
#[derive(Clone, Default)]
pub struct Failure(Arc<Mutex<Option<PyErr>>>);

impl Failure {
    /// Keep an exception, with a note about where it happened; returns what the run is told.
    pub fn keep(&self, py: Python<'_>, place: &str, error: PyErr) -> EnvError {
        let text = EnvError(format!("{place}: {error}"));
        // Exceptions have had notes since Python 3.11; before, the place is lost to the reader.
        let _ = error.value(py).call_method1("add_note", (format!("gradwerk: {place}"),));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        text
    }

    /// The exception, once.
    pub fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
