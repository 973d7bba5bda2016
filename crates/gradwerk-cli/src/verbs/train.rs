//! `gradwerk train`: a new run, or one per seed.

use super::summary;
use crate::number::{self, SeedRange};
use crate::output::{self, Verbosity};
use crate::progress::Screen;
use crate::settings::{Settings, integer, known_env};
use crate::signals::{self, INTERRUPTED};
use gradwerk::layers::Resolved;
use gradwerk::run::driver::{self, RunOptions, Watch};
use gradwerk::run::seeds::train_seeds;
use gradwerk::run::summary::Outcome;
use gradwerk::{Error, Runtime};
use gradwerk_math::Kernel;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Arguments of `train`.
#[derive(clap::Args)]
pub struct Train {
    #[command(flatten)]
    settings: Settings,
    /// Seed of everything random
    #[arg(long, value_name = "N", value_parser = number::count, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// One run per seed from A to B, both included, as many at a time as there are threads
    #[arg(long, value_name = "A..B", value_parser = number::seeds)]
    seeds: Option<SeedRange>,
    /// Stop at the first update at or after K steps; resume goes on from there
    #[arg(long, value_name = "K", value_parser = number::count)]
    stop_at: Option<u64>,
    /// Stop when the mean return of the last 100 episodes is at least RETURN
    #[arg(long, value_name = "RETURN", value_parser = number::finite, allow_negative_numbers = true)]
    until: Option<f64>,
    /// Start with the parameters of a run or of a policy file
    #[arg(long, value_name = "RUN")]
    init: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
    /// Directory of the run [default: runs/ENV-ALGO-sSEED-N]; with --seeds, DIR/sSEED
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// Where to compute. It changes the speed, never the result of the same kernel.
#[derive(clap::Args, Clone, Debug)]
pub struct Machine {
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Instructions to use: auto, or portable for the same bits on every machine
    #[arg(long, value_name = "NAME", default_value = "auto")]
    kernel: Kernel,
}

impl Machine {
    /// What the user chose, the rest by default.
    pub fn runtime(&self) -> Runtime {
        let threads = self.threads.map_or(Runtime::default().threads, usize::from);
        Runtime { threads, kernel: self.kernel }
    }
}

impl Train {
    /// Train.
    ///
    /// # Errors
    /// A configuration that cannot be used, or a run that fails.
    pub fn run(self, started: Instant) -> Result<ExitCode, Error> {
        let resolved = self.resolve()?;
        let options = RunOptions {
            run_dir: self.run_dir.clone(),
            stop_at: self.stop_at,
            until: self.until,
            init: self.init.clone(),
            runtime: self.machine.runtime(),
            command: std::env::args().collect(),
            started,
        };
        let interrupt = signals::watch(signals::RUN);
        match &self.seeds {
            Some(seeds) => self.several(&resolved, &seeds.0, &options, interrupt),
            None => self.one(&resolved, &options, interrupt),
        }
        .map_err(|error| resolved.explain(error))
    }

    fn resolve(&self) -> Result<Resolved, Error> {
        let mut sources = self.settings.sources()?;
        if let Some(seed) = self.seed {
            let typed = format!("--seed {seed}");
            sources.flag("seed", integer(seed, &typed)?, &typed)?;
        }
        if let Some(SeedRange(seeds)) = &self.seeds {
            let (first, last) = (seeds[0], seeds[seeds.len() - 1]);
            let typed = format!("--seeds {first}..{last}");
            integer(last, &typed)?;
            sources.flag("seed", integer(first, &typed)?, &typed)?;
        }
        known_env(sources.resolve()?)
    }

    fn one(
        &self,
        resolved: &Resolved,
        options: &RunOptions,
        interrupt: &AtomicBool,
    ) -> Result<ExitCode, Error> {
        let mut observer = Screen::new(self.verbosity.quiet).observer("");
        let watch = Watch { observer: &mut *observer, interrupt };
        let result = driver::train(&resolved.config, options, watch)?;
        self.verbosity.finish(&summary::one(&result), &result)?;
        Ok(exit_code(result.outcome == Outcome::Interrupted))
    }

    fn several(
        &self,
        resolved: &Resolved,
        seeds: &[u64],
        options: &RunOptions,
        interrupt: &AtomicBool,
    ) -> Result<ExitCode, Error> {
        let screen = Screen::new(self.verbosity.quiet);
        let observer = |seed: u64| screen.observer(&format!("seed {seed}"));
        let result = train_seeds(&resolved.config, seeds, options, &observer, interrupt)?;
        self.verbosity.finish(&summary::several(&result), &result)?;
        for failure in &result.failed {
            output::human(&format!("error: seed {}: {}", failure.seed, failure.error));
        }
        let done = result.runs.len() + result.failed.len();
        if result.interrupted() || done < seeds.len() {
            return Ok(exit_code(true));
        }
        Ok(if result.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// 130 for a run that was stopped by a signal.
pub fn exit_code(interrupted: bool) -> ExitCode {
    if interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS }
}
