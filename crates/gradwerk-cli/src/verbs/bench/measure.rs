//! Repeated measurements and their median.

use crate::number::short;
use gradwerk::Error;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How often and how long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Number of measurements.
    pub repeats: u32,
    span: Duration,
}

/// The result of one work.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Name of the work.
    pub work: String,
    /// What is counted: `steps/s`, `GFLOP/s`, `s`.
    pub unit: &'static str,
    /// Median of the measurements.
    pub median: f64,
    /// Smallest measurement.
    pub min: f64,
    /// Largest measurement.
    pub max: f64,
    /// Number of measurements.
    pub repeats: usize,
    /// Further numbers by name: shares of the time, of the peak, ...
    pub detail: BTreeMap<&'static str, f64>,
}

impl Measured {
    /// From all measurements.
    pub fn new(work: impl Into<String>, unit: &'static str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let n = values.len();
        Self {
            work: work.into(),
            unit,
            median: 0.5 * (values[(n - 1) / 2] + values[n / 2]),
            min: values[0],
            max: values[n - 1],
            repeats: n,
            detail: BTreeMap::new(),
        }
    }

    /// With another number.
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.detail.insert(name, value);
        self
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |x: f64| if self.unit == "s" { format!("{x:.3}") } else { short(x) };
        let (median, min, max) = (number(self.median), number(self.min), number(self.max));
        write!(f, "{:32} {median:>9} {} ({min} to {max})", self.work, self.unit)?;
        self.detail.iter().try_for_each(|(name, value)| write!(f, ", {name} {value:.3}"))
    }
}

impl Clock {
    /// `repeats` measurements of `seconds` each.
    ///
    /// # Errors
    /// If the seconds are not positive.
    pub fn new(repeats: u32, seconds: f64) -> Result<Self, Error> {
        let span = Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero());
        let span =
            span.ok_or_else(|| Error::Usage(format!("--seconds {seconds}: must be positive")))?;
        Ok(Self { repeats, span })
    }

    /// The same, but at most `repeats` measurements.
    pub fn at_most(self, repeats: u32) -> Self {
        Self { repeats: self.repeats.min(repeats), ..self }
    }

    /// Units per second, after a warm-up of half a measurement. `work` returns the units it did.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn rates(&self, mut work: impl FnMut() -> Result<f64, Error>) -> Result<Vec<f64>, Error> {
        let mut rate = |span: Duration| -> Result<f64, Error> {
            let (start, mut units) = (Instant::now(), 0.0);
            while units == 0.0 || start.elapsed() < span {
                units += work()?;
            }
            Ok(units / start.elapsed().as_secs_f64())
        };
        rate(self.span / 2)?;
        (0..self.repeats).map(|_| rate(self.span)).collect()
    }
}

/// The largest memory of this process so far, where the system tells.
pub fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
