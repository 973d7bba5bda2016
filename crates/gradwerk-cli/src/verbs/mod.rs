//! The verbs, one file each.

mod bench;
mod check;
mod completions;
mod config;
mod eval;
mod list;
mod play;
mod plot;
mod record;
mod resume;
mod summary;
mod train;
mod verify;

use clap::Subcommand;
use gradwerk::Error;
use std::process::ExitCode;
use std::time::Instant;

/// What to do.
#[derive(Subcommand)]
pub enum Verb {
    /// Train a policy
    Train(train::Train),
    /// Go on with a run that was stopped or killed
    Resume(resume::Resume),
    /// Play episodes with a trained policy and say how good it is
    Eval(eval::Eval),
    /// Play episodes with a policy and write down everything that happens
    Record(record::Record),
    /// Watch an environment being played, and film it
    Play(play::Play),
    /// List environments, algorithms and other things to choose from
    List(list::List),
    /// Show, document or check settings
    Config(config::Config),
    /// Check that an environment keeps its promises
    Check(check::Check),
    /// Check every estimator of the gradient against exact numbers
    Verify(verify::Verify),
    /// Draw learning curves of runs
    Plot(plot::Plot),
    /// Measure how fast this machine is
    Bench(bench::Bench),
    /// Print completions for a shell
    Completions(completions::Completions),
}

impl Verb {
    /// Do it; `started` is when the process began.
    ///
    /// # Errors
    /// Whatever went wrong, with its exit code.
    pub fn run(self, started: Instant) -> Result<ExitCode, Error> {
        match self {
            Self::Train(verb) => verb.run(started),
            Self::Resume(verb) => verb.run(started),
            Self::Eval(verb) => verb.run(),
            Self::Record(verb) => verb.run(),
            Self::Play(verb) => verb.run(),
            Self::List(verb) => verb.run(),
            Self::Config(verb) => verb.run(),
            Self::Check(verb) => verb.run(),
            Self::Verify(verb) => verb.run(),
            Self::Plot(verb) => verb.run(),
            Self::Bench(verb) => verb.run(),
            Self::Completions(verb) => verb.run(),
        }
    }
}
