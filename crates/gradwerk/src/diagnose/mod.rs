//! How good the gradient is, measured while a run goes on.
//!
//! Nothing here changes what a run learns: the numbers are read off the chunks of the gradients
//! that the updates take anyway, and off a few rows of the batch. `docs/diagnostics.md` says
//! what to do when one of them is bad.

mod baseline;
mod gradient;

pub use baseline::{BaselineProbe, BaselineQuality, BaselineSums, SAMPLE};
pub use gradient::{GradientProbe, GradientQuality, NoiseSums};

use crate::config::{Invalid, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Measuring the quality of the gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DiagnoseConfig {
    /// Updates from one measurement of the gradient's quality to the next; 0 turns it off.
    pub every: u64,
}

impl Default for DiagnoseConfig {
    fn default() -> Self {
        Self { every: 10 }
    }
}

impl DiagnoseConfig {
    /// Check the numbers.
    ///
    /// # Errors
    /// The first one that is out of range.
    pub fn check(&self) -> Result<(), Invalid> {
        let rule = "must be below 2^63, the range of TOML integers";
        require(i64::try_from(self.every).is_ok(), "diagnose.every", self.every, rule)
    }

    /// Whether the update after `updates` of them is measured.
    #[must_use]
    pub fn is_due(&self, updates: u64) -> bool {
        self.every > 0 && updates.is_multiple_of(self.every)
    }
}

/// What was found in one update.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// Of the gradients; none if all of them had a single chunk.
    pub gradient: Option<GradientQuality>,
    /// Of the baseline; none if all returns or all scores are 0.
    pub baseline: Option<BaselineQuality>,
}

impl Diagnosis {
    /// Metric keys and values of what is there.
    pub fn metrics(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let (g, b) = (self.gradient, self.baseline);
        [
            ("gradient_snr", g.map(|g| g.snr)),
            ("gradient_noise_scale", g.and_then(|g| g.noise_scale)),
            ("gradient_half_cosine", g.map(|g| g.half_cosine)),
            ("baseline_removed", b.map(|b| b.removed)),
            ("baseline_removed_constant", b.map(|b| b.removed_by_constant)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
    }
}
