//! Errors about the files of a run as errors of gradwerk.

use super::dir::DirError;
use super::metrics::MetricsError;
use crate::Error;

/// What the system refuses is a failed run; any other is a command that cannot be carried out.
impl From<DirError> for Error {
    fn from(error: DirError) -> Self {
        match error {
            DirError::Io { action, path, source } => Self::Io { action, path, source },
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<MetricsError> for Error {
    fn from(error: MetricsError) -> Self {
        match error {
            MetricsError::Io { action, path, source } => Self::Io { action, path, source },
            other => Self::Usage(other.to_string()),
        }
    }
}
