//! Native environments for the trainers of others.

use crate::codec::Codec;
use crate::error::plain;
use crate::film;
use crate::reward::Rewarded;
use gradwerk_env::{Actions, End, EnvFactory, EnvSettings, EpisodeKeys, Space, StepRows, VecEnv};
use numpy::PyArray1;
use numpy::prelude::*;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Copies of a native environment; an episode that ends is followed at once by the next one.
#[pyclass(frozen, module = "gradwerk._core")]
pub struct NativeEnvs {
    id: String,
    settings: EnvSettings,
    episode: Option<u64>,
    observation: Space,
    action: Space,
    codec: Codec,
    batch: Mutex<Batch>,
    /// The same with other rewards.
    reward: Option<Py<Rewarded>>,
}

/// The environments and their columns.
struct Batch {
    env: Box<dyn VecEnv>,
    obs: Vec<f32>,
    final_obs: Vec<f32>,
    reward: Vec<f64>,
    end: Vec<End>,
    active: Vec<bool>,
}

impl Batch {
    fn new(env: Box<dyn VecEnv>) -> Self {
        let (n, d) = (env.num_envs(), env.observation_space().width());
        Self {
            env,
            obs: vec![0.0; n * d],
            final_obs: vec![0.0; n * d],
            reward: vec![0.0; n],
            end: vec![End::Continue; n],
            active: vec![true; n],
        }
    }

    fn step(&mut self, discrete: &[u32], continuous: &[f32]) {
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut self.reward,
            end: &mut self.end,
            final_obs: &mut self.final_obs,
        };
        self.env.step(Actions { discrete, continuous }, &self.active, &mut rows);
    }
}

/// Names of the native environments.
#[pyfunction]
pub fn native_ids() -> Vec<String> {
    gradwerk_env::registry::all().iter().map(|env| env.id().to_owned()).collect()
}

/// Nothing if there is a native environment of this name.
///
/// # Errors
/// If there is none: names those that there are.
#[pyfunction]
pub fn check_native(id: &str) -> PyResult<()> {
    gradwerk_env::find(id).map(|_| ()).map_err(plain)
}

/// The environment of this name, or the given one.
fn factory<'a>(id: &str, reward: Option<&'a Py<Rewarded>>) -> PyResult<&'a dyn EnvFactory> {
    match reward {
        Some(env) => Ok(env.get()),
        None => gradwerk_env::find(id).map(|env| env as &dyn EnvFactory).map_err(plain),
    }
}

/// Copies whose first episodes are those of a training, or `episode` of an evaluation, which is
/// filmed.
fn make(
    env: &dyn EnvFactory,
    seed: u64,
    n: usize,
    settings: &EnvSettings,
    episode: Option<u64>,
) -> Box<dyn VecEnv> {
    let keys = match episode {
        None => EpisodeKeys::Training { first: 0 },
        Some(first) => EpisodeKeys::Evaluation { first, stride: n as u64 },
    };
    let mut made = env.make(seed, keys, n, settings);
    if episode.is_some() {
        made.film();
    }
    made
}

impl NativeEnvs {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Batch> {
        // Whoever has it may wait for the interpreter, to ask for rewards.
        self.batch.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Raise what a reward function raised.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let Some(error) = self.lock(py).env.take_failure() else { return Ok(()) };
        let raised = self.reward.as_ref().and_then(|env| env.get().take_exception());
        Err(raised.unwrap_or_else(|| PyRuntimeError::new_err(error.to_string())))
    }

    /// Observation rows as an array `[n, d]`.
    fn rows<'py>(&self, py: Python<'py>, rows: &[f32]) -> PyResult<Bound<'py, PyAny>> {
        let d = self.observation.width();
        Ok(PyArray1::from_slice(py, rows).reshape([rows.len() / d, d])?.into_any())
    }
}

#[pymethods]
impl NativeEnvs {
    #[new]
    #[pyo3(signature = (
        id, num_envs, seed=0, time_limit=None, frame_skip=1, episode=None, reward=None
    ))]
    fn new(
        id: &str,
        num_envs: usize,
        seed: u64,
        time_limit: Option<u32>,
        frame_skip: u32,
        episode: Option<u64>,
        reward: Option<Py<Rewarded>>,
    ) -> PyResult<Self> {
        if num_envs == 0 {
            return Err(PyValueError::new_err("num_envs = 0, expected at least 1"));
        }
        let env = factory(id, reward.as_ref())?;
        let own = env.default_settings();
        let settings = EnvSettings { time_limit: time_limit.or(own.time_limit), frame_skip };
        settings.validate().map_err(plain)?;
        let batch = Batch::new(make(env, seed, num_envs, &settings, episode));
        let (observation, action) = (env.observation_space(), env.action_space());
        let codec = Codec::native(&action);
        let (id, batch) = (id.to_owned(), Mutex::new(batch));
        Ok(Self { id, settings, episode, observation, action, codec, batch, reward })
    }

    /// Steps after which episodes are truncated.
    #[getter]
    fn time_limit(&self) -> Option<u32> {
        self.settings.time_limit
    }

    /// Begin all episodes; with another seed if one is given.
    #[pyo3(signature = (seed=None))]
    fn reset<'py>(&self, py: Python<'py>, seed: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        let mut batch = self.lock(py);
        if let Some(seed) = seed {
            let (n, factory) = (batch.env.num_envs(), factory(&self.id, self.reward.as_ref())?);
            batch.env = make(factory, seed, n, &self.settings, self.episode);
        }
        let Batch { env, obs, .. } = &mut *batch;
        env.reset(obs);
        self.rows(py, obs)
    }

    /// One step of all: observations, rewards, terminated, truncated, final observations.
    fn step<'py>(&self, py: Python<'py>, action: &Bound<'py, PyAny>) -> PyResult<Stepped<'py>> {
        let n = self.lock(py).env.num_envs();
        let (discrete, continuous) = self.codec.read_actions(action, n, &self.action)?;
        py.detach(|| {
            let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
            batch.step(&discrete, &continuous);
        });
        self.check(py)?;
        let batch = self.lock(py);
        let flags = |which: End| {
            let flags: Vec<bool> = batch.end.iter().map(|end| *end == which).collect();
            PyArray1::from_vec(py, flags)
        };
        Ok((
            self.rows(py, &batch.obs)?,
            PyArray1::from_slice(py, &batch.reward),
            flags(End::Terminated),
            flags(End::Truncated),
            self.rows(py, &batch.final_obs)?,
        ))
    }

    /// Which values of the discrete components are valid, `[n, m]`; None if nothing is masked.
    fn masks<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let batch = self.lock(py);
        let (n, width) = (batch.env.num_envs(), batch.env.mask_width());
        if width == 0 {
            return Ok(None);
        }
        let mut masks = vec![true; n * width];
        batch.env.masks(&mut masks);
        Ok(Some(PyArray1::from_vec(py, masks).reshape([n, width])?.into_any()))
    }

    /// What a copy looks like after its last reset or step, `[height, width, 3]` with a longer
    /// side of at most `side` pixels; None if it has no pictures or is not filmed.
    fn picture<'py>(
        &self,
        py: Python<'py>,
        copy: usize,
        side: f64,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let batch = self.lock(py);
        let scene = batch.env.picture(copy);
        scene.map(|scene| film::array(py, scene, side)).transpose()
    }

    /// The space of observations: a description for Python.
    #[getter]
    fn observation_space<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.observation)
    }

    /// The space of actions: a description for Python.
    #[getter]
    fn action_space<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.action)
    }
}

type Stepped<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyAny>,
);

/// A space as nested dictionaries with its kind and its numbers.
fn describe<'py>(py: Python<'py>, space: &Space) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let kind = match space {
        Space::Discrete { n } => {
            dict.set_item("n", n)?;
            "discrete"
        }
        Space::Box { low, high } => {
            dict.set_item("low", PyArray1::from_slice(py, low))?;
            dict.set_item("high", PyArray1::from_slice(py, high))?;
            "box"
        }
        Space::Image { channels, height, width } => {
            dict.set_item("shape", (channels, height, width))?;
            "image"
        }
        Space::MultiDiscrete { n } => {
            dict.set_item("n", n)?;
            "multi-discrete"
        }
        Space::MultiBinary { n } => {
            dict.set_item("n", n)?;
            "multi-binary"
        }
        Space::Dict(_) => "dict",
        Space::Tuple(_) => "tuple",
    };
    dict.set_item("kind", kind)?;
    let entries = space.entries();
    if !entries.is_empty() {
        let inner = PyDict::new(py);
        for (name, space) in entries {
            inner.set_item(name, describe(py, space)?)?;
        }
        dict.set_item("entries", inner)?;
    }
    Ok(dict)
}
