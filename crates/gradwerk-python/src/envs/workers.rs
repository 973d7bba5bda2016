//! Copies of an environment in other processes.

use super::shared::{self, Shared, end_of};
use super::{Interface, at_episode, common_parts, next_episodes};
use gradwerk_env::{Actions, EnvError, SlotState, Space, StepRows, VecEnv};
use pyo3::prelude::*;
use std::sync::Arc;

/// Slots that are played by a crew of processes (`gradwerk._workers.Crew`), which share their
/// columns with this one.
pub struct WorkerEnvs {
    interface: Arc<Interface>,
    crew: Option<(Py<PyAny>, Shared)>,
    slots: usize,
    /// `[n, mask_width]`.
    masks: Vec<bool>,
    lost: Vec<bool>,
    failed: Option<EnvError>,
}

impl WorkerEnvs {
    /// The slots of a crew; `crew` may be an exception of its start.
    pub fn new(
        py: Python<'_>,
        interface: Arc<Interface>,
        crew: PyResult<Py<PyAny>>,
        slots: usize,
    ) -> Self {
        let (masks, lost) = (vec![true; slots * interface.mask_width()], vec![false; slots]);
        let mut envs = Self { interface, crew: None, slots, masks, lost, failed: None };
        let found = crew.and_then(|crew| {
            let shared = crew.getattr(py, "shared")?.extract(py)?;
            Ok((crew, shared))
        });
        match found {
            Ok(found) => envs.crew = Some(found),
            Err(error) => envs.keep(py, error),
        }
        envs
    }

    fn keep(&mut self, py: Python<'_>, error: PyErr) {
        let place = format!("worker processes of {}", self.interface.id);
        let error = self.interface.failure.keep(py, &place, error);
        self.failed.get_or_insert(error);
    }

    /// Run Python code; an exception is kept.
    fn attempt(
        &mut self,
        f: impl FnOnce(&mut Self, Python<'_>, &Py<PyAny>, &Shared) -> PyResult<()>,
    ) {
        let Some((crew, shared)) = self.crew.take() else { return };
        Python::attach(|py| {
            if let Err(error) = f(self, py, &crew, &shared) {
                self.keep(py, error);
            }
        });
        self.crew = Some((crew, shared));
    }

    fn step_all(
        &mut self,
        (py, crew, shared): (Python<'_>, &Py<PyAny>, &Shared),
        actions: Actions<'_>,
        active: &[bool],
        rows: &mut StepRows<'_>,
    ) -> PyResult<()> {
        let ((wd, wc), d) = (self.interface.action_widths, self.interface.obs_width);
        shared::put(py, &shared.discrete, &actions.discrete[..self.slots * wd])?;
        shared::put(py, &shared.continuous, &actions.continuous[..self.slots * wc])?;
        shared::put(py, &shared.active, active)?;
        crew.call_method0(py, "step")?;
        let chosen = || (0..self.slots).filter(|&i| active[i]);
        shared::get_rows(py, &shared.obs, chosen(), d, rows.obs)?;
        shared::get_rows(py, &shared.final_obs, chosen(), d, rows.final_obs)?;
        shared::get_rows(py, &shared.reward, chosen(), 1, rows.reward)?;
        let mut ends = vec![0_u8; self.slots];
        shared::get(py, &shared.end, &mut ends)?;
        chosen().for_each(|i| rows.end[i] = end_of(ends[i]));
        shared::get(py, &shared.lost, &mut self.lost)?;
        shared::get(py, &shared.masks, &mut self.masks)
    }
}

impl VecEnv for WorkerEnvs {
    fn num_envs(&self) -> usize {
        self.slots
    }

    common_parts!();

    fn lost(&self) -> &[bool] {
        &self.lost
    }

    fn reset(&mut self, obs: &mut [f32]) {
        self.attempt(|all, py, crew, shared| {
            crew.call_method0(py, "reset")?;
            shared::get(py, &shared.obs, obs)?;
            shared::get(py, &shared.masks, &mut all.masks)
        });
    }

    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        self.attempt(|all, py, crew, shared| {
            all.step_all((py, crew, shared), actions, active, rows)
        });
    }

    fn save(&self) -> Vec<SlotState> {
        let mut episodes = vec![0_u64; self.slots];
        if let Some((_, shared)) = &self.crew {
            // A column of another type has failed in the first step already.
            let _ = Python::attach(|py| shared::get(py, &shared.episode, &mut episodes));
        }
        episodes.into_iter().map(at_episode).collect()
    }

    fn load(&mut self, slots: &[SlotState], _obs: &[f32]) -> Result<(), EnvError> {
        let episodes: Vec<u64> = next_episodes(slots, self.slots)?.collect();
        self.attempt(|_, py, _, shared| shared::put(py, &shared.episode, &episodes));
        Ok(())
    }
}

impl Drop for WorkerEnvs {
    fn drop(&mut self) {
        let Some((crew, _)) = self.crew.take() else { return };
        Python::attach(|py| {
            // The batch may be dropped while an exception is on its way.
            let pending = PyErr::take(py);
            // Whatever goes wrong now, the processes end with this one.
            let _ = crew.call_method0(py, "close");
            if let Some(error) = pending {
                error.restore(py);
            }
        });
    }
}
