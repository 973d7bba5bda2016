//! The agent and the exact numbers of a case.

use super::{Case, Critic};
use crate::Error;
use crate::config::Config;
use crate::exact::{
    Agent, ExactError, MAX_TRAJECTORIES, Objective, PolicyTable, Solution, Trajectory, World,
    enumerate, solve,
};
use gradwerk_math::{Kernel, Purpose, Stream};
use gradwerk_nn::Engine;

/// Seed of parameters and samples: rows show the same numbers every time.
pub(super) const SEED: u64 = 20_191_209;

/// Standard deviation of the parameters of the policy that acted around those of the present one:
/// enough for ratios from about 0.5 to 2.
const BEHAVIOUR: f64 = 0.4;

/// Everything that measuring a case needs.
#[derive(Debug)]
pub struct Setup {
    /// The problem.
    pub world: World,
    /// The configuration of training.
    pub config: Config,
    /// The agent in double precision.
    pub agent: Agent<f64>,
    /// The agent that acted, where it is another one.
    pub behaviour: Option<Agent<f64>>,
    /// Its policy with derivatives.
    pub policy: PolicyTable,
    /// `J` and its gradient; bootstrapped where episodes are truncated, as the estimator does.
    pub solution: Solution,
}

impl From<ExactError> for Error {
    fn from(error: ExactError) -> Self {
        Self::Usage(format!("verify: {error}"))
    }
}

impl Setup {
    /// Build the agent of a case and solve its problem.
    ///
    /// # Errors
    /// If the parts do not go together or the value is infinite.
    pub fn of(case: &Case) -> Result<Self, Error> {
        let world = World::of(&case.problem.source.table()?);
        let config = config(case)?;
        let theta = Self::engine(case, &config, &world)?.theta();
        let mut agent = build(case, &config, &world, Kernel::Portable)?;
        agent.set_theta(&theta);
        let policy = PolicyTable::of(&agent);
        let solved = |agent: &Agent<f64>| {
            let objective = Objective { gamma: case.gamma, tail: Some(agent.values()) };
            solve(&world, &policy, objective)
        };
        let mut solution = solved(&agent)?;
        if case.critic == Critic::Exact {
            set_values(&mut agent, &world, &solution.value);
            solution = solved(&agent)?;
        }
        let behaviour = match case.importance {
            Some(_) => Some(behaviour(case, &config, &world, &theta)?),
            None => None,
        };
        Ok(Self { world, config, agent, behaviour, policy, solution })
    }

    /// The agent in the engine's precision; its first parameters are those of every precision.
    pub(super) fn engine(
        case: &Case,
        config: &Config,
        world: &World,
    ) -> Result<Agent<f32>, ExactError> {
        let mut agent = build(case, config, world, Kernel::detect())?;
        if case.policy.jitter > 0.0 {
            agent.set_theta(&moved(&agent.theta(), case.policy.jitter, 0));
        }
        Ok(agent)
    }

    /// All trajectories of the policy that acted.
    ///
    /// # Errors
    /// If there are too many.
    pub fn trajectories(&self) -> Result<Vec<Trajectory>, Error> {
        let acted = self.behaviour.as_ref().map(PolicyTable::of);
        let policy = acted.as_ref().unwrap_or(&self.policy);
        Ok(enumerate(&self.world, policy, MAX_TRAJECTORIES)?)
    }
}

/// The agent of a case with its first parameters.
fn build<E: Engine>(
    case: &Case,
    config: &Config,
    world: &World,
    kernel: Kernel,
) -> Result<Agent<E>, ExactError> {
    let choices = case.policy.choices(world.actions);
    Agent::new(config, case.policy.encoding, world.observations, choices, kernel)
}

/// An agent at some distance from `theta`.
fn behaviour(
    case: &Case,
    config: &Config,
    world: &World,
    theta: &[f64],
) -> Result<Agent<f64>, ExactError> {
    let mut agent = build(case, config, world, Kernel::Portable)?;
    agent.set_theta(&moved(theta, BEHAVIOUR, 1));
    Ok(agent)
}

/// `theta` plus independent normals of deviation `scale`.
pub(super) fn moved(theta: &[f64], scale: f64, key: u64) -> Vec<f64> {
    let mut rng = Stream::new(SEED, Purpose::Test, key, 0);
    theta.iter().map(|x| x + scale * rng.normal_pair::<f64>()[0]).collect()
}

/// The configuration of a training run with this estimator.
pub(super) fn config(case: &Case) -> Result<Config, Error> {
    Ok(Config {
        seed: SEED,
        gamma: case.gamma,
        network: (case.policy.network)(),
        policy: (case.policy.dist)(),
        estimator: case.estimator.clone(),
        ..Config::default()
    })
}

/// Put the values of the nodes into the table of a linear value function on one-hot inputs.
///
/// # Panics
/// If the value function is another one, or the problem is not one whose observations are its
/// nodes and whose values do not depend on time.
fn set_values(agent: &mut Agent<f64>, world: &World, value: &[f64]) {
    assert!(world.horizon.is_none(), "values depend on time under a horizon");
    let mut theta = agent.theta();
    let layout = agent.learner.model.layout();
    let weights = layout.find("value.0.weight").expect("a linear value function").range();
    let bias = layout.find("value.0.bias").expect("a linear value function").range();
    assert_eq!(weights.len(), world.nodes(), "one weight per node");
    for (node, &v) in value.iter().enumerate() {
        theta[weights.start + world.obs[node]] = v;
    }
    theta[bias].fill(0.0);
    agent.set_theta(&theta);
}
