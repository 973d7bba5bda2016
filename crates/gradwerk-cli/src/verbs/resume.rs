//! `gradwerk resume`: go on exactly where a run was left.

use super::summary;
use super::train::exit_code;
use crate::output::Verbosity;
use crate::progress::Screen;
use crate::{number, signals};
use gradwerk::Error;
use gradwerk::run::driver::{self, RunOptions, Watch};
use gradwerk::run::summary::Outcome;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Arguments of `resume`.
#[derive(clap::Args)]
pub struct Resume {
    /// Directory of the run
    run: PathBuf,
    /// Go on to N steps instead; schedules hold the value they ended with
    #[arg(long, value_name = "N", value_parser = number::positive)]
    steps: Option<u64>,
    /// Stop at the first update at or after K steps
    #[arg(long, value_name = "K", value_parser = number::count)]
    stop_at: Option<u64>,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    verbosity: Verbosity,
}

impl Resume {
    /// Resume.
    ///
    /// # Errors
    /// If the directory is not a run, or the run fails.
    pub fn run(self, started: Instant) -> Result<ExitCode, Error> {
        let mut options = RunOptions { stop_at: self.stop_at, started, ..RunOptions::default() };
        if let Some(threads) = self.threads {
            options.runtime.threads = usize::from(threads);
        }
        let mut observer = Screen::new(self.verbosity.quiet).observer("");
        let watch = Watch { observer: &mut *observer, interrupt: signals::watch(signals::RUN) };
        let result = driver::resume(&self.run, self.steps, &options, watch)?;
        self.verbosity.finish(&summary::one(&result), &result)?;
        Ok(exit_code(result.outcome == Outcome::Interrupted))
    }
}
