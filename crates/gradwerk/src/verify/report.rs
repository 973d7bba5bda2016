//! Rows, and the table they make.

use super::{Case, Declared, FALSE_ALARM, Method};
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It behaves as declared.
    Ok,
    /// It does not.
    Failed,
    /// It declares a bias without a size: shown, not judged.
    Reported,
}

/// What was measured with batches of one size.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BatchRow {
    /// Trajectories per batch, N.
    pub n: usize,
    /// `|E[g] - grad J| / |grad J|` (a sampled mean in the place of `E[g]` where sampled).
    pub bias: f64,
    /// The same with the declared multiple of the gradient; none where nothing is declared.
    pub deviation: Option<f64>,
    /// Trace of the covariance of the estimate.
    pub variance: Option<f64>,
    /// Sampled rows: `(mean - declared) . grad / |grad|^2`, and half the width of its 95 %
    /// interval.
    pub along: Option<(f64, f64)>,
    /// Sampled rows: the z-score of largest size among the parameters.
    pub z: Option<f64>,
    /// Sampled rows: its two-sided probability.
    pub p: Option<f64>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Everything that tells it apart; what the filter searches.
    pub name: String,
    /// The problem.
    pub problem: &'static str,
    /// The policy class.
    pub policy: &'static str,
    /// Discount factor.
    pub gamma: f64,
    /// `exact`, `precision`, `sampled` or `sampler`.
    pub method: &'static str,
    /// `unbiased`, `predicted` or `biased`.
    pub declared: &'static str,
    /// Why it is not unbiased.
    pub reason: Option<&'static str>,
    /// Per size of the batch.
    pub batches: Vec<BatchRow>,
    /// How many probabilities were looked at.
    pub comparisons: usize,
    /// What became of it.
    pub verdict: Verdict,
    /// Why it failed.
    pub failure: Option<String>,
}

/// `|x - factor y| / |y|`.
pub(super) fn relative(x: &[f64], factor: f64, y: &[f64]) -> f64 {
    let (mut difference, mut size) = (0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        difference += (x - factor * y) * (x - factor * y);
        size += y * y;
    }
    (difference / size).sqrt()
}

impl Row {
    /// A row before it is measured.
    pub(super) fn new(case: &Case, declared: Declared) -> Self {
        let reason = match declared {
            Declared::Unbiased => None,
            Declared::Predicted(_, why) | Declared::Biased(why) => Some(why),
        };
        Self {
            name: case.name(),
            problem: case.problem.name,
            policy: case.policy.name,
            gamma: case.gamma,
            method: match case.method {
                Method::Exact => "exact",
                Method::Precision => "precision",
                Method::Sampled => "sampled",
                Method::Sampler => "sampler",
            },
            declared: declared.word(),
            reason,
            batches: Vec::new(),
            comparisons: 0,
            verdict: Verdict::Reported,
            failure: None,
        }
    }

    /// It does not behave as declared. The first reason is kept.
    pub(super) fn fail(&mut self, why: String) {
        self.verdict = Verdict::Failed;
        self.failure.get_or_insert(why);
    }

    /// Judge its probabilities, once it is known how many the run has.
    fn judge(&mut self, comparisons: usize) {
        let limit = FALSE_ALARM / comparisons.max(1) as f64;
        let least = self.batches.iter().filter_map(|b| b.p).reduce(f64::min);
        let Some(p) = least.filter(|_| self.verdict != Verdict::Failed) else { return };
        // A NaN is below no limit and must not pass.
        if p >= limit {
            self.verdict = Verdict::Ok;
        } else {
            self.fail(format!("probability {p:.1e} is below {limit:.1e}"));
        }
    }

    fn line(&self, width: usize) -> String {
        let mark = match self.verdict {
            Verdict::Ok => "ok      ",
            Verdict::Failed => "FAILED  ",
            Verdict::Reported => "reported",
        };
        let biases: Vec<String> = self.batches.iter().map(BatchRow::bias_text).collect();
        let variances = self.batches.iter().filter_map(|b| b.variance);
        let variances: Vec<String> = variances.map(|v| format!("{v:.4}")).collect();
        let sizes: Vec<String> = self.batches.iter().map(|b| b.n.to_string()).collect();
        let mut line = format!(
            "{mark}  {:<width$}  {:<9}  {:<5}  {:<26}  {}",
            self.name,
            self.declared,
            sizes.join(" "),
            biases.join(" "),
            variances.join(" ")
        );
        if let Some(why) = &self.failure {
            let _ = write!(line, "\n          {why}");
        }
        line.trim_end().to_owned()
    }
}

impl BatchRow {
    fn bias_text(&self) -> String {
        match (self.along, self.p) {
            (Some((along, half)), _) => format!("{along:+.3} +- {half:.3}"),
            (None, Some(p)) => format!("p = {p:.3}"),
            _ => format!("{:.1e}", self.bias),
        }
    }
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The rows, in the order of the registry.
    pub rows: Vec<Row>,
    /// Rows that behave as declared.
    pub ok: usize,
    /// Rows that do not.
    pub failed: usize,
    /// Rows that declare a bias without a size.
    pub reported: usize,
    /// Probabilities among which [`FALSE_ALARM`] was divided.
    pub comparisons: usize,
    /// Whether no row failed.
    pub passed: bool,
    /// Seconds it took.
    pub wall_s: f64,
}

impl Report {
    /// Judge the rows together.
    pub(super) fn new(mut rows: Vec<Row>, elapsed: Duration) -> Self {
        let comparisons = rows.iter().map(|row| row.comparisons).sum();
        rows.iter_mut().for_each(|row| row.judge(comparisons));
        let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
        let (ok, failed) = (count(Verdict::Ok), count(Verdict::Failed));
        let reported = count(Verdict::Reported);
        let (passed, wall_s) = (failed == 0, elapsed.as_secs_f64());
        Self { rows, ok, failed, reported, comparisons, passed, wall_s }
    }

    /// The table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut lines = vec![format!(
            "{:<8}  {:<width$}  {:<9}  {:<5}  {:<26}  {}",
            "", "row", "declared", "N", "relative bias at each N", "variance at each N"
        )];
        lines.extend(self.rows.iter().map(|row| row.line(width)));
        lines.push(format!(
            "{} rows: {} as declared, {} failed, {} biased and reported; {:.1} s",
            self.rows.len(),
            self.ok,
            self.failed,
            self.reported,
            self.wall_s
        ));
        lines.join("\n")
    }
}
