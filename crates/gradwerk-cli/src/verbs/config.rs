//! `gradwerk config`: settings and where they come from.

use crate::output;
use crate::settings::Settings;
use gradwerk::Error;
use gradwerk::layers::resolve;
use std::process::ExitCode;

/// Arguments of `config`.
#[derive(clap::Args)]
pub struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// All settings of a run as they would be used, each with its origin
    Show(Settings),
    /// All settings as a file to start from, each with its help
    Default(Settings),
    /// Whether settings can be used
    Validate(Settings),
}

impl Config {
    /// Print or check.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn run(self) -> Result<ExitCode, Error> {
        match self.what {
            What::Show(settings) => output::result(&settings.resolve()?.with_origins())?,
            What::Default(settings) => {
                output::result(&resolve::to_documented_toml(&settings.resolve()?.config))?;
            }
            What::Validate(settings) => {
                settings.resolve()?.check()?;
                output::result(&format!("{}: valid", settings.target))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
