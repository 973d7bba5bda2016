//! `gradwerk completions`: what a shell needs to complete the command line.

use crate::{Cli, output};
use clap::CommandFactory;
use clap_complete::Shell;
use gradwerk::Error;
use std::process::ExitCode;

/// Arguments of `completions`.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Print.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn run(self) -> Result<ExitCode, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "gradwerk", &mut script);
        output::result(&String::from_utf8_lossy(&script))?;
        Ok(ExitCode::SUCCESS)
    }
}
