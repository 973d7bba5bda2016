//! The columns of a rollout that estimators read.

use gradwerk_math::Real;
use std::ops::Range;

/// `[T, N]` columns of a rollout, time-major: row `(t, i)` at index `t * n + i`.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a, R> {
    /// Number of time steps T.
    pub t: usize,
    /// Number of environments N.
    pub n: usize,
    /// Reward of `(s_t, a_t)`.
    pub reward: &'a [R],
    /// `gamma`, but 0 where the episode terminated at this step.
    pub discount: &'a [R],
    /// 1, but 0 where the episode ended at this step for whatever reason.
    pub carry: &'a [R],
    /// `V(s_t)`, or 0 everywhere without a value function.
    pub value: &'a [R],
    /// `V(s_{t+1})`, so equal to the next row's `value` where the episode continues; where truncated, the value of the final observation (before the reset); in
    /// the last row, the value of the observation that follows the rollout.
    pub next_value: &'a [R],
    /// Squared length of the score that the row's weight multiplies: of `grad log pi(a_t|s_t)`, or
    /// for total returns of its sum over the trajectory, equal in all of its rows. Empty where no
    /// baseline asks for it.
    pub score_square: &'a [R],
    /// Whether the row is a transition.
    pub valid: &'a [bool],
    /// Steps since the episode began: 0 in its first transition.
    pub time: &'a [u32],
    /// The discount factor, for weights `gamma^time`.
    pub gamma: R,
}

impl<R: Real> Steps<'_, R> {
    /// Number of rows, valid or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.t * self.n
    }

    /// Panic, naming the column, unless all columns have `t * n` rows.
    ///
    /// # Panics
    /// As said.
    pub fn check_shapes(&self) {
        let lengths = [
            ("reward", self.reward.len()),
            ("discount", self.discount.len()),
            ("carry", self.carry.len()),
            ("value", self.value.len()),
            ("next_value", self.next_value.len()),
            ("valid", self.valid.len()),
            ("time", self.time.len()),
        ];
        for (column, length) in lengths {
            assert_eq!(length, self.rows(), "column {column}: expected T * N rows");
        }
    }

    /// Whether the trajectory goes on from row `k` to row `k + n`: it carries, and the successor
    /// lies in the rollout and is a transition. Where not, an estimator bootstraps with
    /// `discount * next_value`, and no credit passes.
    #[inline]
    #[must_use]
    pub fn continues(&self, k: usize) -> bool {
        let next = k + self.n;
        next < self.rows() && self.valid[next] && self.carry[k] != R::ZERO
    }

    /// Call `f` with the time range of every trajectory of environment `i`, in order of time.
    pub(super) fn for_each_trajectory(&self, i: usize, mut f: impl FnMut(Range<usize>)) {
        let mut start = None;
        for t in 0..self.t {
            let k = t * self.n + i;
            if !self.valid[k] {
                continue;
            }
            let first = *start.get_or_insert(t);
            if !self.continues(k) {
                f(first..t + 1);
                start = None;
            }
        }
    }
}
