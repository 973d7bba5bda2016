//! Continuous problems whose objective and gradient are known in closed form for Gaussian
//! policies.
//!
//! - [`QuadraticBandit`]: one step, `r = -(a - c)^2`, policy `N(m, sigma^2)`;
//! - [`LinearQuadratic`]: the scalar linear-quadratic regulator over H steps, policy
//!   `N(k s, sigma^2)`; [`REGULATOR`] is a stable instance, [`CONDITIONING`] the poor-conditioning
//!   example of the lecture.
//!
//! Each is data with `objective`, `gradient` and `fisher` in double precision, and an environment:
//! `gaussian/bandit`, `gaussian/lqr`, `gaussian/conditioning`. Gradients are with respect to the
//! mean's parameter and `ln sigma`, in which the Fisher matrix is diagonal. Actions are not
//! bounded, so that no clipping comes between the policy and the formulas.

mod bandit;
mod play;
mod regulator;

pub use bandit::{QuadraticBandit, QuadraticBanditEnv};
pub use play::{ConditioningEnv, RegulatorEnv};
pub use regulator::{CONDITIONING, LinearQuadratic, REGULATOR};
