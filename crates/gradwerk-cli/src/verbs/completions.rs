//! `gradwerk completions`: what a shell needs to complete the command line.

use crate::{Cli, output};
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

/// Arguments of `completions`.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Print.
    pub fn run(self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "gradwerk", &mut script);
        output::result(&String::from_utf8_lossy(&script));
        ExitCode::SUCCESS
    }
}
