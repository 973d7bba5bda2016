//! The side of a worker process: some slots of a run, played on shared columns.

use super::factory::PyEnvironment;
use super::scalar::{Rules, ScalarEnvs};
use super::shared::{self, Shared};
use gradwerk_env::{Actions, End, EnvSettings, EpisodeKeys, StepRows, VecEnv};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which slots of which run.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Share {
    seed: u64,
    /// Global index of the first slot.
    first: u64,
    /// Distance between the episodes of a slot; none in training.
    stride: Option<u64>,
    count: usize,
    time_limit: Option<u32>,
    frame_skip: u32,
}

impl Share {
    fn rules(&self) -> Rules {
        let first = self.first;
        Rules {
            seed: self.seed,
            keys: match self.stride {
                None => EpisodeKeys::Training { first },
                Some(stride) => EpisodeKeys::Evaluation { first, stride },
            },
            settings: EnvSettings { time_limit: self.time_limit, frame_skip: self.frame_skip },
        }
    }
}

/// Some slots of a run that another process leads.
#[pyclass(frozen, module = "gradwerk._core")]
pub struct Slots {
    environment: Py<PyEnvironment>,
    shared: Shared,
    own: Mutex<Own>,
}

struct Own {
    envs: ScalarEnvs,
    obs: Vec<f32>,
    final_obs: Vec<f32>,
    reward: Vec<f64>,
    end: Vec<End>,
    active: Vec<bool>,
    discrete: Vec<u32>,
    continuous: Vec<f32>,
    masks: Vec<bool>,
}

impl Own {
    fn new(envs: ScalarEnvs, widths: (usize, usize)) -> Self {
        let (n, d) = (envs.num_envs(), envs.observation_space().width());
        Self {
            obs: vec![0.0; n * d],
            final_obs: vec![0.0; n * d],
            reward: vec![0.0; n],
            end: vec![End::Continue; n],
            active: vec![true; n],
            discrete: vec![0; n * widths.0],
            continuous: vec![0.0; n * widths.1],
            masks: vec![true; n * envs.mask_width()],
            envs,
        }
    }

    fn begin(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<()> {
        let n = self.envs.num_envs();
        let (mut episode, mut steps) = (vec![0; n], vec![0; n]);
        shared::get(py, &shared.episode, &mut episode)?;
        shared::get(py, &shared.steps, &mut steps)?;
        self.envs.go_to(&episode, &steps);
        self.envs.reset(&mut self.obs);
        self.show(py, shared)
    }

    fn step(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<()> {
        shared::get(py, &shared.active, &mut self.active)?;
        shared::get(py, &shared.discrete, &mut self.discrete)?;
        shared::get(py, &shared.continuous, &mut self.continuous)?;
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut self.reward,
            end: &mut self.end,
            final_obs: &mut self.final_obs,
        };
        let actions = Actions { discrete: &self.discrete, continuous: &self.continuous };
        self.envs.step(actions, &self.active, &mut rows);
        shared::put(py, &shared.final_obs, &self.final_obs)?;
        shared::put(py, &shared.reward, &self.reward)?;
        let ends: Vec<u8> = self.end.iter().map(|end| *end as u8).collect();
        shared::put(py, &shared.end, &ends)?;
        self.show(py, shared)
    }

    fn show(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<()> {
        self.envs.masks(&mut self.masks);
        shared::put(py, &shared.masks, &self.masks)?;
        shared::put(py, &shared.obs, &self.obs)
    }
}

impl Slots {
    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Raise what an environment raised.
    fn check(&self, own: &mut Own) -> PyResult<()> {
        let Some(error) = own.envs.take_failure() else { return Ok(()) };
        let raised = self.environment.get().take_exception();
        Err(raised.unwrap_or_else(|| PyRuntimeError::new_err(error.to_string())))
    }
}

#[pymethods]
impl Slots {
    #[new]
    fn new(
        py: Python<'_>,
        environment: Py<PyEnvironment>,
        share: Share,
        shared: Shared,
    ) -> PyResult<Self> {
        let envs = environment.get().slots(py, share.count, share.rules());
        let own = Mutex::new(Own::new(envs, environment.get().action_widths()));
        let slots = Self { environment, shared, own };
        slots.check(&mut slots.own())?;
        Ok(slots)
    }

    /// Begin the episodes whose numbers are in the shared columns.
    fn begin(&self, py: Python<'_>) -> PyResult<()> {
        let mut own = self.own();
        own.begin(py, &self.shared)?;
        self.check(&mut own)
    }

    /// Step the slots that are active.
    fn step(&self, py: Python<'_>) -> PyResult<()> {
        let mut own = self.own();
        own.step(py, &self.shared)?;
        self.check(&mut own)
    }
}
