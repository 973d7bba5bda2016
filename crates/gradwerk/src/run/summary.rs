//! What a run has come to: the result it prints, and the part of it that checkpoints carry.

use crate::config::Config;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Why a run returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All its steps are done.
    Finished,
    /// It reached the return of `--until`.
    Solved,
    /// It reached `--stop-at`.
    Stopped,
    /// It was asked to stop (Ctrl-C) and wrote a checkpoint.
    Interrupted,
}

/// What the driver of a run knows besides the trainer's state. It is stored in every
/// checkpoint, but it is not part of `state_sha256`: it holds times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// All settings of the run: those of `config.toml` must still be the same.
    pub config: Config,
    /// The kernel that computes it.
    pub kernel: String,
    /// Steps at which the run ends (`--steps`).
    pub limit: u64,
    /// Mean return at which it may end earlier (`--until`).
    pub until: Option<f64>,
    /// Seconds of training.
    pub wall_s: f64,
    /// The best mean return over 100 episodes at an update boundary.
    pub best_mean_return_100: Option<f64>,
    /// Steps after which `until` was reached first.
    pub solved_at_steps: Option<u64>,
    /// Seconds after which it was.
    pub solved_at_s: Option<f64>,
    /// The best mean return of a periodic evaluation.
    pub best_evaluation: Option<f64>,
    /// Steps from which the next periodic evaluation is due.
    pub next_evaluation: u64,
    /// The row of an update whose evaluation was interrupted: it is made up for on resume.
    pub pending: Option<String>,
    /// Length of `metrics.jsonl`; what a crash left behind it is cut off.
    pub metrics_bytes: u64,
}

/// The result of a run; its JSON is what `gradwerk train --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Environment.
    pub env: String,
    /// Algorithm.
    pub algo: String,
    /// Seed.
    pub seed: u64,
    /// Threads in use.
    pub threads: usize,
    /// Valid transitions over all environments.
    pub steps: u64,
    /// Updates.
    pub updates: u64,
    /// Finished episodes.
    pub episodes: u64,
    /// Seconds of training, all sessions together.
    pub wall_s: f64,
    /// Steps per second over that time.
    pub steps_per_s: f64,
    /// Mean raw return of the last 100 finished episodes (of all if fewer; null if none).
    pub mean_return_100: Option<f64>,
    /// Its largest value at an update boundary with at least 100 episodes.
    pub best_mean_return_100: Option<f64>,
    /// Steps after which `--until` was reached, null unless it was.
    pub solved_at_steps: Option<u64>,
    /// Seconds from the process's start to then.
    pub solved_at_s: Option<f64>,
    /// SHA-256 of the little-endian f32 parameters.
    pub params_sha256: String,
    /// SHA-256 of everything that decides how the run would go on.
    pub state_sha256: String,
    /// Whether resuming gives the same bits as never having stopped.
    pub exact_resume: bool,
    /// The run's directory.
    pub run_dir: PathBuf,
    /// Why the run returned.
    #[serde(skip)]
    pub outcome: Outcome,
    /// Steps at which it ends.
    #[serde(skip)]
    pub limit: u64,
    /// The recording that it learned from instead of playing.
    #[serde(skip)]
    pub data: Option<String>,
    /// The best mean return of a periodic evaluation.
    #[serde(skip)]
    pub best_evaluation: Option<f64>,
    /// Metric keys and values that say how good the last gradients were, each the median of its
    /// last ten values.
    #[serde(skip)]
    pub quality: Vec<(&'static str, f64)>,
}
