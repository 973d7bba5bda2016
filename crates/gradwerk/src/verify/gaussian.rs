//! Gaussian policies on problems with a gradient in closed form.

use super::setup::config;
use super::{Case, GaussianProblem};
use crate::Error;
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
    let layout = agent.learner.model.layout();
    let index = |name: &str| {
        let found = layout.find(name).map(|entry| entry.range().start);
        found.ok_or_else(|| Error::Usage(format!("verify: {} has no `{name}`", case.policy.name)))
    };
    let (mean, log_std) = (index(problem.mean)?, index("policy.log_std")?);
    let mut theta = vec![0.0; layout.len()];
    [theta[mean], theta[log_std]] = problem.at;
    agent.set_theta(&theta);
    let mut grad = vec![0.0; theta.len()];
    [grad[mean], grad[log_std]] = (problem.gradient)(problem.at[0], Real::exp(problem.at[1]));
    Ok((agent, grad))
}
