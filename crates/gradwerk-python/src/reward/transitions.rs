//! What a reward function is called with.

use gradwerk_env::{End, Fact};
use numpy::PyArray1;
use numpy::prelude::*;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Transitions of several copies of an environment, a row each.
#[pyclass(frozen, module = "gradwerk._core")]
pub struct Transitions {
    #[pyo3(get)]
    obs: Py<PyAny>,
    #[pyo3(get)]
    action: Py<PyAny>,
    #[pyo3(get)]
    next_obs: Py<PyAny>,
    #[pyo3(get)]
    reward: Py<PyAny>,
    #[pyo3(get)]
    terminated: Py<PyAny>,
    #[pyo3(get)]
    truncated: Py<PyAny>,
    #[pyo3(get)]
    facts: Py<PyDict>,
    #[pyo3(get)]
    next_facts: Py<PyDict>,
    rows: usize,
}

#[pymethods]
impl Transitions {
    fn __len__(&self) -> usize {
        self.rows
    }
}

/// The numbers of the same transitions, row after row.
pub struct Columns<'a> {
    pub obs: &'a [f32],
    pub next_obs: &'a [f32],
    pub reward: &'a [f64],
    pub end: &'a [End],
    /// What `told` tells.
    pub facts: &'a [Fact],
    /// Before and after.
    pub told: [&'a [f64]; 2],
}

impl Transitions {
    /// Show these columns and the actions between.
    ///
    /// # Errors
    /// Those of numpy.
    pub fn of(py: Python<'_>, columns: &Columns<'_>, action: Bound<'_, PyAny>) -> PyResult<Self> {
        let rows = columns.reward.len();
        let table = |numbers: &[f32]| -> PyResult<Py<PyAny>> {
            let width = numbers.len() / rows;
            Ok(PyArray1::from_slice(py, numbers).reshape([rows, width])?.into_any().unbind())
        };
        let flags = |which: End| {
            let flags = columns.end.iter().map(|end| *end == which).collect();
            PyArray1::<bool>::from_vec(py, flags).into_any().unbind()
        };
        let [before, after] = columns.told;
        Ok(Self {
            obs: table(columns.obs)?,
            action: action.unbind(),
            next_obs: table(columns.next_obs)?,
            reward: PyArray1::from_slice(py, columns.reward).into_any().unbind(),
            terminated: flags(End::Terminated),
            truncated: flags(End::Truncated),
            facts: named(py, columns.facts, before, rows)?,
            next_facts: named(py, columns.facts, after, rows)?,
            rows,
        })
    }
}

/// The numbers of each fact: `[rows]` where it is one, else `[rows, k]`.
fn named(py: Python<'_>, facts: &[Fact], told: &[f64], rows: usize) -> PyResult<Py<PyDict>> {
    let (dict, width) = (PyDict::new(py), told.len() / rows);
    let mut from = 0;
    for Fact { name, len } in facts {
        let of_row = |i: usize| &told[i * width + from..][..*len];
        let column = PyArray1::from_vec(py, (0..rows).flat_map(of_row).copied().collect());
        match len {
            1 => dict.set_item(name, column)?,
            _ => dict.set_item(name, column.reshape([rows, *len])?)?,
        }
        from += len;
    }
    Ok(dict.unbind())
}
