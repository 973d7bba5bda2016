//! Returns: reward-to-go, total return, n-step return, and the weight `gamma^t`.

use super::Steps;
use gradwerk_math::Real;

/// Reward-to-go, discounted from now (Sutton & Barto 2018, eq. 3.8), bootstrapping where the
/// trajectory is cut:
/// `G_t = r_t + discount_t ((1 - carry_t) V(s_{t+1}) + carry_t G_{t+1})`,
/// with `G_{t+1} = V(s_{t+1})` after the last row. Writes `out` `[T, N]`.
pub fn reward_to_go<R: Real>(steps: &Steps<'_, R>, out: &mut [R]) {
    steps.check_shapes();
    for k in (0..steps.rows()).rev() {
        out[k] = if steps.valid[k] {
            let follows = if steps.continues(k) { out[k + steps.n] } else { steps.next_value[k] };
            steps.reward[k] + steps.discount[k] * follows
        } else {
            R::ZERO
        };
    }
}

/// The return of the whole trajectory in each of its rows, discounted from its first row.
///
/// With whole episodes that is `r(tau) = sum_t' gamma^t' r_t'`, counted from the start; with
/// `gamma = 1`, the undiscounted sum. A trajectory whose beginning lies in an earlier rollout
/// is only seen in part, so this needs whole episodes. Writes `out` `[T, N]`.
pub fn total_return<R: Real>(steps: &Steps<'_, R>, out: &mut [R]) {
    reward_to_go(steps, out);
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            let total = out[range.start * steps.n + i];
            range.for_each(|t| out[t * steps.n + i] = total);
        });
    }
}

/// n-step return (Sutton & Barto 2018, eq. 7.1): the next `count >= 1` rewards, then
/// `V(s_{t+count})`; fewer where the trajectory ends earlier. Writes `out` `[T, N]`.
///
/// # Panics
/// If `count` is 0.
pub fn n_step_return<R: Real>(steps: &Steps<'_, R>, count: usize, out: &mut [R]) {
    assert!(count > 0, "n-step return: n = 0, expected at least 1");
    steps.check_shapes();
    for i in 0..steps.n {
        steps.for_each_trajectory(i, |range| {
            for t in range.clone() {
                let last = (t + count).min(range.end) - 1;
                out[t * steps.n + i] = partial_return(steps, i, t, last);
            }
        });
    }
    clear_invalid(steps, out);
}

/// Rewards of the times `first..=last`, then the value that follows; summed from the back.
fn partial_return<R: Real>(steps: &Steps<'_, R>, i: usize, first: usize, last: usize) -> R {
    let k = last * steps.n + i;
    let mut sum = steps.reward[k] + steps.discount[k] * steps.next_value[k];
    for t in (first..last).rev() {
        let k = t * steps.n + i;
        sum = steps.reward[k] + steps.discount[k] * sum;
    }
    sum
}

/// Multiply row t by `gamma^t`, t counted from the start of its episode: the factor that makes
/// reward-to-go the gradient of the discounted objective (Sutton & Barto 2018, section 13.3).
pub fn scale_from_start<R: Real>(steps: &Steps<'_, R>, x: &mut [R]) {
    for (k, x) in x.iter_mut().enumerate() {
        if steps.valid[k] {
            *x *= power(steps.gamma, steps.time[k]);
        }
    }
}

/// `base^exponent` by repeated squaring: the same bits everywhere, accurate to a few units.
fn power<R: Real>(base: R, mut exponent: u32) -> R {
    let (mut square, mut result) = (base, R::ONE);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result *= square;
        }
        square *= square;
        exponent /= 2;
    }
    result
}

/// Output 0 in rows that are not transitions.
fn clear_invalid<R: Real>(steps: &Steps<'_, R>, out: &mut [R]) {
    for (x, &valid) in out.iter_mut().zip(steps.valid) {
        if !valid {
            *x = R::ZERO;
        }
    }
}
