//! What a run tells whoever watches it.

use crate::config::Config;
use crate::evaluate::Evaluation;
use crate::trainer::Report;
use std::path::Path;

/// A run that is about to sample its first step.
#[derive(Clone, Copy, Debug)]
pub struct Begun<'a> {
    /// Its settings.
    pub config: &'a Config,
    /// Its directory.
    pub run_dir: &'a Path,
    /// Steps done before (0 unless the run is resumed).
    pub steps: u64,
    /// Steps at which it ends.
    pub limit: u64,
}

/// A run between two updates.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What the update reports.
    pub report: &'a Report,
    /// Steps at which the run ends.
    pub limit: u64,
    /// Seconds of training so far, earlier sessions included.
    pub wall_s: f64,
    /// Steps per second of this session.
    pub steps_per_s: f64,
}

impl Progress<'_> {
    /// Mean entropy of the policy over the last epoch's rows, in nats.
    #[must_use]
    pub fn entropy(&self) -> f64 {
        let policy = &self.report.stats.sums.policy;
        policy.entropy / policy.rows.max(1) as f64
    }

    /// Mean approximate KL divergence between the policy that acted and the present one, nats.
    #[must_use]
    pub fn approx_kl(&self) -> f64 {
        self.report.stats.sums.approx_kl()
    }
}

/// Callbacks of a run; every one does nothing unless implemented.
///
/// They are called between updates on the thread that trains: what they do can slow a run
/// down, but never change its result.
pub trait Observer {
    /// The run begins or goes on.
    fn begun(&mut self, run: &Begun<'_>) {
        let _ = run;
    }
    /// An update was made.
    fn updated(&mut self, progress: &Progress<'_>) {
        let _ = progress;
    }
    /// The policy was evaluated after `steps` steps; `best` says that it is the best so far.
    fn evaluated(&mut self, steps: u64, evaluation: &Evaluation, best: bool) {
        let _ = (steps, evaluation, best);
    }
    /// Something that a user should know, although the run goes on.
    fn warning(&mut self, text: &str) {
        let _ = text;
    }
    /// The run ended, for whichever reason.
    fn ended(&mut self) {}
}

/// Nobody watches.
impl Observer for () {}
