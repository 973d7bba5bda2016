//! The same run with several seeds, some at a time, and what they have in common.

use super::dir::RunDir;
use super::driver::{RunOptions, Watch, train};
use super::observe::Observer;
use super::stats;
use super::summary::{Outcome, Summary};
use crate::Error;
use crate::config::Config;
use serde::Serialize;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// The result of several seeds; its JSON is what `gradwerk train --seeds A..B --json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Seeds {
    /// Environment.
    pub env: String,
    /// Algorithm.
    pub algo: String,
    /// The seeds, in the order of `runs`.
    pub seeds: Vec<u64>,
    /// Seconds from the start of the first run to the end of the last.
    pub wall_s: f64,
    /// What the runs have in common.
    pub aggregate: Aggregate,
    /// One result per seed.
    pub runs: Vec<Summary>,
    /// The seeds whose runs failed, and why.
    pub failed: Vec<Failure>,
}

/// A run that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What went wrong.
    pub error: String,
}

/// Statistics over the runs' final `mean_return_100` (over those runs that have one).
#[derive(Clone, Debug, Serialize)]
pub struct Aggregate {
    /// The number that is aggregated.
    pub metric: &'static str,
    /// Mean, standard deviation, interquartile mean and 95 % bootstrap intervals.
    #[serde(flatten)]
    pub statistics: stats::Summary,
    /// Runs that reached `--until`; null without it.
    pub solved: Option<usize>,
    /// Median of `solved_at_s` over the solved runs.
    pub median_solved_at_s: Option<f64>,
}

/// Train with every seed, at most `options.runtime.threads` runs at a time, the threads shared
/// among them. With a `run_dir`, the runs lie in `run_dir/s<seed>`.
///
/// `observer(seed)` makes the observer of a run. A run that fails does not stop the others.
///
/// # Errors
/// A directory of a run that is not free, before any run begins; the first error in the order of
/// the seeds if every run fails. Otherwise failures are in the result.
pub fn train_seeds<'a>(
    config: &Config,
    seeds: &[u64],
    options: &RunOptions,
    observer: &(dyn Fn(u64) -> Box<dyn Observer + 'a> + Sync),
    interrupt: &AtomicBool,
) -> Result<Seeds, Error> {
    if seeds.is_empty() {
        return Err(Error::Usage("no seeds: expected A..B with A at most B".into()));
    }
    if let Some(base) = &options.run_dir {
        seeds.iter().try_for_each(|seed| RunDir::check_free(&seed_dir(base, *seed)))?;
    }
    let workers = options.runtime.threads.clamp(1, seeds.len());
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if interrupt.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut watcher = observer(seed);
                    let watch = Watch { observer: &mut *watcher, interrupt };
                    let result = one(config, seed, workers, options, watch);
                    results.lock().expect("no panic while locked").push((seed, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no panic while locked");
    let place = |seed: u64| seeds.iter().position(|s| *s == seed);
    results.sort_by_key(|(seed, _)| place(*seed));
    if results.iter().all(|(_, result)| result.is_err()) {
        if let Some((_, Err(error))) = results.into_iter().next() {
            return Err(error);
        }
        return Ok(Seeds::of(config, Vec::new(), Vec::new(), options));
    }
    let (mut runs, mut failed) = (Vec::new(), Vec::new());
    for (seed, result) in results {
        match result {
            Ok(run) => runs.push(run),
            Err(error) => failed.push(Failure { seed, error: error.to_string() }),
        }
    }
    Ok(Seeds::of(config, runs, failed, options))
}

fn one(
    config: &Config,
    seed: u64,
    workers: usize,
    options: &RunOptions,
    watch: Watch<'_>,
) -> Result<Summary, Error> {
    let mut config = config.clone();
    config.seed = seed;
    let mut options = options.clone();
    options.started = Instant::now();
    options.runtime.threads = (options.runtime.threads / workers).max(1);
    options.run_dir = options.run_dir.map(|dir: std::path::PathBuf| seed_dir(&dir, seed));
    train(&config, &options, watch)
}

fn seed_dir(base: &Path, seed: u64) -> std::path::PathBuf {
    base.join(format!("s{seed}"))
}

impl Seeds {
    fn of(config: &Config, runs: Vec<Summary>, failed: Vec<Failure>, options: &RunOptions) -> Self {
        let finals: Vec<f64> = runs.iter().filter_map(|run| run.mean_return_100).collect();
        let times: Vec<f64> = runs.iter().filter_map(|run| run.solved_at_s).collect();
        let aggregate = Aggregate {
            metric: "mean_return_100",
            statistics: stats::Summary::of(&finals),
            solved: options.until.map(|_| times.len()),
            median_solved_at_s: stats::quantile(&times, 0.5),
        };
        Self {
            env: config.env.id.clone(),
            algo: config.algo.name().into(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            wall_s: options.started.elapsed().as_secs_f64(),
            aggregate,
            runs,
            failed,
        }
    }

    /// Whether the runs were asked to stop before their end.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.runs.iter().any(|run| run.outcome == Outcome::Interrupted)
    }
}
