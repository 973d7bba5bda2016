//! `gradwerk check`: does an environment keep its promises?

use crate::number;
use crate::output::Verbosity;
use gradwerk::Error;
use gradwerk_env::check::check_env;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `check`.
#[derive(clap::Args)]
pub struct Check {
    /// Environment (gradwerk list envs), or mujoco: whether its tasks can be played here
    env: String,
    /// Seed of the episodes that are played
    #[arg(long, value_name = "N", default_value = "1", value_parser = number::count)]
    seed: u64,
    #[command(flatten)]
    verbosity: Verbosity,
}

impl Check {
    /// Check.
    ///
    /// # Errors
    /// If there is no such environment.
    pub fn run(self) -> Result<ExitCode, Error> {
        if self.env == "mujoco" {
            return self.mujoco();
        }
        let env = gradwerk_env::find(&self.env).map_err(|error| Error::Usage(error.to_string()))?;
        let report = check_env(env, &env.default_settings(), self.seed);
        let line = |check: &gradwerk_env::check::Check| match &check.failure {
            None => format!("  ok      {}", check.name),
            Some(why) => format!("  FAILED  {}: {why}", check.name),
        };
        let mut lines: Vec<String> = report.checks.iter().map(line).collect();
        lines.extend(report.skipped.iter().map(|name| format!("  skipped {name}")));
        let verdict = if report.passed() { "all checks passed" } else { "checks failed" };
        lines.push(format!("{}: {verdict}", report.id));
        let checks: Vec<_> = report
            .checks
            .iter()
            .map(|check| json!({"name": check.name, "passed": check.failure.is_none(), "failure": check.failure}))
            .collect();
        let object = json!({"env": report.id, "passed": report.passed(), "checks": checks, "skipped": report.skipped});
        self.verbosity.finish(&lines.join("\n"), &object)?;
        Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What was found of MuJoCo, and what installs the rest.
    fn mujoco(&self) -> Result<ExitCode, Error> {
        let places = gradwerk_mujoco::library::places();
        let library = gradwerk_mujoco::Library::get();
        let version = library.as_ref().ok().map(|library| library.version());
        let missing = [library.err(), places.models.as_ref().err().cloned()];
        let missing: Vec<String> = missing.iter().flatten().map(ToString::to_string).collect();
        let found = [("library", &places.library), ("models", &places.models)];
        let mut lines: Vec<String> = found
            .iter()
            .filter_map(|(what, place)| {
                Some(format!("  {what:<8} {}", place.as_ref().ok()?.display()))
            })
            .collect();
        lines.extend(version.iter().map(|version| format!("  version  MuJoCo {version}")));
        lines.extend(missing.iter().map(|why| format!("  MISSING  {why}")));
        let verdict = if missing.is_empty() { "its tasks can be played" } else { "not usable" };
        lines.push(format!("MuJoCo: {verdict} (install: {})", gradwerk_mujoco::find::INSTALL));
        let path = |place: &Result<std::path::PathBuf, _>| place.as_ref().ok().cloned();
        let object = json!({
            "passed": missing.is_empty(),
            "library": path(&places.library),
            "models": path(&places.models),
            "version": version,
            "missing": missing,
            "install": gradwerk_mujoco::find::INSTALL,
        });
        self.verbosity.finish(&lines.join("\n"), &object)?;
        Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
