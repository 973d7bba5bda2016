//! How much noise the baseline in use takes away, against the best constant one.

use crate::estimate::{Baseline, EstimatorConfig, Normalize, Scratch, Steps, estimate};

/// Most rows that are looked at.
pub const SAMPLE: usize = 256;

/// Shares of `E[s^2 Q^2]`, `s^2 = |d log pi(a|s) / dy|^2` at the head outputs `y`: the second
/// moment of a step's gradient there. A baseline leaves the mean as it is, so what it takes from
/// the second moment it takes from the variance. Cross terms between steps are not in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineQuality {
    /// `1 - E[s^2 (Q - b)^2] / E[s^2 Q^2]` of the baseline in use; below 0 it adds noise.
    pub removed: f64,
    /// The same of the best constant, `b* = E[s^2 Q] / E[s^2]`: at least 0. A baseline that
    /// depends on the state can do better.
    pub removed_by_constant: f64,
}

impl BaselineQuality {
    /// From rows `(s^2, Q, Q - b)`. None if the returns or the scores are all 0.
    #[must_use]
    pub fn of(rows: impl Iterator<Item = (f64, f64, f64)>) -> Option<Self> {
        let mut sums = BaselineSums::default();
        rows.for_each(|(s, q, advantage)| sums.add(s, q, s * advantage * advantage));
        sums.quality()
    }
}

/// Sums that [`BaselineQuality`] is a quotient of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BaselineSums {
    score: f64,
    first: f64,
    second: f64,
    left: f64,
}

impl BaselineSums {
    /// Add a sample with the squared score `s`, the return `q` and, of `s q^2`, what the baseline
    /// leaves: `s (q - b)^2`, or the sum of that over parameters with a baseline each.
    pub fn add(&mut self, s: f64, q: f64, left: f64) {
        self.score += s;
        self.first += s * q;
        self.second += s * q * q;
        self.left += left;
    }

    /// Add the sums of later samples.
    pub fn merge(&mut self, later: &Self) {
        self.score += later.score;
        self.first += later.first;
        self.second += later.second;
        self.left += later.left;
    }

    /// The quotients; none if the returns or the scores are all 0.
    #[must_use]
    pub fn quality(&self) -> Option<BaselineQuality> {
        (self.second > 0.0).then(|| BaselineQuality {
            removed: 1.0 - self.left / self.second,
            removed_by_constant: self.first * self.first / (self.score * self.second),
        })
    }
}

/// Work space: the returns of a batch and what the baseline leaves of them.
#[derive(Debug)]
pub struct BaselineProbe {
    q: Vec<f32>,
    advantage: Vec<f32>,
    target: Vec<f32>,
    /// Rows that are looked at.
    pub rows: Vec<u32>,
    /// Their `s^2`.
    pub scores: Vec<f64>,
}

impl BaselineProbe {
    /// Room for batches of up to `rows` rows.
    #[must_use]
    pub fn with_rows(rows: usize) -> Self {
        let column = || Vec::with_capacity(rows);
        Self {
            q: column(),
            advantage: column(),
            target: column(),
            rows: Vec::with_capacity(SAMPLE),
            scores: vec![0.0; SAMPLE],
        }
    }

    /// Choose at most [`SAMPLE`] of the valid rows, evenly spaced.
    pub fn choose(&mut self, valid: &[u32]) {
        self.rows.clear();
        self.rows.extend(valid.iter().step_by(valid.len().div_ceil(SAMPLE).max(1)));
        self.scores.resize(self.rows.len(), 0.0);
    }

    /// Returns without and with the baseline, not normalised.
    pub fn returns(
        &mut self,
        config: &EstimatorConfig,
        steps: &Steps<'_, f32>,
        scratch: &mut Scratch,
    ) {
        let config = EstimatorConfig { normalize: Normalize::None, ..config.clone() };
        for column in [&mut self.q, &mut self.advantage, &mut self.target] {
            column.resize(steps.rows(), 0.0);
        }
        estimate(&config, steps, &mut self.advantage, &mut self.target, scratch);
        if config.kind.contains_baseline() {
            for (k, q) in self.q.iter_mut().enumerate() {
                *q = self.advantage[k] + steps.value[k];
            }
        } else {
            let plain = EstimatorConfig { baseline: Baseline::None, ..config };
            estimate(&plain, steps, &mut self.q, &mut self.target, scratch);
        }
    }

    /// What the chosen rows, their returns and their scores say.
    #[must_use]
    pub fn quality(&self) -> Option<BaselineQuality> {
        let at = |column: &[f32], row: u32| f64::from(column[row as usize]);
        BaselineQuality::of(
            self.rows
                .iter()
                .zip(&self.scores)
                .map(|(&row, &s)| (s, at(&self.q, row), at(&self.advantage, row))),
        )
    }
}
