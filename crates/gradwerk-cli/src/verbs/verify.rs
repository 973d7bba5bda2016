//! `gradwerk verify`: does every estimator do what it says?

use crate::number;
use crate::output::Verbosity;
use gradwerk::Error;
use gradwerk::verify::{Options, Sizes, verify};
use std::process::ExitCode;

/// Arguments of `verify`.
#[derive(clap::Args)]
pub struct Verify {
    /// Only rows whose name contains all of these words, e.g. "fork gae from-start"
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Batches per sampled row; more find smaller faults
    #[arg(long, value_name = "N", default_value = "4000", value_parser = number::count)]
    samples: u64,
    /// Trajectories per batch, e.g. 1,2,4,8: in every row as far as its batches can be counted
    /// [default: 1,2,4; sampled rows: 8]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = number::count)]
    batches: Vec<u64>,
    /// Threads that share the rows; the numbers do not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = number::count)]
    threads: Option<u64>,
    #[command(flatten)]
    verbosity: Verbosity,
}

impl Verify {
    /// Measure and judge.
    ///
    /// # Errors
    /// If no row matches, or a setting is out of range.
    pub fn run(self) -> Result<ExitCode, Error> {
        let available = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or(available, |n| usize::try_from(n).unwrap_or(available));
        if self.samples < 2 {
            let n = self.samples;
            return Err(Error::Usage(format!("--samples {n}: a variance needs at least 2")));
        }
        if threads == 0 {
            return Err(Error::Usage("--threads 0: must be at least 1".into()));
        }
        let samples = usize::try_from(self.samples)
            .map_err(|_| Error::Usage(format!("--samples {}: too many", self.samples)))?;
        let asked: Vec<usize> =
            self.batches.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
        let sizes = if asked.is_empty() { Sizes::default() } else { Sizes::asked(&asked) };
        let report = verify(&Options { filter: self.filter, samples, sizes, threads })?;
        self.verbosity.finish(&report.table(), &report)?;
        Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
