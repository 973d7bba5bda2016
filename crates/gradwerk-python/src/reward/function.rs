//! The function, and what it may return.

use crate::arrays;
use crate::envs::Failure;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Kinds of numbers, as numpy's types have them.
const NUMBERS: &str = "biuf";

/// A function that gives rewards.
pub struct Function {
    function: Py<PyAny>,
    /// Module and qualified name.
    pub name: String,
    /// Where exceptions wait until the run has returned.
    pub failure: Failure,
}

impl Function {
    /// A function and its name.
    pub fn new(function: Py<PyAny>, name: String) -> Self {
        Self { function, name, failure: Failure::default() }
    }

    /// The rewards of `n` transitions; `place` says in messages which these are.
    ///
    /// # Errors
    /// What the function raises; if it returns anything but `n` numbers.
    pub fn call(
        &self,
        py: Python<'_>,
        transitions: Bound<'_, PyAny>,
        n: usize,
        place: &str,
    ) -> PyResult<Vec<f64>> {
        static AS_ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let returned = self.function.bind(py).call1((transitions,))?;
        let found = || {
            let found = arrays::describe(&returned);
            format!("the reward function `{}` returned {found} ({place})", self.name)
        };
        let unfit = |_| PyTypeError::new_err(format!("{}, expected {n} numbers", found()));
        let array = AS_ARRAY.import(py, "numpy", "asarray")?.call1((&returned,)).map_err(unfit)?;
        let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
        if !NUMBERS.contains(&kind) {
            return Err(PyTypeError::new_err(format!("{}, expected {n} numbers", found())));
        }
        let (rewards, _) = arrays::doubles(&array)?;
        let shape: Vec<usize> = array.getattr("shape")?.extract()?;
        if shape != [n] {
            let text = format!("{}, expected the shape [{n}]: a number per transition", found());
            return Err(PyValueError::new_err(text));
        }
        Ok(rewards)
    }
}
