//! V-trace (Espeholt et al. 2018): values and advantages of the present policy from the
//! experience of another one.

use super::Steps;
use gradwerk_math::Real;

/// The bounds of V-trace. With both above every ratio that occurs nothing is clipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VtraceBounds<R> {
    /// `rho_bar`, largest factor of a one-step advantage: it decides *which* policy's values are
    /// learned (Espeholt et al. 2018, eq. 3). Above 0.
    pub rho: R,
    /// `c_bar`, largest factor of what later steps add: only how fast. Above 0.
    pub c: R,
    /// Shortens the trace, `c_t = lambda min(c_bar, rho_t)` (ibid., remark 2); in `[0, 1]`.
    pub lambda: R,
}

/// V-trace with the two factors of [`Steps`]. With `rho_t = pi(a_t|s_t) / mu(a_t|s_t)`,
/// `rho'_t = min(rho_bar, rho_t)`, `c_t = lambda min(c_bar, rho_t)`:
///
/// `vs_t - V_t = rho'_t (r_t + discount_t V_{t+1} - V_t) + discount_t carry_t c_t (vs_{t+1} - V_{t+1})`
/// (ibid., eq. 1 and remark 1), and the weight of `grad log pi(a_t|s_t)`
/// `A_t = rho'_t (r_t + discount_t vs_{t+1} - V_t)` (ibid., section 4.2),
/// where `vs_{t+1} = V_{t+1}` in the last row, beyond a row that is not a transition, and where
/// the episode was truncated (the value of its final observation).
///
/// `log_ratio` `[T, N]` is `log pi - log mu`; none means that `mu` is `pi`, all ratios 1. Then
/// `vs` with `lambda = 1` is the bootstrapped return and `A` is GAE(1). Importance ratios are in
/// `A` already: its surrogate is `A log pi`. Writes `advantage` and `vs`, both `[T, N]`, 0 in
/// rows that are not valid.
///
/// # Panics
/// If a column does not have T * N rows.
pub fn vtrace<R: Real>(
    steps: &Steps<'_, R>,
    log_ratio: Option<&[R]>,
    bounds: VtraceBounds<R>,
    advantage: &mut [R],
    vs: &mut [R],
) {
    steps.check_shapes();
    if let Some(column) = log_ratio {
        assert_eq!(column.len(), steps.rows(), "column log_ratio: expected T * N rows");
    }
    for k in (0..steps.rows()).rev() {
        if !steps.valid[k] {
            (advantage[k], vs[k]) = (R::ZERO, R::ZERO);
            continue;
        }
        let ratio = log_ratio.map_or(R::ONE, |column| column[k].exp());
        let (rho, c) = (bounds.rho.minimum(ratio), bounds.lambda * bounds.c.minimum(ratio));
        let (reward, discount, value) = (steps.reward[k], steps.discount[k], steps.value[k]);
        let next = steps.next_value[k];
        let follows = if steps.continues(k) { vs[k + steps.n] } else { next };
        let delta = rho * (reward + discount * next - value);
        vs[k] = value + delta + discount * c * (follows - next);
        advantage[k] = rho * (reward + discount * follows - value);
    }
}
