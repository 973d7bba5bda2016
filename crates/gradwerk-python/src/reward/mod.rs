//! Rewards of a function of Python, in an environment of Rust.

mod batch;
mod function;
mod transitions;

pub use transitions::Transitions;

use crate::error::plain;
use batch::RewardedBatch;
use function::Function;
use gradwerk_env::{Batching, EnvFactory, EnvSettings, EpisodeKeys, Space, VecEnv, registry};
use gradwerk_mujoco::described;
use pyo3::prelude::*;
use std::sync::Arc;

/// Episodes that an evaluation plays side by side.
const EVALUATION: usize = 64;

/// A native environment whose rewards a function gives.
///
/// All copies make one batch whatever the number of threads, for the bits of numpy may depend on
/// the number of rows.
#[pyclass(frozen, module = "gradwerk._core")]
pub struct Rewarded {
    env: &'static dyn EnvFactory,
    function: Arc<Function>,
}

#[pymethods]
impl Rewarded {
    #[new]
    fn new(id: &str, function: Py<PyAny>, name: String) -> PyResult<Self> {
        let is_described = id.ends_with(described::FILES.ending);
        let find = if is_described { described::find_without_reward } else { gradwerk_env::find };
        Ok(Self {
            env: find(id).map_err(plain)?,
            function: Arc::new(Function::new(function, name)),
        })
    }

    /// Name of the environment.
    #[getter]
    fn id(&self) -> &str {
        self.env.id()
    }

    /// Number of its environments: None, as many are made as are wanted.
    #[getter]
    fn num_envs(&self) -> Option<usize> {
        None
    }

    /// Agents of each of its environments.
    #[getter]
    fn num_agents(&self) -> usize {
        1
    }

    /// Whether it can be evaluated while it is trained on.
    #[getter]
    fn has_evaluation(&self) -> bool {
        true
    }

    /// Nothing is open.
    fn close(&self) {}
}

impl Rewarded {
    /// The exception that ended a run, once.
    pub fn take_exception(&self) -> Option<PyErr> {
        self.function.failure.take()
    }
}

impl EnvFactory for Rewarded {
    gradwerk_env::forward_factory!();

    /// What a file says is about whichever reward; a known task is solved by its own.
    fn solved_at(&self) -> Option<f64> {
        self.env.solved_at().filter(|_| registry::is_file(self.env.id()))
    }
    fn observation_space(&self) -> Space {
        self.env.observation_space()
    }
    fn batching(&self) -> Batching {
        Batching::Whole { evaluation: EVALUATION }
    }
    /// The name of the function is one.
    fn takes_options(&self) -> bool {
        true
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        let inner = self.env.make(seed, keys, num_envs, settings);
        Box::new(RewardedBatch::new(inner, self.function.clone(), keys, settings.frame_skip))
    }
}
