//! `gradwerk eval`: how good a trained policy is, by playing it or by a recording of another one.

use super::train::{Machine, exit_code};
use crate::output::{self, Verbosity};
use crate::{number, signals};
use gradwerk::env::EnvFactory;
use gradwerk::recording::{Judgement, judge};
use gradwerk::run::dir::RunDir;
use gradwerk::run::driver;
use gradwerk::{Error, EvalOptions, Evaluation, Policy, Recording, evaluate_until};
use gradwerk_math::Pool;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `eval`.
#[derive(clap::Args)]
pub struct Eval {
    /// Directory of a run, or a policy file (.safetensors)
    run: PathBuf,
    #[command(flatten)]
    episodes: Episodes,
    /// Play nothing: estimate the mean return of the sampled actions from a recording of another
    /// policy by importance sampling
    #[arg(long, value_name = "FILE", conflicts_with_all = ["episodes", "seed", "stochastic"])]
    on: Option<PathBuf>,
    /// Discount of the returns that --on estimates, in (0, 1]
    #[arg(long, value_name = "G", default_value = "1", requires = "on", value_parser = number::finite)]
    gamma: f64,
    /// The best policy of the run's periodic evaluations instead of the last one
    #[arg(long)]
    best: bool,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// Which episodes are played, and how.
#[derive(clap::Args, Clone, Copy)]
pub struct Episodes {
    /// Number of episodes
    #[arg(long, value_name = "N", default_value = "100", value_parser = number::positive)]
    episodes: u64,
    /// Seed of the episodes; episode i depends on (seed, i) alone
    #[arg(long, value_name = "N", default_value = "0", value_parser = number::count)]
    seed: u64,
    /// Sample actions instead of taking the most probable ones (a recording then has their
    /// probabilities, as importance sampling needs them)
    #[arg(long)]
    stochastic: bool,
}

impl Episodes {
    /// As the library takes them.
    pub fn options(self) -> EvalOptions {
        EvalOptions {
            episodes: usize::try_from(self.episodes).unwrap_or(usize::MAX),
            seed: self.seed,
            stochastic: self.stochastic,
        }
    }
}

impl Eval {
    /// Evaluate.
    ///
    /// # Errors
    /// If there is no policy, or it does not fit the environment.
    pub fn run(self) -> Result<ExitCode, Error> {
        let mut policy = self.policy()?;
        let runtime = self.machine.runtime();
        policy.set_kernel(runtime.kernel);
        let env = policy.config().find_env().map_err(|error| Error::Usage(error.to_string()))?;
        if let Some(file) = &self.on {
            return self.judge(&policy, env, file);
        }
        let options = self.episodes.options();
        let pool = Pool::new(runtime.threads);
        let interrupt = signals::watch("stopping the evaluation");
        let Some(result) = evaluate_until(&policy, env, options, &pool, interrupt)? else {
            output::human("stopped before the last episode: no result");
            return Ok(exit_code(true));
        };
        let text = format!(
            "{}: mean return {:.2} +- {:.2} (95 %) over {} episodes, std {:.2}, from {:.2} to {:.2}, mean length {:.1}{}",
            result.env,
            result.mean_return,
            result.ci95,
            number::grouped(result.episodes as u64),
            result.std_return,
            result.min,
            result.max,
            result.mean_length,
            cut(&result)
        );
        self.verbosity.finish(&text, &result)?;
        Ok(ExitCode::SUCCESS)
    }

    fn judge(&self, policy: &Policy, env: &dyn EnvFactory, file: &Path) -> Result<ExitCode, Error> {
        let result = judge(policy, env, &Recording::load(file)?, self.gamma)?;
        if let Some(doubt) = result.doubt() {
            output::human(&format!("warning: {doubt}"));
        }
        self.verbosity.finish(&table(&result), &result)?;
        Ok(ExitCode::SUCCESS)
    }

    fn policy(&self) -> Result<Policy, Error> {
        if !self.best {
            return driver::load_policy(&self.run);
        }
        let best = RunDir::open(&self.run)?.best();
        if !best.exists() {
            return Err(Error::Usage(format!(
                "{}: the run kept no best policy; train with --set eval.every=STEPS to have one",
                self.run.display()
            )));
        }
        Policy::load(&best)
    }
}

/// The estimates, one a line.
fn table(judged: &Judgement) -> String {
    let mut out = format!(
        "{}: mean return of the sampled actions, from {} episodes of another policy (mean return \
         {:.2}), effective sample {:.1} episodes ({:.0} %)",
        judged.env,
        number::grouped(judged.episodes as u64),
        judged.behaviour_return,
        judged.ess,
        100.0 * judged.ess_share
    );
    for line in &judged.estimates {
        let error =
            line.std_error.map_or_else(String::new, |e| format!(" +- {:.2} (95 %)", 1.96 * e));
        let _ =
            write!(out, "\n  {:<13}{:<17}{:.2}{error}", line.form, line.weights, line.mean_return);
    }
    out
}

/// Episodes without an end are worth a word: their return is what `eval.longest` left of it.
fn cut(result: &Evaluation) -> String {
    match result.cut {
        0 => String::new(),
        n => format!(", {} cut by eval.longest", number::grouped(n as u64)),
    }
}
