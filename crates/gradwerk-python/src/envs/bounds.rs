//! Observations that leave their own space.

use gradwerk_env::Space;
use pyo3::exceptions::{PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};

/// Share of a bound (of 1, if the bound is smaller) by which rounding may pass it.
const ROUNDING: f32 = 1e-5;

/// What every entry of an observation must stay within.
pub struct Bounds {
    low: Vec<f32>,
    high: Vec<f32>,
    /// Whether leaving them is an error; else the first time is a warning.
    pub strict: bool,
    warned: AtomicBool,
}

impl Bounds {
    /// Those of the `Box`es of a space; other values are checked where they are encoded.
    pub fn of(space: &Space, strict: bool) -> Self {
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for leaf in space.leaves() {
            match leaf {
                Space::Box { low: l, high: h } => {
                    low.extend_from_slice(l);
                    high.extend_from_slice(h);
                }
                other => {
                    low.resize(low.len() + other.width(), f32::NEG_INFINITY);
                    high.resize(high.len() + other.width(), f32::INFINITY);
                }
            }
        }
        Self { low, high, strict, warned: AtomicBool::new(false) }
    }

    /// Look at an observation.
    ///
    /// # Errors
    /// If it leaves the space: names the entry, its value and the bounds.
    pub fn check(&self, py: Python<'_>, row: &[f32], space: &Space, id: &str) -> PyResult<()> {
        let bounds = self.low.iter().zip(&self.high);
        let leaves = |(x, (low, high)): (&f32, (&f32, &f32))| {
            *x < low - slack(*low) || *x > high + slack(*high)
        };
        let Some(k) = row.iter().zip(bounds).position(leaves) else { return Ok(()) };
        let (x, low, high) = (row[k], self.low[k], self.high[k]);
        let name = space.entry_name(k);
        let text = format!(
            "observation{name} is {x}, outside the bounds [{low}, {high}] of its own space"
        );
        if self.strict {
            let advice = "widen observation_space, or pass check_bounds=False";
            return Err(PyValueError::new_err(format!("{text}: {advice}")));
        }
        if self.warned.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let text = format!("{id}: {text}; check_bounds=False says that this is as it should be");
        let text = CString::new(text).map_err(|error| PyValueError::new_err(error.to_string()))?;
        PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 2)
    }
}

fn slack(bound: f32) -> f32 {
    ROUNDING * bound.abs().max(1.0)
}
