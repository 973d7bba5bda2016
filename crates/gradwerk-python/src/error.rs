//! Errors of gradwerk as exceptions.

use crate::behind::Behind;
use gradwerk::Error;
use pyo3::exceptions::{PyFloatingPointError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The exception for an error: what the environment raised, if it did; else a `ValueError` for
/// what cannot be carried out, a `FloatingPointError` for a NaN, an `OSError` for files.
pub fn exception(error: &Error, env: Option<&Behind>) -> PyErr {
    if let Some(raised) = env.and_then(Behind::take_exception) {
        return raised;
    }
    let text = error.to_string();
    match error {
        Error::Invalid(_) | Error::Usage(_) => PyValueError::new_err(text),
        Error::NonFinite { .. } => PyFloatingPointError::new_err(text),
        Error::Io { .. } => PyOSError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

/// For `map_err` where no environment is in play.
pub fn plain(error: impl Into<Error>) -> PyErr {
    exception(&error.into(), None)
}
