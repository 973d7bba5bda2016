//! Generalised advantage estimation (Schulman et al. 2016).

use super::Steps;
use gradwerk_math::Real;

/// `A_t = delta_t + discount_t lambda carry_t A_{t+1}` with
/// `delta_t = r_t + discount_t V(s_{t+1}) - V(s_t)` (Schulman et al. 2016, eq. 16, with the two
/// factors of [`Steps`]); beyond the last row and beyond a row that is not a transition, A = 0.
///
/// `lambda` in `[0, 1]`: 0 is the one-step advantage, 1 the discounted return less `V(s_t)`.
/// Writes `advantage` `[T, N]`; the value target is `A_t + V(s_t)`.
pub fn gae<R: Real>(steps: &Steps<'_, R>, lambda: R, advantage: &mut [R]) {
    steps.check_shapes();
    for k in (0..steps.rows()).rev() {
        advantage[k] = if steps.valid[k] {
            let target = steps.reward[k] + steps.discount[k] * steps.next_value[k];
            let delta = target - steps.value[k];
            if steps.continues(k) {
                delta + steps.discount[k] * lambda * advantage[k + steps.n]
            } else {
                delta
            }
        } else {
            R::ZERO
        };
    }
}
