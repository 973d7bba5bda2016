//! Baselines: what is subtracted from a return before it weighs `grad log pi`.
//!
//! `E[grad log pi b] = 0` for every `b` that does not depend on the action (Williams 1992), so
//! all of these but the batch mean leave the expected gradient as it is.

use super::{Samples, Steps};
use gradwerk_math::Real;

/// Subtract the constant `b` from every valid row.
pub fn subtract_constant<R: Real>(steps: &Steps<'_, R>, b: R, x: &mut [R]) {
    for_each_valid(steps, x, |_, x| *x -= b);
}

/// Subtract `V(s_t)`.
pub fn subtract_value<R: Real>(steps: &Steps<'_, R>, x: &mut [R]) {
    for_each_valid(steps, x, |k, x| *x -= steps.value[k]);
}

/// Subtract the mean over the batch. Each trajectory counts once if `per_trajectory` (for total
/// returns, which are equal in all rows of a trajectory), else each row.
///
/// The mean contains the sample itself: with total returns of N independent trajectories the
/// expected gradient shrinks by exactly `1 - 1/N`.
pub fn subtract_batch_mean<R: Real>(steps: &Steps<'_, R>, per_trajectory: bool, x: &mut [R]) {
    let total = batch_total(steps, per_trajectory, x);
    let mean = R::from_f64(total.mean());
    subtract_constant(steps, mean, x);
}

/// Subtract the mean over all *other* trajectories of the batch (Kool et al. 2019): each counts
/// once if `per_trajectory`, else each of their rows. Unbiased. Without another trajectory the
/// baseline is 0.
pub fn subtract_leave_one_out<R: Real>(steps: &Steps<'_, R>, per_trajectory: bool, x: &mut [R]) {
    let total = batch_total(steps, per_trajectory, x);
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            let mut own = Total::default();
            for t in if per_trajectory { range.start..range.start + 1 } else { range.clone() } {
                own.add(x[t * steps.n + i]);
            }
            let others = Total { sum: total.sum - own.sum, count: total.count - own.count };
            let mean = R::from_f64(others.mean());
            range.for_each(|t| x[t * steps.n + i] -= mean);
        });
    }
}

/// Subtract `b_t`, the mean over the *other* trajectories of the batch at the same time since
/// the start of the episode. Unbiased. Where no other trajectory got that far, `b_t = 0`.
///
/// `samples` is scratch; it grows to `T * N` entries.
pub fn subtract_time_step<R: Real>(steps: &Steps<'_, R>, samples: &mut Samples, x: &mut [R]) {
    samples.set_rows(steps);
    for group in samples.groups(0..samples.len()).map(|group| samples.rows(group)) {
        let mut total = Total::default();
        group.iter().for_each(|&k| total.add(x[k as usize]));
        for &k in group {
            let x = &mut x[k as usize];
            let others = Total { sum: total.sum - x.to_f64(), count: total.count - 1 };
            *x -= R::from_f64(others.mean());
        }
    }
}

/// A sum in double precision and the number of its terms.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    sum: f64,
    count: usize,
}

impl Total {
    fn add<R: Real>(&mut self, x: R) {
        self.sum += x.to_f64();
        self.count += 1;
    }

    /// 0 of nothing.
    fn mean(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}

/// Total over trajectories (their first rows) or over valid rows, environment by environment.
fn batch_total<R: Real>(steps: &Steps<'_, R>, per_trajectory: bool, x: &[R]) -> Total {
    let mut total = Total::default();
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            let rows = if per_trajectory { range.start..range.start + 1 } else { range };
            rows.for_each(|t| total.add(x[t * steps.n + i]));
        });
    }
    total
}

fn for_each_valid<R: Real>(steps: &Steps<'_, R>, x: &mut [R], f: impl Fn(usize, &mut R)) {
    for (k, x) in x.iter_mut().enumerate() {
        if steps.valid[k] {
            f(k, x);
        }
    }
}
