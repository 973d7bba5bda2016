//! Columns that two processes see: arrays of numpy on the same memory.
//!
//! One process writes while the other waits for its word, so that nobody reads half a step.

use crate::arrays;
use gradwerk_env::End;
use numpy::Element;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// The columns of a step, one row per slot.
#[derive(FromPyObject)]
pub struct Shared {
    /// `[n, d]` in f32.
    pub obs: Py<PyAny>,
    /// `[n, d]` in f32.
    pub final_obs: Py<PyAny>,
    /// `[n]` in f64.
    pub reward: Py<PyAny>,
    /// `[n]` in u8: 0 goes on, 1 terminated, 2 truncated.
    pub end: Py<PyAny>,
    /// `[n]`: which slots are stepped.
    pub active: Py<PyAny>,
    /// `[n]`: which slots lost their step.
    pub lost: Py<PyAny>,
    /// `[n, wd]` in u32.
    pub discrete: Py<PyAny>,
    /// `[n, wc]` in f32.
    pub continuous: Py<PyAny>,
    /// `[n, mask_width]`.
    pub masks: Py<PyAny>,
    /// `[n]` in u64: the episode of each slot.
    pub episode: Py<PyAny>,
    /// `[n]` in u64: the steps of each slot.
    pub steps: Py<PyAny>,
}

/// Write a whole column.
///
/// # Errors
/// If the array is of another type or size.
pub fn put<T: Element + Copy>(py: Python<'_>, array: &Py<PyAny>, entries: &[T]) -> PyResult<()> {
    let written = arrays::with_slice_mut::<T, bool>(array.bind(py), |out| {
        let fits = out.len() == entries.len();
        if fits {
            out.copy_from_slice(entries);
        }
        fits
    });
    checked(written)
}

/// Read a whole column.
///
/// # Errors
/// If the array is of another type or size.
pub fn get<T: Element + Copy>(py: Python<'_>, array: &Py<PyAny>, out: &mut [T]) -> PyResult<()> {
    let read = arrays::with_slice::<T, bool>(array.bind(py), |entries| {
        let fits = out.len() == entries.len();
        if fits {
            out.copy_from_slice(entries);
        }
        fits
    });
    checked(read)
}

/// Read the rows of the chosen slots.
///
/// # Errors
/// If the array is of another type or size.
pub fn get_rows<T: Element + Copy>(
    py: Python<'_>,
    array: &Py<PyAny>,
    chosen: impl Iterator<Item = usize>,
    width: usize,
    out: &mut [T],
) -> PyResult<()> {
    let read = arrays::with_slice::<T, bool>(array.bind(py), |entries| {
        let fits = out.len() == entries.len();
        for row in chosen.filter(|_| fits).map(|i| i * width..(i + 1) * width) {
            out[row.clone()].copy_from_slice(&entries[row]);
        }
        fits
    });
    checked(read)
}

fn checked(fits: Option<bool>) -> PyResult<()> {
    match fits {
        Some(true) => Ok(()),
        _ => Err(PyTypeError::new_err("a shared column has another type or size than its place")),
    }
}

/// What a number of the column `end` stands for.
pub fn end_of(code: u8) -> End {
    match code {
        0 => End::Continue,
        1 => End::Terminated,
        _ => End::Truncated,
    }
}
