//! `gradwerk check`: does an environment keep its promises?

use crate::number;
use crate::output::Verbosity;
use gradwerk::Error;
use gradwerk::layers::Sources;
use gradwerk_env::check::check_env;
use gradwerk_mujoco::find::Found;
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
    /// A setting that says where MuJoCo is: mujoco.library=PATH or mujoco.models=PATH
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    verbosity: Verbosity,
}

impl Check {
    /// Check.
    ///
    /// # Errors
    /// If there is no such environment.
    pub fn run(self) -> Result<ExitCode, Error> {
        self.choose_places()?;
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

    /// Only what `check` uses may be set here.
    fn choose_places(&self) -> Result<(), Error> {
        let mut sources = Sources::new();
        for assignment in &self.set {
            if !assignment.starts_with("mujoco.") {
                let expected = "expected mujoco.library=PATH or mujoco.models=PATH";
                return Err(Error::Usage(format!("--set {assignment}: {expected}")));
            }
            sources.set(assignment)?;
        }
        sources.resolve()?.config.mujoco.choose();
        Ok(())
    }

    /// What was found of MuJoCo, who says so, and what installs the rest.
    fn mujoco(&self) -> Result<ExitCode, Error> {
        let missing = |why: gradwerk_mujoco::find::Missing| Error::Usage(why.to_string());
        let places = gradwerk_mujoco::library::places().map_err(missing)?;
        let library = gradwerk_mujoco::Library::get();
        let version = library.as_ref().ok().map(|library| library.version());
        let missing = [library.err(), places.models.as_ref().err().cloned()];
        let missing: Vec<String> = missing.iter().flatten().map(ToString::to_string).collect();
        let found = [("library", places.library.as_ref()), ("models", places.models.as_ref())];
        let line = |(what, place): &(&str, Result<&Found, _>)| {
            let Found { path, by } = place.as_ref().ok()?;
            Some(format!("  {what:<8} {} ({by})", path.display()))
        };
        let mut lines: Vec<String> = found.iter().filter_map(line).collect();
        lines.extend(version.iter().map(|version| format!("  version  MuJoCo {version}")));
        lines.extend(missing.iter().map(|why| format!("  MISSING  {why}")));
        let verdict = if missing.is_empty() { "its tasks can be played" } else { "not usable" };
        lines.push(format!("MuJoCo: {verdict} (install: {})", gradwerk_mujoco::find::INSTALL));
        let [library, models] = found.map(|(_, place)| place.ok());
        let object = json!({
            "passed": missing.is_empty(),
            "library": library.map(|found| &found.path),
            "library_by": library.map(|found| found.by),
            "models": models.map(|found| &found.path),
            "models_by": models.map(|found| found.by),
            "version": version,
            "missing": missing,
            "install": gradwerk_mujoco::find::INSTALL,
        });
        self.verbosity.finish(&lines.join("\n"), &object)?;
        Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
