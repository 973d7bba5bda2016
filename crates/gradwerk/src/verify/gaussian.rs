//! Gaussian policies on problems with a gradient in closed form.

use super::setup::config;
use super::{Case, GaussianProblem};
use crate::Error;
use crate::dist::DistConfig;
use crate::exact::Agent;
use gradwerk_env::EnvFactory;
use gradwerk_math::{Kernel, Real};

/// The agent of a case at the policy that the problem names, and `grad J` there, `[P]`.
pub(super) fn agent(
    case: &Case,
    problem: &GaussianProblem,
    env: &dyn EnvFactory,
) -> Result<(Agent<f32>, Vec<f64>), Error> {
    let (observation, action) = (env.observation_space(), env.action_space());
    let mut agent =
        Agent::<f32>::on_spaces(&config(case)?, &observation, &action, Kernel::detect())?;
    let (layout, dist) = (agent.learner.model.layout(), (case.policy.dist)());
    let index = |name: &str| {
        let found = layout.find(name).map(|entry| entry.range().start);
        found.ok_or_else(|| Error::Usage(format!("verify: {} has no `{name}`", case.policy.name)))
    };
    // Where the network computes the deviation, its bias stands for it: the second one.
    let of_state = matches!(dist, DistConfig::Gaussian(g) if g.state_dependent_std);
    let log_std = if of_state { index("policy.0.bias")? + 1 } else { index("policy.log_std")? };
    let mean = index(problem.mean)?;
    let mut theta = vec![0.0; layout.len()];
    [theta[mean], theta[log_std]] = problem.at;
    agent.set_theta(&theta);
    let mut grad = vec![0.0; theta.len()];
    [grad[mean], grad[log_std]] = (problem.gradient)(problem.at[0], Real::exp(problem.at[1]));
    Ok((agent, grad))
}
