//! `gradwerk bench`: how fast this machine trains, in the units of the README's tables.

use super::train::Machine;
use crate::number::{self, short};
use crate::output::Verbosity;
use gradwerk::layers::Sources;
use gradwerk::{Error, Runtime, Trainer};
use gradwerk_env::{Actions, End, EpisodeKeys, Space, StepRows};
use serde::Serialize;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// CartPole PPO as the peers are measured: 8 environments x 128 steps, minibatch 256, 4 epochs,
/// separate 64-64 tanh networks.
const PPO_CARTPOLE: &str = r#"
preset = "none"
steps = 1_000_000_000
lr = 2.5e-4
[env]
id = "CartPole-v1"
num_envs = 8
[rollout]
steps = 128
[network]
kind = "mlp"
hidden = [64, 64]
activation = "tanh"
shared = false
[algo]
kind = "ppo"
epochs = 4
minibatch = 256
"#;

/// Arguments of `bench`.
#[derive(clap::Args)]
pub struct Bench {
    /// What to measure: train (PPO on CartPole), env (bare stepping)
    #[arg(default_value = "train")]
    work: Work,
    /// Environment of the work `env`
    #[arg(long, default_value = "CartPole-v1")]
    env: String,
    /// Measurements; the median counts
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Seconds per measurement
    #[arg(long, value_name = "S", default_value = "1", value_parser = number::finite)]
    seconds: f64,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    verbosity: Verbosity,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Work {
    /// PPO on CartPole-v1: 8 environments x 128 steps, minibatch 256, 4 epochs, 64-64 tanh
    Train,
    /// Stepping 1,024 copies of an environment on one thread with random actions
    Env,
}

/// The JSON object.
#[derive(Serialize)]
struct Measured {
    work: String,
    threads: usize,
    kernel: String,
    steps_per_s: f64,
    min: f64,
    max: f64,
    repeats: usize,
    peak_memory_mb: Option<f64>,
}

impl Bench {
    /// Measure.
    ///
    /// # Errors
    /// If the environment is unknown.
    pub fn run(self) -> Result<ExitCode, Error> {
        let mut runtime = self.machine.runtime();
        let (work, mut rates) = match self.work {
            Work::Train => ("train".to_owned(), self.train(runtime)?),
            Work::Env => {
                runtime.threads = 1;
                (format!("env {}", self.env), self.step_env()?)
            }
        };
        rates.sort_by(f64::total_cmp);
        let result = Measured {
            work,
            threads: runtime.threads,
            kernel: runtime.kernel.to_string(),
            steps_per_s: median(&rates),
            min: rates[0],
            max: rates[rates.len() - 1],
            repeats: rates.len(),
            peak_memory_mb: peak_memory_mb(),
        };
        self.verbosity.finish(&words(&result), &result);
        Ok(ExitCode::SUCCESS)
    }

    fn train(&self, runtime: Runtime) -> Result<Vec<f64>, Error> {
        let mut sources = Sources::new();
        sources.text(PPO_CARTPOLE, "bench")?;
        let mut trainer = Trainer::new(&sources.resolve()?.config, runtime)?;
        self.measure(|| {
            let before = trainer.counters().steps;
            trainer.update()?;
            Ok(trainer.counters().steps - before)
        })
    }

    fn step_env(&self) -> Result<Vec<f64>, Error> {
        const COPIES: usize = 1024;
        let factory =
            gradwerk_env::find(&self.env).map_err(|error| Error::Usage(error.to_string()))?;
        let keys = EpisodeKeys::Training { first: 0 };
        let mut env = factory.make(1, keys, COPIES, &factory.default_settings());
        let width = env.observation_space().width();
        let (mut obs, mut last) = (vec![0.0; COPIES * width], vec![0.0; COPIES * width]);
        let (mut reward, mut end) = (vec![0.0; COPIES], vec![End::Continue; COPIES]);
        let active = vec![true; COPIES];
        let (discrete, continuous) = actions(env.action_space(), COPIES);
        env.reset(&mut obs);
        self.measure(|| {
            let actions = Actions { discrete: &discrete, continuous: &continuous };
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut last,
            };
            env.step(actions, &active, &mut rows);
            Ok(COPIES as u64)
        })
    }

    /// Steps per second, measured `repeats` times after a warm-up of half a measurement.
    fn measure(&self, mut work: impl FnMut() -> Result<u64, Error>) -> Result<Vec<f64>, Error> {
        let span = Duration::try_from_secs_f64(self.seconds)
            .map_err(|_| Error::Usage(format!("--seconds {}: must be positive", self.seconds)))?;
        let mut rate = |span: Duration| -> Result<f64, Error> {
            let (start, mut steps) = (Instant::now(), 0);
            while steps == 0 || start.elapsed() < span {
                steps += work()?;
            }
            Ok(steps as f64 / start.elapsed().as_secs_f64())
        };
        rate(span / 2)?;
        (0..self.repeats).map(|_| rate(span)).collect()
    }
}

/// A fixed action per copy, different from copy to copy.
fn actions(space: &Space, copies: usize) -> (Vec<u32>, Vec<f32>) {
    match space {
        Space::Discrete { n } => ((0..copies).map(|i| (i % n) as u32).collect(), Vec::new()),
        Space::Box { low, high } => {
            let mid = low.iter().zip(high).map(|(a, b)| 0.5 * (a + b));
            let mid: Vec<f32> = mid.map(|x| if x.is_finite() { x } else { 0.0 }).collect();
            (Vec::new(), mid.repeat(copies))
        }
    }
}

fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    0.5 * (sorted[(n - 1) / 2] + sorted[n / 2])
}

/// The largest memory of this process so far, where the system tells.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

fn words(result: &Measured) -> String {
    let memory = result.peak_memory_mb.map_or_else(String::new, |mb| format!(", {mb:.0} MB"));
    format!(
        "{}: {} steps/s (median of {}, {} to {}), {} threads, {}{memory}",
        result.work,
        short(result.steps_per_s),
        result.repeats,
        short(result.min),
        short(result.max),
        result.threads,
        result.kernel
    )
}
