//! `gradwerk plot`: learning curves.

use crate::output;
use gradwerk::Error;
use gradwerk::run::curve;
use gradwerk::run::dir::RunDir;
use gradwerk::run::plot::{Band, Options};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `plot`.
#[derive(clap::Args)]
pub struct Plot {
    /// Directories of runs; those that differ only in their seed become one line with a band
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// File to write; its ending (.svg or .png) is its format
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The metric on the vertical axis (gradwerk list metrics)
    #[arg(long, value_name = "NAME", default_value = "mean_return_100")]
    metric: String,
    /// What the band around the mean of several runs shows
    #[arg(long, value_name = "KIND", default_value = "range")]
    band: Spread,
}

/// The band around the mean of several runs.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Spread {
    /// From the smallest to the largest run
    Range,
    /// The 95 % bootstrap interval of the mean
    Interval,
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
        let band = match self.band {
            Spread::Range => Band::Range,
            Spread::Interval => Band::Interval95,
        };
        let options = Options { metric: self.metric, band, ..Options::default() };
        curve::draw(&self.runs, &self.output, options)?;
        output::human(&format!("wrote {}", self.output.display()));
        Ok(ExitCode::SUCCESS)
    }
}
