//! Learning curves with the thresholds of the built-in environments.

use super::plot::{self, Options, PlotError};
use crate::Error;
use std::path::{Path, PathBuf};

/// Draw the learning curves of `runs` into `out` (SVG or PNG by its ending), with a dashed
/// line where a built-in environment counts as solved unless `options` says where.
///
/// # Errors
/// If a run cannot be read or the picture cannot be written.
pub fn draw(runs: &[PathBuf], out: &Path, mut options: Options) -> Result<(), Error> {
    for env in gradwerk_env::registry::all() {
        if let Some(threshold) = env.solved_at() {
            options.thresholds.entry(env.id().to_owned()).or_insert(threshold);
        }
    }
    Ok(plot::plot(runs, out, &options)?)
}

/// What the system refuses is a failure; any other is a command that cannot be carried out.
impl From<PlotError> for Error {
    fn from(error: PlotError) -> Self {
        match error {
            PlotError::Write { path, source } => Self::Io { action: "write", path, source },
            PlotError::Dir(error) => error.into(),
            PlotError::Metrics(error) => error.into(),
            other => Self::Usage(other.to_string()),
        }
    }
}
