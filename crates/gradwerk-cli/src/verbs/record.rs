//! `gradwerk record`: whole trajectories of a policy in a file.

use super::eval::Episodes;
use super::summary::quoted;
use super::train::{Machine, exit_code};
use crate::output::{self, Verbosity};
use crate::{number, signals};
use gradwerk::play::Game;
use gradwerk::recording::{Behaviour, Uniform, record, record_with};
use gradwerk::run::driver;
use gradwerk::{Config, Error, EvalOptions, Pool, Recording};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Arguments of `record`.
#[derive(clap::Args)]
pub struct Record {
    /// Directory of a run or a policy file (.safetensors); with --uniform, an environment
    #[arg(value_name = "RUN|ENV")]
    target: String,
    /// File to write (.safetensors)
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    episodes: Episodes,
    /// Play every action of an environment with the same probability instead of a policy
    #[arg(long, conflicts_with = "stochastic")]
    uniform: bool,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// What was recorded.
#[derive(Serialize)]
struct Recorded {
    env: String,
    file: PathBuf,
    behaviour: Behaviour,
    episodes: usize,
    steps: usize,
    mean_return: f64,
    min: f64,
    max: f64,
}

impl Record {
    /// Record.
    ///
    /// # Errors
    /// If there is no policy, it does not fit the environment, or the file cannot be written.
    pub fn run(self) -> Result<ExitCode, Error> {
        let interrupt = signals::watch("stopping the recording");
        let pool = Pool::new(self.machine.runtime().threads);
        let recording = if self.uniform {
            self.uniform(&pool, interrupt)
        } else {
            self.policy(&pool, interrupt)
        };
        let Some(recording) = recording? else {
            output::human("stopped before the last episode: nothing was written");
            return Ok(exit_code(true));
        };
        recording.save(&self.output)?;
        let result = self.result(&recording);
        let text = format!(
            "{}: {} episodes, {} steps, mean return {:.2} from {:.2} to {:.2}\n  file    {}",
            result.env,
            number::grouped(result.episodes as u64),
            number::grouped(result.steps as u64),
            result.mean_return,
            result.min,
            result.max,
            quoted(&self.output)
        );
        self.verbosity.finish(&text, &result)?;
        Ok(ExitCode::SUCCESS)
    }

    fn policy(&self, pool: &Pool, interrupt: &AtomicBool) -> Result<Option<Recording>, Error> {
        let mut policy = driver::load_policy(self.target.as_ref())?;
        policy.set_kernel(self.machine.runtime().kernel);
        let env = policy.config().find_env()?;
        record(&policy, env, self.episodes.options(), pool, interrupt)
    }

    fn uniform(&self, pool: &Pool, interrupt: &AtomicBool) -> Result<Option<Recording>, Error> {
        let env = gradwerk_env::find(&self.target)?;
        let mut settings = env.default_settings();
        settings.time_limit.get_or_insert(Config::default().eval.longest);
        let EvalOptions { episodes, seed, .. } = self.episodes.options();
        let game = Game { env, settings, episodes, seed, keep: true };
        let player = Uniform::new(&env.action_space())?;
        let maker = format!("uniform over the actions of {}; episodes of seed {seed}", env.id());
        record_with(&player, &game, Behaviour::Stochastic, maker, pool, interrupt)
    }

    fn result(&self, recording: &Recording) -> Recorded {
        let returns = recording.returns();
        Recorded {
            env: recording.about().env.clone(),
            file: self.output.clone(),
            behaviour: recording.about().behaviour,
            episodes: recording.episodes(),
            steps: recording.rows(),
            mean_return: returns.iter().sum::<f64>() / returns.len() as f64,
            min: returns.iter().copied().fold(f64::INFINITY, f64::min),
            max: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}
