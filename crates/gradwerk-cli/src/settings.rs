//! The arguments that make up a configuration, shared by `train` and `config`.

use crate::number;
use gradwerk::Error;
use gradwerk::layers::{Resolved, Sources};
use std::path::Path;

/// What to train, and how.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// An environment (gradwerk list envs, or a .mdp.toml or .mjcf.toml file), or a configuration file (.toml)
    #[arg(value_name = "ENV|CONFIG.toml")]
    pub target: String,
    /// Algorithm (gradwerk list algos)
    #[arg(long, value_name = "NAME")]
    pub algo: Option<String>,
    /// Length of the run in environment steps; all schedules end there
    #[arg(long, value_name = "N", value_parser = number::positive)]
    pub steps: Option<u64>,
    /// Any setting, e.g. --set algo.clip=0.1 (gradwerk config default ENV shows them all)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Settings {
    /// The user's layers: the file, then `--set`, then the flags.
    ///
    /// # Errors
    /// If the file cannot be read, or if something is said twice.
    pub fn sources(&self) -> Result<Sources, Error> {
        let mut sources = Sources::new();
        if is_file(&self.target) {
            sources.file(Path::new(&self.target))?;
        } else {
            let typed = format!("argument {}", self.target);
            sources.flag("env.id", self.target.as_str(), &typed)?;
        }
        for assignment in &self.set {
            sources.set(assignment)?;
        }
        if let Some(algo) = &self.algo {
            sources.flag("algo.kind", algo.as_str(), &format!("--algo {algo}"))?;
        }
        if let Some(steps) = self.steps {
            let typed = format!("--steps {steps}");
            sources.flag("steps", integer(steps, &typed)?, &typed)?;
        }
        Ok(sources)
    }

    /// The complete configuration, its environment known.
    ///
    /// # Errors
    /// An unknown key, an unfit value, or settings that do not go together.
    pub fn resolve(&self) -> Result<Resolved, Error> {
        known_env(self.sources()?.resolve()?)
    }
}

/// The configuration, if its environment exists.
///
/// # Errors
/// If it does not: names it, its origin and the known ones.
pub fn known_env(resolved: Resolved) -> Result<Resolved, Error> {
    resolved.env()?;
    Ok(resolved)
}

/// The number of a flag as TOML holds it; `typed` is what the user wrote.
///
/// # Errors
/// If it does not fit.
pub fn integer(n: u64, typed: &str) -> Result<i64, Error> {
    i64::try_from(n).map_err(|_| Error::Usage(format!("{typed}: must be below 2^63")))
}

/// Whether the target is a configuration; a file that describes an environment is none.
fn is_file(target: &str) -> bool {
    if gradwerk_env::registry::is_file(target) {
        return false;
    }
    Path::new(target).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
}
