//! The command line of gradwerk: one file per verb.
#![forbid(unsafe_code)]

mod number;
mod output;
mod progress;
mod settings;
mod signals;
mod verbs;

use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;

/// Train explicit, differentiable policies by policy gradients.
#[derive(Parser)]
#[command(name = "gradwerk", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 the run failed, 2 usage or configuration error, \
    130 stopped by Ctrl-C after writing a checkpoint.")]
struct Cli {
    #[command(subcommand)]
    verb: verbs::Verb,
}

fn main() -> ExitCode {
    let started = Instant::now();
    gradwerk_mujoco::install();
    match Cli::parse().verb.run(started) {
        Ok(code) => code,
        Err(error) => {
            output::human(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
