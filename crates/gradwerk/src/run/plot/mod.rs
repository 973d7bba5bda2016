//! Learning curves of finished or running runs, as SVG or PNG.
//!
//! The way of the data: run directories -> [`Curve`] (one per run) -> [`Group`] (runs that share
//! environment and algorithm) -> [`Scene`] (lines, areas, text) -> [`svg`] or [`png`]. The same
//! scene is written by both, and the PNG's letters come from a font inside the program, so that
//! it looks the same on a machine without fonts.
//!
//! Why no plotting crate: measured as cold release builds (user time), `resvg` alone, which the
//! crates that draw SVG need for a PNG with text, took 86 s, `kuva` 27 s (SVG only), `tiny-skia`
//! 16 s.

mod axis;
mod curves;
mod figure;
mod font;
pub mod png;
pub mod svg;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use axis::Axis;
pub use curves::{Band, Curve, Group, Sample};
pub use figure::figure;
pub use gradwerk_env::picture::{Anchor, Color, Item, Scene};

use super::dir::DirError;
use super::metrics::{KEYS, MetricsError};

/// What to draw.
#[derive(Clone, Debug)]
pub struct Options {
    /// The metric on the vertical axis, one of [`KEYS`].
    pub metric: String,
    /// What the band around the mean of several runs shows.
    pub band: Band,
    /// Mean return that counts as solved, by environment id: a dashed line.
    pub thresholds: BTreeMap<String, f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            metric: "mean_return_100".to_owned(),
            band: Band::Range,
            thresholds: BTreeMap::new(),
        }
    }
}

/// Draw the learning curves of `runs` into `out`, whose ending chooses SVG or PNG.
///
/// Runs that share environment and algorithm become one line with a band; every environment
/// gets a panel of its own. A run without a value yet leaves its place empty and says so.
///
/// # Errors
/// [`PlotError`]; nothing is written then.
pub fn plot(runs: &[PathBuf], out: &Path, options: &Options) -> Result<(), PlotError> {
    let encode = encoder(out)?;
    if !KEYS.iter().any(|k| k.name == options.metric) {
        return Err(PlotError::UnknownMetric(options.metric.clone()));
    }
    if runs.is_empty() {
        return Err(PlotError::NoRuns);
    }
    let curves =
        runs.iter().map(|r| Curve::load(r, &options.metric)).collect::<Result<Vec<_>, _>>()?;
    let bytes = encode(&figure(&curves, options));
    fs::write(out, bytes).map_err(|source| PlotError::Write { path: out.to_owned(), source })
}

fn encoder(out: &Path) -> Result<fn(&Scene) -> Vec<u8>, PlotError> {
    let ending = out.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("svg") => Ok(|scene| svg::encode(scene).into_bytes()),
        Some("png") => Ok(png::encode),
        _ => Err(PlotError::Ending(out.to_owned())),
    }
}

/// Why there is no plot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// Neither SVG nor PNG.
    #[error("{}: unknown file ending, expected .svg or .png", .0.display())]
    Ending(PathBuf),
    /// No run was named.
    #[error("no run directory to plot")]
    NoRuns,
    /// A metric that nobody documented.
    #[error("unknown metric `{metric}`, expected one of {choices}", metric = .0, choices = choices())]
    UnknownMetric(String),
    /// A run directory that cannot be opened.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// Metrics that cannot be read.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The picture cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

fn choices() -> String {
    KEYS.iter().map(|k| k.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
