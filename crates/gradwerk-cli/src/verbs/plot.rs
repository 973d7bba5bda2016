//! `gradwerk plot`: learning curves.

use crate::output;
use gradwerk::Error;
use gradwerk::run::dir::RunDir;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `plot`.
#[derive(clap::Args)]
pub struct Plot {
    /// Directories of runs; runs of one environment and algorithm become one line with a band
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// File to write; its ending (.svg or .png) is its format
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Plot {
    /// Draw.
    ///
    /// # Errors
    /// If a directory is not a run, or the file cannot be written.
    pub fn run(self) -> Result<ExitCode, Error> {
        for run in &self.runs {
            RunDir::open(run)?;
        }
        gradwerk::run::curve::draw(&self.runs, &self.output)?;
        output::human(&format!("wrote {}", self.output.display()));
        Ok(ExitCode::SUCCESS)
    }
}
