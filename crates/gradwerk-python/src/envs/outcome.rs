//! What `step` and `reset` return.

use crate::arrays::describe;
use gradwerk_env::End;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The five values of `step`.
pub struct Stepped<'py> {
    pub obs: Bound<'py, PyAny>,
    pub reward: Bound<'py, PyAny>,
    pub terminated: Bound<'py, PyAny>,
    pub truncated: Bound<'py, PyAny>,
    pub info: Bound<'py, PyAny>,
}

impl<'py> Stepped<'py> {
    /// Take the tuple apart.
    ///
    /// # Errors
    /// If it is no tuple of five values.
    pub fn of(result: &Bound<'py, PyAny>) -> PyResult<Self> {
        let found = match result.cast::<PyTuple>() {
            Ok(tuple) if tuple.len() == 5 => {
                return Ok(Self {
                    obs: tuple.get_item(0)?,
                    reward: tuple.get_item(1)?,
                    terminated: tuple.get_item(2)?,
                    truncated: tuple.get_item(3)?,
                    info: tuple.get_item(4)?,
                });
            }
            Ok(tuple) => format!("{} values", tuple.len()),
            Err(_) => describe(result),
        };
        Err(PyTypeError::new_err(format!(
            "step returned {found}, expected (observation, reward, terminated, truncated, info)"
        )))
    }

    /// The reward of a single environment.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn reward(&self) -> PyResult<f64> {
        reward(&self.reward)
    }

    /// What follows in a single environment.
    ///
    /// # Errors
    /// If a flag has no truth value.
    pub fn end(&self) -> PyResult<End> {
        Ok(end(self.terminated.is_truthy()?, self.truncated.is_truthy()?))
    }
}

/// A reward as a number.
///
/// # Errors
/// If it is none.
pub fn reward(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    value.extract().or_else(|_| {
        // An array with one entry is a number to its author.
        value.call_method0("item").and_then(|x| x.extract()).map_err(|_| {
            let found = describe(value);
            PyTypeError::new_err(format!("the reward is {found}, expected a number"))
        })
    })
}

/// A step that does both terminates.
pub fn end(terminated: bool, truncated: bool) -> End {
    match (terminated, truncated) {
        (true, _) => End::Terminated,
        (false, true) => End::Truncated,
        (false, false) => End::Continue,
    }
}

/// Observation and info of `reset`.
///
/// # Errors
/// If it is no pair.
pub fn of_reset<'py>(
    result: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    match result.cast::<PyTuple>() {
        Ok(pair) if pair.len() == 2 => Ok((pair.get_item(0)?, pair.get_item(1)?)),
        _ => Err(PyValueError::new_err(format!(
            "reset returned {}, expected (observation, info)",
            describe(result)
        ))),
    }
}
