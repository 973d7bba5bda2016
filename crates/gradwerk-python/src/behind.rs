//! The Python behind an environment.

use crate::envs::PyEnvironment;
use crate::reward::Rewarded;
use gradwerk_env::EnvFactory;
use pyo3::prelude::*;

/// An environment with something of Python in it.
#[derive(FromPyObject)]
pub enum Behind {
    /// It is Python's.
    Environment(Py<PyEnvironment>),
    /// Its rewards are.
    Rewarded(Py<Rewarded>),
}

impl Behind {
    /// What makes it.
    pub fn factory(&self) -> &dyn EnvFactory {
        match self {
            Self::Environment(env) => env.get(),
            Self::Rewarded(env) => env.get(),
        }
    }

    /// The exception that ended a run, once.
    pub fn take_exception(&self) -> Option<PyErr> {
        match self {
            Self::Environment(env) => env.get().take_exception(),
            Self::Rewarded(env) => env.get().take_exception(),
        }
    }
}
