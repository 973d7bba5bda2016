//! The estimator of a configuration, applied to a rollout.

use super::{
    Baseline, Discounting, EstimatorConfig, Kind, Normalize, Samples, Steps, VtraceBounds, gae,
    n_step_return, normalize, reward_to_go, scale_from_start, subtract_batch_mean,
    subtract_constant, subtract_leave_one_out, subtract_optimal, subtract_time_step,
    subtract_value, total_return, vtrace,
};
use gradwerk_math::Real;

/// Memory that [`estimate`] reuses from call to call.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    samples: Samples,
}

impl Scratch {
    /// Room for rollouts of up to `rows` = T * N rows, so that [`estimate`] never allocates.
    #[must_use]
    pub fn with_rows(rows: usize) -> Self {
        Self { samples: Samples::with_rows(rows) }
    }
}

/// Advantages and value targets of a rollout, both `[T, N]`; 0 in rows that are not valid.
///
/// The baseline `optimal-per-parameter` is no number per row: here it subtracts nothing, and
/// [`crate::learner::Batch::per_parameter`] has it.
///
/// The target is `A + V` for GAE (the lambda-return), the n-step return for n-step, `vs` for
/// V-trace (here with all ratios 1), else the reward-to-go; always discounted from now and never normalised. The advantage is the return
/// less the baseline, times `gamma^t` where the discount counts from the start, then
/// normalised if that is per batch. (Per minibatch is the caller's, with
/// [`super::moments_of_rows`].)
///
/// # Panics
/// If a slice does not have T * N entries. Call [`EstimatorConfig::check`] first: here a
/// combination it refuses gives the formula's number without a warning.
pub fn estimate<R: Real>(
    config: &EstimatorConfig,
    steps: &Steps<'_, R>,
    advantage: &mut [R],
    target: &mut [R],
    scratch: &mut Scratch,
) {
    estimate_raw(config, steps, None, advantage, target, scratch);
    if config.normalize == Normalize::Batch {
        normalize(advantage, steps.valid);
    }
}

/// [`estimate`] before normalisation; `log_ratio` `[T, N]` is read by V-trace.
pub(super) fn estimate_raw<R: Real>(
    config: &EstimatorConfig,
    steps: &Steps<'_, R>,
    log_ratio: Option<&[R]>,
    advantage: &mut [R],
    target: &mut [R],
    scratch: &mut Scratch,
) {
    assert_eq!(advantage.len(), steps.rows(), "advantage: expected T * N rows");
    assert_eq!(target.len(), steps.rows(), "target: expected T * N rows");
    estimate_return(config, steps, log_ratio, advantage, target);
    if !config.kind.contains_baseline() {
        subtract_baseline(config, steps, advantage, scratch);
    }
    if config.discounting == Discounting::FromStart && config.kind != Kind::TotalReturn {
        scale_from_start(steps, advantage);
    }
}

/// The return that is weighed (for GAE the advantage itself), and the value target.
fn estimate_return<R: Real>(
    config: &EstimatorConfig,
    steps: &Steps<'_, R>,
    log_ratio: Option<&[R]>,
    weight: &mut [R],
    target: &mut [R],
) {
    match config.kind {
        Kind::Gae => {
            gae(steps, R::from_f64(config.lambda), weight);
            add_value(steps, weight, target);
        }
        Kind::RewardToGo => {
            reward_to_go(steps, target);
            weight.copy_from_slice(target);
        }
        Kind::TotalReturn => {
            reward_to_go(steps, target);
            total_return(steps, weight);
        }
        Kind::NStep => {
            n_step_return(steps, config.n, target);
            weight.copy_from_slice(target);
        }
        Kind::VTrace => {
            let real = R::from_f64;
            let (rho, c, lambda) = (real(config.rho_bar), real(config.c_bar), real(config.lambda));
            vtrace(steps, log_ratio, VtraceBounds { rho, c, lambda }, weight, target);
        }
    }
}

/// `target = advantage + V(s_t)` in valid rows.
fn add_value<R: Real>(steps: &Steps<'_, R>, advantage: &[R], target: &mut [R]) {
    for (k, target) in target.iter_mut().enumerate() {
        *target = if steps.valid[k] { advantage[k] + steps.value[k] } else { R::ZERO };
    }
}

pub(super) fn subtract_baseline<R: Real>(
    config: &EstimatorConfig,
    steps: &Steps<'_, R>,
    weight: &mut [R],
    scratch: &mut Scratch,
) {
    // Total returns are equal in all rows of a trajectory: it counts once.
    let per_trajectory = config.kind == Kind::TotalReturn;
    match config.baseline {
        // The learner subtracts, parameter by parameter.
        Baseline::None | Baseline::OptimalPerParameter => {}
        Baseline::Constant => {
            subtract_constant(steps, R::from_f64(config.baseline_constant), weight);
        }
        Baseline::BatchMean => subtract_batch_mean(steps, per_trajectory, weight),
        Baseline::LeaveOneOut => subtract_leave_one_out(steps, per_trajectory, weight),
        Baseline::TimeStep => subtract_time_step(steps, &mut scratch.samples, weight),
        Baseline::Value => subtract_value(steps, weight),
        Baseline::Optimal => subtract_optimal(steps, per_trajectory, &mut scratch.samples, weight),
    }
}
