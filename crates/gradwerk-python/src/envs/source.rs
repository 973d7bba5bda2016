//! What environments come from: a function that makes them, or one that is there.

use super::Interface;
use super::parallel;
use super::spares::Spares;
use crate::codec::{self, Codec};
use gradwerk_env::Space;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;

/// Environments that an evaluation plays in at once, if they can be made: each costs memory, and
/// they are stepped one after another anyway.
const EVALUATION: usize = 16;

/// Where environments come from.
pub enum Source {
    /// A function without arguments that makes one, and those that it made and nobody uses.
    Factory(Py<PyAny>, Spares),
    /// One that is there.
    Instance(Py<PyAny>),
    /// A vector environment that is there.
    Vector(Py<PyAny>),
    /// A function that makes a vector environment of so many, and those that nobody uses.
    Vectors(Py<PyAny>, Spares),
    /// Worker processes (`gradwerk._workers.Workers`) that make them, each its own.
    Workers(Py<PyAny>),
    /// A function that makes parallel environments of these agents.
    ParallelFactory(Py<PyAny>, Agents, Spares),
    /// A parallel environment that is there.
    Parallel(Py<PyAny>, Agents),
}

/// Names of the agents of a parallel environment.
pub type Agents = Arc<Vec<Py<PyAny>>>;

impl Source {
    /// The source of this kind; `probe` is an environment that it made, if there is one.
    ///
    /// # Errors
    /// If there is no such kind, or Python raises.
    pub fn of(
        py: Python<'_>,
        kind: &str,
        object: Py<PyAny>,
        probe: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        match kind {
            "factory" => Ok(Self::Factory(object, Spares::default())),
            "instance" => Ok(Self::Instance(object)),
            "vector" => Ok(Self::Vector(object)),
            "vectors" => Ok(Self::Vectors(object, Spares::default())),
            "workers" => Ok(Self::Workers(object)),
            "parallel" => {
                let agents = Arc::new(parallel::agents(object.bind(py))?);
                Ok(Self::Parallel(object, agents))
            }
            "parallel-factory" => {
                let made = probe.map_or_else(|| object.bind(py).call0(), |env| Ok(env.clone()))?;
                let agents = Arc::new(parallel::agents(&made)?);
                let spares = Spares::default();
                if probe.is_none() {
                    spares.keep(Some(made.unbind()));
                }
                Ok(Self::ParallelFactory(object, agents, spares))
            }
            _ => Err(PyValueError::new_err(format!("{kind}: no kind of environment"))),
        }
    }

    /// The slots that it has, if their number is fixed.
    ///
    /// # Errors
    /// If a vector environment does not say.
    pub fn fixed(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        match self {
            Self::Factory(..)
            | Self::Vectors(..)
            | Self::Workers(_)
            | Self::ParallelFactory(..) => Ok(None),
            Self::Instance(_) => Ok(Some(1)),
            Self::Vector(env) => env.getattr(py, "num_envs")?.extract(py).map(Some),
            Self::Parallel(_, agents) => Ok(Some(agents.len())),
        }
    }

    /// Names of the agents; none where there is one agent.
    pub fn agents(&self) -> Option<&Agents> {
        match self {
            Self::Parallel(_, agents) | Self::ParallelFactory(_, agents, _) => Some(agents),
            _ => None,
        }
    }

    /// Slots of an evaluation: those that there are, or as many as are worth while.
    ///
    /// # Errors
    /// As [`Source::fixed`].
    pub fn evaluated(&self, py: Python<'_>) -> PyResult<usize> {
        let free = self.agents().map_or(EVALUATION, |agents| agents.len());
        Ok(self.fixed(py)?.unwrap_or(free))
    }

    /// What it made and nobody uses, if it makes any.
    pub fn spares(&self) -> Option<&Spares> {
        match self {
            Self::Factory(_, spares)
            | Self::Vectors(_, spares)
            | Self::ParallelFactory(_, _, spares) => Some(spares),
            _ => None,
        }
    }

    /// Whether it can make another one.
    pub fn makes(&self) -> bool {
        self.spares().is_some() || matches!(self, Self::Workers(_))
    }

    /// Whether it is one vector environment of all slots.
    pub fn is_vector(&self) -> bool {
        matches!(self, Self::Vector(_) | Self::Vectors(..))
    }
}

/// As many environments as wanted, spare ones first.
///
/// # Errors
/// What their maker raises.
pub fn take(
    py: Python<'_>,
    make: &Py<PyAny>,
    spares: &Spares,
    n: usize,
) -> PyResult<Vec<Py<PyAny>>> {
    let mut envs = spares.take(n);
    while envs.len() < n {
        envs.push(make.call0(py)?);
    }
    Ok(envs)
}

/// A vector environment of `n`, a spare one if there is one of that size.
///
/// # Errors
/// What its maker raises.
pub fn take_vector(
    py: Python<'_>,
    make: &Py<PyAny>,
    spares: &Spares,
    n: usize,
) -> PyResult<Py<PyAny>> {
    let fits = |env: &Py<PyAny>| {
        env.getattr(py, "num_envs").and_then(|size| size.extract::<usize>(py)).is_ok_and(|k| k == n)
    };
    spares.take_fitting(fits).map_or_else(|| make.call1(py, (n,)), Ok)
}

/// An environment of a source to ask about itself.
fn probe_of<'py>(py: Python<'py>, source: &Source) -> PyResult<Bound<'py, PyAny>> {
    match source {
        Source::Factory(make, _) | Source::ParallelFactory(make, ..) => {
            Ok(make.call0(py)?.into_bound(py))
        }
        Source::Vectors(make, _) => Ok(make.call1(py, (1,))?.into_bound(py)),
        Source::Workers(workers) => Ok(workers.call_method0(py, "make")?.into_bound(py)),
        Source::Instance(env) | Source::Vector(env) | Source::Parallel(env, _) => {
            Ok(env.bind(py).clone())
        }
    }
}

/// The spaces of observations and actions of the environments of a source.
///
/// # Errors
/// If gradwerk has no counterpart of them, or agents differ.
pub fn spaces_of(source: &Source, env: &Bound<'_, PyAny>) -> PyResult<(Codec, Codec)> {
    if let Some(agents) = source.agents() {
        let one = |name: &str, is_action| shared_space(env, agents, name, is_action);
        return Ok((one("observation_space", false)?, one("action_space", true)?));
    }
    let prefix = if source.is_vector() { "single_" } else { "" };
    let one = |name: &str, is_action| {
        let name = format!("{prefix}{name}");
        codec_of(&env.getattr(name.as_str())?, &name, is_action)
    };
    Ok((one("observation_space", false)?, one("action_space", true)?))
}

/// The space of all agents, who share a policy.
fn shared_space(
    env: &Bound<'_, PyAny>,
    agents: &Agents,
    name: &str,
    is_action: bool,
) -> PyResult<Codec> {
    let py = env.py();
    let of = |agent: &Py<PyAny>| -> PyResult<Codec> {
        codec_of(&env.call_method1(name, (agent,))?, name, is_action)
    };
    let first = of(&agents[0])?;
    for agent in &agents[1..] {
        let other = of(agent)?;
        if other != first {
            return Err(PyValueError::new_err(format!(
                "{name}: {} of agent {}, but {} of agent {}; agents that share a policy must have \
                 the same (wrap the environment so that they have)",
                first.space(),
                agents[0].bind(py),
                other.space(),
                agent.bind(py)
            )));
        }
    }
    Ok(first)
}

fn codec_of(space: &Bound<'_, PyAny>, name: &str, is_action: bool) -> PyResult<Codec> {
    let codec = codec::of_gymnasium(space, is_action)?;
    let check = codec.space().validate();
    check.map_err(|error| PyValueError::new_err(format!("{name}: {error}")))?;
    if is_action {
        refuse_image(&codec)?;
    }
    Ok(codec)
}

fn refuse_image(codec: &Codec) -> PyResult<()> {
    match codec.space().leaves().into_iter().find(|leaf| matches!(leaf, Space::Image { .. })) {
        None => Ok(()),
        Some(leaf) => Err(PyTypeError::new_err(format!("{leaf} cannot be an action space"))),
    }
}

/// The environment for evaluations must be of the same kind.
///
/// # Errors
/// If its spaces are others: names all of them.
pub fn check_same(py: Python<'_>, source: &Source, interface: &Interface) -> PyResult<()> {
    let env = probe_of(py, source)?;
    let (observation, action) = spaces_of(source, &env)?;
    if source.makes() {
        env.call_method0("close")?;
    }
    if (&observation, &action) == (&interface.observation, &interface.action) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "the environment for evaluation has observations {} and actions {}, that for training {} \
         and {}",
        observation.space(),
        action.space(),
        interface.observation_space,
        interface.action_space
    )))
}
