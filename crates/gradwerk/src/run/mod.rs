//! Everything a run leaves on the disk: its directory, checkpoints, metrics, statistics, plots.
//!
//! Nothing here knows how training works. The trainer fills a [`state::State`] and a
//! [`metrics::Row`]; readers (resume, plots, dashboards) open the files again.

pub mod checkpoint;
pub mod curve;
pub mod dir;
pub mod driver;
mod errors;
pub mod file;
pub mod metrics;
pub mod observe;
pub mod plot;
pub mod seeds;
pub(crate) mod spaces;
pub mod state;
pub mod stats;
pub mod summary;
