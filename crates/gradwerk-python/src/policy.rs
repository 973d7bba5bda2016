//! Policies that act.

use crate::arrays;
use crate::codec::{ActionRows, Codec, Rows};
use crate::envs;
use crate::error::plain;
use crate::settings::options;
use gradwerk::policy::ActionBatch;
use gradwerk::run::driver;
use gradwerk::{Error, Policy};
use gradwerk_math::{Purpose, Stream};
use numpy::PyArray1;
use numpy::prelude::*;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A trained policy.
#[pyclass(frozen, name = "Policy", module = "gradwerk._core")]
pub struct PyPolicy {
    acting: Mutex<Acting>,
    observation: Codec,
    action: Codec,
}

struct Acting {
    policy: Policy,
    /// Actions drawn so far: where the random numbers of the next ones begin.
    drawn: u64,
}

impl Acting {
    fn act(
        &mut self,
        seen: &Seen,
        mask: &[bool],
        deterministic: bool,
        seed: Option<u64>,
    ) -> Result<ActionBatch, Error> {
        if deterministic {
            return self.policy.predict_masked(&seen.obs, mask);
        }
        let first = if seed.is_some() { 0 } else { self.drawn };
        let stream =
            |i: usize| Stream::new(seed.unwrap_or(0), Purpose::EvalAction, 0, first + i as u64);
        let streams: Vec<Stream> = (0..seen.rows).map(stream).collect();
        self.drawn += seen.rows as u64;
        self.policy.sample_masked(&seen.obs, mask, &streams)
    }
}

/// Observations in rows, and whether there was a leading axis.
struct Seen {
    obs: Vec<f32>,
    rows: usize,
    batch: Option<usize>,
}

impl PyPolicy {
    /// Wrap a policy.
    pub fn new(policy: Policy) -> Self {
        let stored = policy.interface().and_then(|text| serde_json::from_str(text).ok());
        let (observation, action) = stored.unwrap_or_else(|| {
            (Codec::native(policy.observation_space()), Codec::native(policy.action_space()))
        });
        Self { acting: Mutex::new(Acting { policy, drawn: 0 }), observation, action }
    }

    /// The policy.
    pub fn copy(&self) -> Policy {
        self.lock().policy.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Acting> {
        self.acting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, obs: &Bound<'_, PyAny>) -> PyResult<Seen> {
        let stride = self.observation.width();
        let batch = self.observation.batch_of(obs)?;
        let rows = batch.unwrap_or(1);
        let mut out = vec![0.0; rows * stride];
        let batched = batch.is_some();
        self.observation.read(obs, &mut Rows { out: &mut out, stride, batch: batched })?;
        self.check(&out)?;
        Ok(Seen { obs: out, rows, batch })
    }

    /// NaN and values that are no index or pixel have no action.
    fn check(&self, obs: &[f32]) -> PyResult<()> {
        let space = self.lock().policy.observation_space().clone();
        let encoder = gradwerk::encode::Encoder::of(&space);
        for (row, obs) in obs.chunks_exact(space.width()).enumerate() {
            if let Some(k) = obs.iter().position(|x| !x.is_finite()) {
                let (name, x) = (space.entry_name(k), obs[k]);
                let text = format!("observation{name} of row {row} is {x}, expected a number");
                return Err(PyValueError::new_err(text));
            }
            let unfit = |error| PyValueError::new_err(format!("row {row}: {error}"));
            encoder.check(obs).map_err(unfit)?;
        }
        Ok(())
    }

    fn mask(&self, mask: Option<&Bound<'_, PyAny>>, seen: &Seen) -> PyResult<Vec<bool>> {
        let Some(mask) = mask else { return Ok(Vec::new()) };
        let width: usize = self.lock().policy.action_space().choices().iter().sum();
        let mut out = vec![true; seen.rows * width];
        for (i, row) in out.chunks_exact_mut(width.max(1)).enumerate() {
            match seen.batch {
                None => envs::read_mask(mask, row)?,
                Some(_) => envs::read_mask(&mask.get_item(i)?, row)?,
            }
        }
        Ok(out)
    }

    /// What the rows remember; nothing at the start of an episode.
    fn state(&self, state: Option<&Bound<'_, PyAny>>, seen: &Seen) -> PyResult<Vec<f32>> {
        let Some(state) = state else { return Ok(Vec::new()) };
        let width = self.lock().policy.memory_width();
        if width == 0 {
            let text = format!("state={}: this policy has no memory, expected None", state.repr()?);
            return Err(PyValueError::new_err(text));
        }
        let mut out = vec![0.0; seen.rows * width];
        let wrong =
            |error: PyErr| PyValueError::new_err(format!("state: {}", error.value(state.py())));
        arrays::read(state, seen.batch, &[width], &mut out).map_err(wrong)?;
        Ok(out)
    }

    fn show<'py>(
        &self,
        py: Python<'py>,
        actions: &ActionBatch,
        seen: &Seen,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (discrete, continuous) = (&actions.discrete[..], &actions.continuous[..]);
        self.action.write(py, ActionRows { discrete, continuous, batch: seen.batch })
    }
}

#[pymethods]
impl PyPolicy {
    /// Actions for an observation, or for a batch with a leading axis.
    #[pyo3(signature = (obs, deterministic=true, mask=None, state=None, seed=None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        obs: &Bound<'py, PyAny>,
        deterministic: bool,
        mask: Option<&Bound<'py, PyAny>>,
        state: Option<&Bound<'py, PyAny>>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let seen = self.see(obs)?;
        let (mask, state) = (self.mask(mask, &seen)?, self.state(state, &seen)?);
        let acted = py.detach(|| {
            let mut acting = self.lock();
            acting.policy.set_memory(&state)?;
            let actions = acting.act(&seen, &mask, deterministic, seed)?;
            Ok::<_, Error>((actions, acting.policy.memory().to_vec()))
        });
        let (actions, memory) = acted.map_err(plain)?;
        let action = self.show(py, &actions, &seen)?;
        if memory.is_empty() {
            return Ok(action);
        }
        let width = memory.len() / seen.rows;
        let shape: Vec<usize> = seen.batch.into_iter().chain([width]).collect();
        let memory = PyArray1::from_vec(py, memory).reshape(shape)?.into_any();
        Ok(PyTuple::new(py, [action, memory])?.into_any())
    }

    /// The critic's estimate of the return from an observation on, or of a batch; None without a
    /// critic.
    #[pyo3(signature = (obs, state=None))]
    fn value<'py>(
        &self,
        py: Python<'py>,
        obs: &Bound<'py, PyAny>,
        state: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let seen = self.see(obs)?;
        let state = self.state(state, &seen)?;
        let values = {
            let mut acting = self.lock();
            acting.policy.set_memory(&state).map_err(plain)?;
            acting.policy.values(&seen.obs)
        };
        let Some(values) = values else { return Ok(None) };
        Ok(Some(match seen.batch {
            None => values[0].into_pyobject(py)?.into_any(),
            Some(_) => PyArray1::from_vec(py, values).into_any(),
        }))
    }

    /// `log pi(a|s)` of a batch of actions, in nats.
    #[pyo3(signature = (obs, action, mask=None, state=None))]
    fn log_prob<'py>(
        &self,
        py: Python<'py>,
        obs: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
        mask: Option<&Bound<'py, PyAny>>,
        state: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let seen = self.see(obs)?;
        let Some(rows) = seen.batch else {
            let text = "log_prob takes a batch: observations and actions with a leading axis";
            return Err(PyValueError::new_err(text));
        };
        let (mask, state) = (self.mask(mask, &seen)?, self.state(state, &seen)?);
        let space = self.lock().policy.action_space().clone();
        let (discrete, continuous) = self.action.read_actions(action, rows, &space)?;
        let actions = ActionBatch { discrete, continuous };
        let mut acting = self.lock();
        acting.policy.set_memory(&state).map_err(plain)?;
        let result = acting.policy.log_probs(&seen.obs, &mask, &actions);
        Ok(PyArray1::from_vec(py, result.map_err(plain)?))
    }

    /// Numbers that it remembers from step to step; 0 if it acts on what it sees alone.
    #[getter]
    fn state_width(&self) -> usize {
        self.lock().policy.memory_width()
    }

    /// Write all that acting needs to one file.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.lock().policy.save(&path).map_err(plain)
    }

    /// Name of the environment that it was trained on.
    #[getter]
    fn env_id(&self) -> String {
        self.lock().policy.config().env.id.clone()
    }

    /// The options of the environment that it was trained on.
    #[getter]
    fn env_options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        options(py, self.lock().policy.config())
    }

    /// The settings that it was trained with, as TOML.
    #[getter]
    fn config(&self) -> String {
        gradwerk::layers::resolve::to_toml(self.lock().policy.config())
    }

    /// The time limit and the frame skip of its environment, whose own limit is `usual`.
    #[pyo3(signature = (usual=None))]
    fn env_settings(&self, usual: Option<u32>) -> (Option<u32>, u32) {
        let settings = self.lock().policy.config().env_settings(usual);
        (settings.time_limit, settings.frame_skip)
    }

    /// Steps after which an evaluation cuts an episode that nothing else cuts.
    #[getter]
    fn longest(&self) -> u32 {
        self.lock().policy.config().eval.longest
    }

    /// Whether it sees more than the environment shows: the previous action or reward.
    #[getter]
    fn sees_previous(&self) -> bool {
        let acting = self.lock();
        let env = &acting.policy.config().env;
        env.previous_action || env.previous_reward
    }

    fn __repr__(&self) -> String {
        let acting = self.lock();
        format!(
            "<gradwerk.Policy of {}: {} -> {}>",
            acting.policy.config().env.id,
            acting.policy.observation_space(),
            acting.policy.action_space()
        )
    }
}

impl Codec {
    /// The length of the leading axis, if the value has one.
    fn batch_of(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        match self {
            Self::Dict(entries) => match entries.first() {
                Some((name, codec)) => codec.batch_of(&value.get_item(name)?),
                None => Ok(None),
            },
            Self::Tuple(entries) => match entries.first() {
                Some(codec) => codec.batch_of(&value.get_item(0)?),
                None => Ok(None),
            },
            leaf => {
                let shape = leaf.shape().unwrap_or_default();
                let found = arrays::shape(value)?;
                let scalar = shape.is_empty() && found == [1] && value.len().is_err();
                Ok((found.len() > shape.len() && !scalar).then(|| found[0]))
            }
        }
    }
}

/// The policy of a run directory, or of a policy file.
#[pyfunction]
pub fn load(path: PathBuf) -> PyResult<PyPolicy> {
    driver::load_policy(&path).map(PyPolicy::new).map_err(plain)
}
