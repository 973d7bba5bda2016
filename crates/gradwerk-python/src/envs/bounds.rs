//! Observations that leave their own space.

use gradwerk_env::Space;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Share of a bound (of 1, if the bound is smaller) by which rounding may pass it.
const ROUNDING: f32 = 1e-5;

/// What every entry of an observation must stay within.
pub struct Bounds {
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Bounds {
    /// Those of the `Box`es of a space; other values are checked where they are encoded.
    pub fn of(space: &Space) -> Self {
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
        Self { low, high }
    }

    /// Look at an observation.
    ///
    /// # Errors
    /// If it leaves the space: names the entry, its value and the bounds.
    pub fn check(&self, row: &[f32], space: &Space) -> PyResult<()> {
        let bounds = self.low.iter().zip(&self.high);
        let leaves = |(x, (low, high)): (&f32, (&f32, &f32))| {
            *x < low - slack(*low) || *x > high + slack(*high)
        };
        let Some(k) = row.iter().zip(bounds).position(leaves) else { return Ok(()) };
        let (x, low, high) = (row[k], self.low[k], self.high[k]);
        Err(PyValueError::new_err(format!(
            "observation{} is {x}, outside the bounds [{low}, {high}] of its own space: widen \
             observation_space, or pass check_bounds=False",
            space.entry_name(k)
        )))
    }
}

fn slack(bound: f32) -> f32 {
    ROUNDING * bound.abs().max(1.0)
}
