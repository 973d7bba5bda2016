//! Which rows of a rollout make one sample of the score, and which samples are comparable.

use super::{Kind, Steps};
use gradwerk_math::Real;
use std::ops::Range;

/// Samples of `grad log pi` and the groups in which they give each other a baseline.
///
/// For total returns a sample is a trajectory, `g_i = sum_t grad log pi(a_t|s_t)`, and all of them
/// are one group. For other estimates a sample is a row, and a group is the rows at the same time
/// since the start of their episodes. Only valid rows occur, each once.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// The rows of all samples, one sample after another.
    rows: Vec<u32>,
    /// Where each sample ends in `rows`.
    ends: Vec<u32>,
    /// Where each group ends among the samples.
    groups: Vec<u32>,
}

impl Samples {
    /// Room for rollouts of up to `rows` = T * N rows.
    #[must_use]
    pub fn with_rows(rows: usize) -> Self {
        let column = || Vec::with_capacity(rows);
        Self { rows: column(), ends: column(), groups: column() }
    }

    /// The samples that an estimator's baselines compare.
    pub fn set<R: Real>(&mut self, kind: Kind, steps: &Steps<'_, R>) {
        if kind == Kind::TotalReturn { self.set_trajectories(steps) } else { self.set_rows(steps) }
    }

    /// Trajectories in one group, environment by environment.
    pub fn set_trajectories<R: Real>(&mut self, steps: &Steps<'_, R>) {
        self.clear();
        for i in 0..steps.n {
            steps.for_each_trajectory(i, |range| {
                self.rows.extend(range.map(|t| (t * steps.n + i) as u32));
                self.ends.push(self.rows.len() as u32);
            });
        }
        if !self.ends.is_empty() {
            self.groups.push(self.ends.len() as u32);
        }
    }

    /// Single rows in groups of the same time; by the row within a group.
    pub fn set_rows<R: Real>(&mut self, steps: &Steps<'_, R>) {
        self.clear();
        self.rows.extend((0..steps.rows() as u32).filter(|&k| steps.valid[k as usize]));
        self.rows.sort_unstable_by_key(|&k| (steps.time[k as usize], k));
        self.ends.extend(1..=self.rows.len() as u32);
        let time = |&k: &u32| steps.time[k as usize];
        for group in self.rows.chunk_by(|a, b| time(a) == time(b)) {
            let before = self.groups.last().copied().unwrap_or(0);
            self.groups.push(before + group.len() as u32);
        }
    }

    fn clear(&mut self) {
        for column in [&mut self.rows, &mut self.ends, &mut self.groups] {
            column.clear();
        }
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows of one sample, in order of time.
    #[must_use]
    pub fn sample(&self, index: usize) -> &[u32] {
        self.rows(index..index + 1)
    }

    /// The rows of consecutive samples.
    #[must_use]
    pub fn rows(&self, samples: Range<usize>) -> &[u32] {
        let end = |count: usize| if count == 0 { 0 } else { self.ends[count - 1] as usize };
        &self.rows[end(samples.start)..end(samples.end)]
    }

    /// The samples of every group in `within`, which cuts no group; group by group.
    pub fn groups(&self, within: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
        let first = self.groups.partition_point(|&end| end as usize <= within.start);
        let last = self.groups.partition_point(|&end| end as usize <= within.end);
        let end = |k: usize| if k == 0 { 0 } else { self.groups[k - 1] as usize };
        (first..last).map(move |k| end(k)..end(k + 1))
    }

    /// Whether all samples are one group.
    #[must_use]
    pub fn is_one_group(&self) -> bool {
        self.groups.len() == 1
    }

    /// The samples of share `i` of `count`: about as many rows in each.
    #[must_use]
    pub fn share(&self, i: usize, count: usize) -> Range<usize> {
        let end = |i: usize| {
            let rows = i * self.rows.len() / count;
            self.ends.partition_point(|&end| end as usize <= rows)
        };
        end(i)..end(i + 1)
    }

    /// As [`Samples::share`], but where there are several groups, each is whole in one share.
    #[must_use]
    pub fn share_of_groups(&self, i: usize, count: usize) -> Range<usize> {
        let share = self.share(i, count);
        if self.is_one_group() {
            return share;
        }
        let whole = |sample: usize| {
            let groups = self.groups.partition_point(|&end| end as usize <= sample);
            if groups == 0 { 0 } else { self.groups[groups - 1] as usize }
        };
        whole(share.start)..whole(share.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two environments over three steps: one of two episodes (2 and 1 steps), one of an episode
    /// of 2 steps and a row that is no transition.
    fn with_samples(kind: Kind, check: impl Fn(&Samples)) {
        let carry = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let valid = [true, true, true, true, true, false];
        let steps = Steps {
            t: 3,
            n: 2,
            reward: &[0.0; 6],
            discount: &carry,
            carry: &carry,
            value: &[0.0; 6],
            next_value: &[0.0; 6],
            score_square: &[],
            valid: &valid,
            time: &[0, 0, 1, 1, 0, 2],
            gamma: 1.0,
        };
        let mut samples = Samples::default();
        samples.set(kind, &steps);
        check(&samples);
    }

    #[test]
    fn trajectories_are_one_group() {
        with_samples(Kind::TotalReturn, |s| {
            assert_eq!((s.len(), s.is_one_group()), (3, true));
            assert_eq!([s.sample(0), s.sample(1), s.sample(2)], [&[0, 2][..], &[4], &[1, 3]]);
            assert!(s.groups(0..3).eq(std::iter::once(0..3)));
            // Of 5 rows the first half has 2: one trajectory.
            assert_eq!([s.share(0, 2), s.share(1, 2)], [0..1, 1..3]);
        });
    }

    #[test]
    fn rows_are_grouped_by_time() {
        with_samples(Kind::RewardToGo, |s| {
            // Rows 0, 1 and 4 begin an episode; 2 and 3 are at time 1.
            assert_eq!(s.rows(0..5), [0, 1, 4, 2, 3]);
            assert_eq!(s.groups(0..5).collect::<Vec<_>>(), [0..3, 3..5]);
            // The first half cuts the first group, which goes to the second share whole.
            assert_eq!([s.share(0, 2), s.share(1, 2)], [0..2, 2..5]);
            assert_eq!([s.share_of_groups(0, 2), s.share_of_groups(1, 2)], [0..0, 0..5]);
            assert!(s.groups(3..5).eq(std::iter::once(3..5)));
        });
    }
}
