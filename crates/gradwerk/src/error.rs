//! What can go wrong, and the exit code that says so.

use crate::config::Invalid;
use crate::estimate::ImportanceError;
use crate::run::state::StateError;
use gradwerk_env::{EnvError, FindError};
use std::path::PathBuf;

/// Any failure of gradwerk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting with a value it must not have.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A configuration or command that cannot be carried out; the text says which and why.
    #[error("{0}")]
    Usage(String),
    /// A NaN or an infinity where only finite numbers may be.
    #[error("{what} is {value} at {place}")]
    NonFinite {
        /// The quantity ("reward", `observation[3]`, "gradient", ...).
        what: String,
        /// The value found.
        value: f64,
        /// Environment index and step, or layer and update.
        place: String,
    },
    /// A stored batch of which importance sampling leaves too little.
    #[error(
        "the effective sample size of the {batch} is {ess:.2} of {samples} samples, below \
         algo.min_ess = {min_ess}: smaller steps (lr), or go on with algo.low_ess = \"warn\" \
         (stored batches: fewer algo.batches, or \"drop\")"
    )]
    LowEss {
        /// Which one.
        batch: String,
        /// Its effective sample size.
        ess: f64,
        /// Its trajectories (first-order form: rows).
        samples: usize,
        /// The smallest share that is accepted.
        min_ess: f64,
    },
    /// A row that importance sampling cannot weigh.
    #[error(transparent)]
    Importance(#[from] ImportanceError),
    /// An environment that cannot go on.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// A file that is not what it should be.
    #[error(transparent)]
    State(#[from] StateError),
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried ("write", "create", ...).
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason given.
        source: std::io::Error,
    },
}

impl Error {
    /// Exit code of the command line: 2 for usage and configuration, 1 for a failed run.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid(_) | Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// Say in which update (counted from 1) a number of the learner stopped being one.
    pub(crate) fn in_update(self, update: u64) -> Self {
        match self {
            Self::NonFinite { what, value, place } => {
                Self::NonFinite { what, value, place: format!("{place}, update {update}") }
            }
            other => other,
        }
    }

    /// For `map_err` on an error of usage.
    pub(crate) fn usage(error: impl std::fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// For `map_err` on a file operation.
    pub fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// Asking for an environment that does not exist is a mistake of usage.
impl From<FindError> for Error {
    fn from(error: FindError) -> Self {
        Self::usage(error)
    }
}
