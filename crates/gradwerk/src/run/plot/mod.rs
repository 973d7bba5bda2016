//! Learning curves of finished or running runs, as SVG or PNG.
//!
//! The way of the data: run directories -> [`Curve`] (one per run) -> [`Group`] (runs of which only
//! the seeds differ) -> [`Panel`] -> [`Scene`] (lines, areas, text) -> [`svg`] or [`png`]. The same
//! scene is written by both, and the PNG's letters come from a font inside the program, so that it
//! looks the same on a machine without fonts. The rows of a report of `verify` take the same way
//! from the panel on ([`plot_variance`]).
//!
//! Why no plotting crate: measured as cold release builds (user time), `resvg` alone, which the
//! crates that draw SVG need for a PNG with text, took 86 s, `kuva` 27 s (SVG only), `tiny-skia`
//! 16 s.

mod axis;
mod curves;
mod figure;
pub mod film;
mod font;
mod panel;
pub mod png;
mod scale;
pub mod svg;
mod variance;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use axis::Axis;
pub use curves::{Band, Curve, Group, Sample};
pub use figure::figure;
pub use gradwerk_env::picture::{Anchor, Color, Item, Scene};
pub use panel::{Line, Panel, Style, sheet};
pub use scale::Scale;
pub use variance::{Reported, figure as variance_figure};

use super::dir::DirError;
use super::metrics::{KEYS, MetricsError};

/// What to draw.
#[derive(Clone, Debug)]
pub struct Options {
    /// The metric on the vertical axis, one of [`KEYS`].
    pub metric: String,
    /// Settings (`estimator.kind`, ...) that runs of one line have in common, and that name it;
    /// empty for all of them.
    pub by: Vec<String>,
    /// What the band around the mean of several runs shows.
    pub band: Band,
    /// Mean return that counts as solved, in every environment; none for those of `thresholds`.
    pub threshold: Option<f64>,
    /// Mean return that counts as solved, by environment id: a dashed line.
    pub thresholds: BTreeMap<String, f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            metric: "mean_return_100".to_owned(),
            by: Vec::new(),
            band: Band::Range,
            threshold: None,
            thresholds: BTreeMap::new(),
        }
    }
}

/// Draw the learning curves of `runs` into `out`, whose ending chooses SVG or PNG.
///
/// Runs that share environment, algorithm and settings (or the settings `options.by`) become one
/// line with a band; every environment gets a panel of its own. A run that is named twice is drawn
/// once. A run without a value yet leaves its place empty and says so.
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
    let load = |run: &PathBuf| Curve::load(run, &options.metric, &options.by);
    let curves = distinct(runs).into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
    write(out, &encode(&figure(&curves, options)))
}

/// Draw the variance of estimates against the size of the batch, from a report of
/// `gradwerk verify --json`: a line per row whose name has all words of `filter`, a panel per
/// problem.
///
/// # Errors
/// [`PlotError`]; nothing is written then.
pub fn plot_variance(report: &Path, filter: &str, out: &Path) -> Result<(), PlotError> {
    let encode = encoder(out)?;
    let rows = Reported::read(report, filter)?;
    write(out, &encode(&variance_figure(&rows)))
}

/// Write a scene into `out`, whose ending chooses SVG or PNG.
///
/// # Errors
/// [`PlotError::Ending`], [`PlotError::Write`].
pub fn draw(scene: &Scene, out: &Path) -> Result<(), PlotError> {
    write(out, &encoder(out)?(scene))
}

fn write(out: &Path, bytes: &[u8]) -> Result<(), PlotError> {
    fs::write(out, bytes).map_err(|source| PlotError::Write { path: out.to_owned(), source })
}

/// Every run once, by whatever path it is named.
fn distinct(runs: &[PathBuf]) -> Vec<&PathBuf> {
    let mut seen = std::collections::BTreeSet::new();
    // A path that cannot be resolved is left for the error that names it.
    let place = |run: &PathBuf| fs::canonicalize(run).unwrap_or_else(|_| run.clone());
    runs.iter().filter(|run| seen.insert(place(run))).collect()
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
    /// A configuration that cannot be read.
    #[error("{}: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A setting that a run does not have.
    #[error("{}: no setting `{key}` (gradwerk config default lists them)", path.display())]
    NoSetting {
        /// Its name.
        key: String,
        /// The run's configuration.
        path: PathBuf,
    },
    /// A file that is no report of `gradwerk verify --json`.
    #[error("{}: not a report of gradwerk verify --json: {why}", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A report without a row to draw.
    #[error("no row of the report with a variance matches `{0}`")]
    NoRows(String),
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
