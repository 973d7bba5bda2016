//! The row of `metrics.jsonl` that an update leaves.

use super::live::Run;
use crate::Error;
use crate::diagnose::Diagnosis;
use crate::run::metrics::Row;
use crate::trainer::Report;

impl Run<'_> {
    pub(super) fn row(&self, report: &Report) -> Result<Row, Error> {
        let (counters, stats) = (report.counters, &report.stats);
        let (policy, value) = (&stats.sums.policy, &stats.sums.value);
        let mean = |sum: f64| sum / policy.rows.max(1) as f64;
        // Maximum likelihood compares with no policy that acted.
        let ratios = stats.log_likelihood.is_none();
        let mut row = Row::new(counters.steps);
        let always = [
            ("updates", counters.updates as f64),
            ("episodes", counters.episodes as f64),
            ("wall_s", self.journal.wall_s),
            ("steps_per_s", self.session_rate()),
            ("policy_loss", mean(policy.loss)),
            ("entropy", mean(policy.entropy)),
            ("grad_norm", stats.grad_norm),
            ("lr", stats.lr),
            ("epochs_done", f64::from(stats.epochs)),
        ];
        let sometimes = [
            ("approx_kl", ratios.then(|| stats.sums.approx_kl())),
            ("clip_fraction", ratios.then(|| mean(policy.clipped as f64))),
            ("ess", ratios.then(|| stats.ess.unwrap_or_else(|| stats.sums.ess_share()))),
            ("log_likelihood", stats.log_likelihood),
            ("held_out_log_likelihood", stats.held_out_log_likelihood),
            ("mean_return_100", report.mean_return),
            ("best_mean_return_100", self.journal.best_mean_return_100),
            ("mean_length_100", report.mean_length),
            ("explained_variance", report.explained_variance),
            ("batches_dropped", stats.batches_dropped.map(|n| n as f64)),
            ("value_loss", (value.rows > 0).then(|| value.loss / value.rows as f64)),
        ];
        let natural = stats.natural.map(|n| {
            [
                ("kl", n.kl),
                ("cg_iterations", f64::from(n.cg_iterations)),
                ("cg_residual", n.cg_residual),
                ("line_search_steps", f64::from(n.backtracks)),
                ("step_size", n.step_size),
            ]
        });
        for (key, value) in natural.into_iter().flatten() {
            row.set(key, value)?;
        }
        for (key, value) in report.diagnosis.iter().flat_map(Diagnosis::metrics) {
            row.set(key, value)?;
        }
        let present = sometimes.into_iter().filter_map(|(key, value)| Some((key, value?)));
        for (key, value) in always.into_iter().chain(present) {
            row.set(key, value)?;
        }
        Ok(row)
    }
}
