//! Estimators of returns and advantages: pure functions over time-major slices, no parameters.
//!
//! Row `(t, i)` of shape `[T, N]` lies at index `t * n + i`; `i` is the environment. The end of
//! an episode is expressed by two factors per step: `discount` (0 only at termination) and
//! `carry` (0 at any end), so that a truncated step bootstraps, yet no credit leaks into the
//! next episode. Rows that are not valid are not transitions: their outputs are 0, they are
//! never counted, and no credit passes through them.
//!
//! A *trajectory* is a maximal run of rows of one environment in which each row carries into
//! the next one; a rollout may hold many, and may cut the first and the last.

mod baseline;
mod config;
mod gae;
mod importance;
mod list;
mod normalize;
mod off_policy_value;
mod optimal;
mod returns;
mod run;
mod samples;
mod steps;
mod vtrace;

pub use baseline::{
    subtract_batch_mean, subtract_constant, subtract_leave_one_out, subtract_time_step,
    subtract_value,
};
pub use config::{Baseline, Discounting, EstimatorConfig, EstimatorError, Kind, Normalize};
pub use gae::gae;
pub use importance::{
    Ess, Form, ImportanceConfig, ImportanceError, ImportanceScratch, Weighting, check_log_ratios,
    correct_weights, effective_sample_size, estimate_off_policy, log_weights, per_decision_return,
};
pub use list::{BASELINES, BaselineEntry, Bias, ESTIMATORS, EstimatorEntry};
pub use normalize::{Moments, NORMALIZE_EPS, moments, moments_of_rows, normalize};
pub use off_policy_value::{Estimate, PolicyValue, Weighed, policy_value};
pub use optimal::{WeightedTotal, subtract_optimal};
pub use returns::{n_step_return, reward_to_go, scale_from_start, total_return};
pub use run::{Scratch, estimate};
pub use samples::Samples;
pub use steps::Steps;
pub use vtrace::{VtraceBounds, vtrace};
