//! The agent and the exact numbers of a case.

use super::{Case, Critic};
use crate::Error;
use crate::config::Config;
use crate::dist::DistConfig;
use crate::exact::{
    Agent, ExactError, MAX_TRAJECTORIES, Objective, PolicyTable, Solution, Trajectory, World,
    enumerate, solve,
};
use gradwerk_math::{Kernel, Purpose, Stream};

/// Seed of parameters and samples: rows show the same numbers every time.
pub(super) const SEED: u64 = 20_191_209;

/// Everything that measuring a case needs.
#[derive(Debug)]
pub struct Setup {
    /// The problem.
    pub world: World,
    /// The configuration of training.
    pub config: Config,
    /// The agent in double precision.
    pub agent: Agent<f64>,
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
        let world = World::of(&(case.problem.table)());
        let config = config(case)?;
        let theta = Self::engine(case, &config, &world)?.theta();
        let encoding = case.policy.encoding;
        let (o, a) = (world.observations, world.actions);
        let mut agent = Agent::new(&config, encoding, o, a, Kernel::Portable)?;
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
        Ok(Self { world, config, agent, policy, solution })
    }

    /// The agent in the engine's precision; its first parameters are those of every precision.
    pub(super) fn engine(
        case: &Case,
        config: &Config,
        world: &World,
    ) -> Result<Agent<f32>, ExactError> {
        let (o, a) = (world.observations, world.actions);
        let mut agent = Agent::new(config, case.policy.encoding, o, a, Kernel::detect())?;
        if case.policy.jitter > 0.0 {
            let mut rng = Stream::new(SEED, Purpose::Test, 0, 0);
            let moved = agent.theta().into_iter();
            let moved = moved.map(|x| x + case.policy.jitter * rng.normal_pair::<f64>()[0]);
            agent.set_theta(&moved.collect::<Vec<_>>());
        }
        Ok(agent)
    }

    /// All trajectories.
    ///
    /// # Errors
    /// If there are too many.
    pub fn trajectories(&self) -> Result<Vec<Trajectory>, Error> {
        Ok(enumerate(&self.world, &self.policy, MAX_TRAJECTORIES)?)
    }
}

/// The configuration of a training run with this estimator.
fn config(case: &Case) -> Result<Config, Error> {
    Ok(Config {
        seed: SEED,
        gamma: case.gamma,
        network: (case.policy.network)(),
        policy: DistConfig::from_name(case.policy.dist).map_err(Error::usage)?,
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
