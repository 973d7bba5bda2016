//! `gradwerk plot`: learning curves, and the variances of `verify`.

use crate::output;
use gradwerk::Error;
use gradwerk::run::curve;
use gradwerk::run::dir::RunDir;
use gradwerk::run::plot::{self, Band, Options};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `plot`.
#[derive(clap::Args)]
pub struct Plot {
    /// Directories of runs; those that differ only in their seed become one line with a band
    #[arg(required_unless_present = "verify")]
    runs: Vec<PathBuf>,
    /// File to write; its ending (.svg or .png) is its format
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The metric on the vertical axis (gradwerk list metrics)
    #[arg(long, value_name = "NAME", default_value = "mean_return_100")]
    metric: String,
    /// Runs with equal values of this setting (estimator.kind, ...) become one line that is named by
    /// it, whatever else they differ in; as often as needed
    #[arg(long, value_name = "SETTING")]
    by: Vec<String>,
    /// Mean return of the dashed line, in the place of that at which the environment is solved
    #[arg(long, value_name = "RETURN", allow_hyphen_values = true)]
    threshold: Option<f64>,
    /// Draw the variance of estimates against the batch, from a report of `verify --json`
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["runs", "metric", "by", "band", "threshold"])]
    verify: Option<PathBuf>,
    /// Only rows of the report whose name contains all of these words
    #[arg(long, value_name = "TEXT", default_value = "", requires = "verify")]
    filter: String,
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
    /// If a directory is not a run or a file no report, or the picture cannot be written.
    pub fn run(self) -> Result<ExitCode, Error> {
        match &self.verify {
            Some(report) => plot::plot_variance(report, &self.filter, &self.output)?,
            None => self.curves()?,
        }
        output::human(&format!("wrote {}", self.output.display()));
        Ok(ExitCode::SUCCESS)
    }

    fn curves(&self) -> Result<(), Error> {
        for run in &self.runs {
            RunDir::open(run)?;
        }
        let band = match self.band {
            Spread::Range => Band::Range,
            Spread::Interval => Band::Interval95,
        };
        let (metric, by, threshold) = (self.metric.clone(), self.by.clone(), self.threshold);
        let options = Options { metric, by, band, threshold, ..Options::default() };
        curve::draw(&self.runs, &self.output, options)
    }
}
