//! What a run returns.

use super::live::Run;
use crate::Error;
use crate::run::dir::RunDir;
use crate::run::metrics;
use crate::run::summary::{Outcome, Summary};

/// Keys of the summary's lines about the gradient.
const QUALITY: [&str; 11] = [
    "gradient_snr",
    "gradient_noise_scale",
    "gradient_half_cosine",
    "baseline_removed",
    "baseline_removed_constant",
    "explained_variance",
    "ess",
    "approx_kl",
    "clip_fraction",
    "log_likelihood",
    "held_out_log_likelihood",
];

/// The median of the last ten values of each key. A convenience: nothing if it cannot be read.
fn last_quality(dir: &RunDir) -> Vec<(&'static str, f64)> {
    let rows = metrics::read(&dir.metrics()).unwrap_or_default();
    let last = |key: &'static str| {
        let found = rows.iter().rev().filter_map(|row| row.get(key));
        let mut values: Vec<f64> = found.filter(|x| x.is_finite()).take(10).collect();
        values.sort_unstable_by(f64::total_cmp);
        Some((key, *values.get(values.len() / 2)?))
    };
    QUALITY.into_iter().filter_map(last).collect()
}

impl Run<'_> {
    pub(super) fn summary(&self, outcome: Outcome) -> Result<Summary, Error> {
        let (counters, config) = (self.trainer.counters(), self.trainer.config());
        let wall_s = self.journal.wall_s;
        Ok(Summary {
            env: self.env.id().into(),
            algo: config.algo.name().into(),
            seed: config.seed,
            threads: self.options.runtime.threads,
            steps: counters.steps,
            updates: counters.updates,
            episodes: counters.episodes,
            wall_s,
            steps_per_s: if wall_s > 0.0 { counters.steps as f64 / wall_s } else { 0.0 },
            mean_return_100: self.mean_return,
            best_mean_return_100: self.journal.best_mean_return_100,
            solved_at_steps: self.journal.solved_at_steps,
            solved_at_s: self.journal.solved_at_s,
            params_sha256: self.trainer.params_sha256(),
            state_sha256: self.trainer.state_sha256()?,
            exact_resume: self.trainer.exact_resume(),
            run_dir: self.dir.root().to_owned(),
            outcome,
            limit: self.journal.limit,
            data: config.data().map(str::to_owned),
            best_evaluation: self.journal.best_evaluation,
            quality: last_quality(&self.dir),
        })
    }
}
