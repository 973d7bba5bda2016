//! Observations that leave their own space.

use gradwerk_env::Space;
use pyo3::exceptions::{PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};

/// Share of a bound (of 1, if the bound is smaller) by which rounding may pass it.
const ROUNDING: f32 = 1e-5;

/// What the entries of an observation must stay within.
pub struct Bounds {
    entries: Vec<Entry>,
    /// Whether leaving them is an error; else the first time is a warning.
    pub strict: bool,
    warned: AtomicBool,
}

/// An entry that has bounds.
struct Entry {
    place: usize,
    low: f32,
    high: f32,
}

impl Entry {
    fn holds(&self, row: &[f32]) -> bool {
        // A NaN is found elsewhere.
        let x = row[self.place];
        !(x < self.low - slack(self.low) || x > self.high + slack(self.high))
    }
}

impl Bounds {
    /// Those of the `Box`es of a space; other values are checked where they are encoded.
    pub fn of(space: &Space, strict: bool) -> Self {
        let (mut entries, mut start) = (Vec::new(), 0);
        for leaf in space.leaves() {
            if let Space::Box { low, high } = leaf {
                let all = low.iter().zip(high).enumerate();
                let bounded = all.filter(|(_, (low, high))| low.is_finite() || high.is_finite());
                let entry = |(k, (&low, &high))| Entry { place: start + k, low, high };
                entries.extend(bounded.map(entry));
            }
            start += leaf.width();
        }
        Self { entries, strict, warned: AtomicBool::new(false) }
    }

    /// Look at an observation.
    ///
    /// # Errors
    /// If it leaves the space: names the entry, its value and the bounds.
    pub fn check(&self, py: Python<'_>, row: &[f32], space: &Space, id: &str) -> PyResult<()> {
        let left = |entry: &&Entry| !entry.holds(row);
        let Some(&Entry { place, low, high }) = self.entries.iter().find(left) else {
            return Ok(());
        };
        let (x, name) = (row[place], space.entry_name(place));
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
