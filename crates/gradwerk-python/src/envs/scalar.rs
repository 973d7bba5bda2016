//! Copies of one environment, stepped one after another and reset as soon as an episode ends.

use super::outcome::{Stepped, of_reset};
use super::spares::Spares;
use super::{Interface, at_episode, common_parts, mask, next_episodes, seed_of, shortcut};
use crate::codec::ActionRows;
use gradwerk_env::{
    Actions, End, EnvError, EnvSettings, EpisodeKeys, SlotState, Space, StepRows, VecEnv,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

/// `n` environments.
pub struct ScalarEnvs {
    interface: Arc<Interface>,
    slots: Vec<Slot>,
    rules: Rules,
    /// `[n, mask_width]`.
    masks: Vec<bool>,
    /// Where the environments go when they are not needed any more.
    spares: Spares,
    failed: Option<EnvError>,
}

/// What decides how episodes begin and end.
#[derive(Clone, Copy)]
pub struct Rules {
    pub seed: u64,
    pub keys: EpisodeKeys,
    pub settings: EnvSettings,
}

struct Slot {
    env: Py<PyAny>,
    step: Py<PyAny>,
    /// Steps after which the environment itself is cut.
    limit: Option<u32>,
    /// Number of the episode that is played, or that the next reset begins.
    episode: u64,
    /// Steps in the episode.
    time: u32,
    /// Steps since the batch was made.
    steps: u64,
}

impl Slot {
    fn new(py: Python<'_>, env: Py<PyAny>) -> PyResult<Self> {
        let (step, limit) = shortcut::step_of(env.bind(py))?;
        Ok(Self { env, step, limit, episode: 0, time: 0, steps: 0 })
    }
}

impl ScalarEnvs {
    /// A batch of these environments; `made` may be an exception of their making.
    pub fn new(
        py: Python<'_>,
        interface: Arc<Interface>,
        made: PyResult<Vec<Py<PyAny>>>,
        rules: Rules,
        spares: Spares,
    ) -> Self {
        let slots = made.and_then(|envs| {
            envs.into_iter().map(|env| Slot::new(py, env)).collect::<PyResult<Vec<_>>>()
        });
        let (slots, failed) = interface.made(py, slots);
        let masks = vec![true; slots.len() * interface.mask_width()];
        Self { interface, slots, rules, masks, spares, failed }
    }

    /// Let the next reset begin these episodes, after so many steps of each slot.
    pub fn go_to(&mut self, episode: &[u64], steps: &[u64]) {
        for ((slot, &episode), &steps) in self.slots.iter_mut().zip(episode).zip(steps) {
            (slot.episode, slot.steps) = (episode, steps);
        }
    }

    fn place(&self, i: usize) -> String {
        let first = match self.rules.keys {
            EpisodeKeys::Training { first } | EpisodeKeys::Evaluation { first, .. } => first,
        };
        let (slot, env) = (&self.slots[i], first + i as u64);
        format!("environment {env}, its step {} (episode {})", slot.steps, slot.episode)
    }

    fn fail(&mut self, py: Python<'_>, i: usize, error: PyErr) {
        let place = self.place(i);
        let error = self.interface.failure.keep(py, &place, error);
        self.failed.get_or_insert(error);
    }

    /// Begin the slot's episode.
    fn start(&mut self, py: Python<'_>, i: usize, obs: &mut [f32]) -> PyResult<()> {
        let Rules { seed, keys, .. } = self.rules;
        let slot = &mut self.slots[i];
        slot.time = 0;
        let options = PyDict::new(py);
        options.set_item("seed", seed_of(keys, seed, i, slot.episode))?;
        let env = slot.env.bind(py);
        let (first, info) = of_reset(&env.call_method("reset", (), Some(&options))?)?;
        self.see(py, i, &first, &info, obs)
    }

    /// Take over an observation and the mask that goes with it.
    fn see(
        &mut self,
        py: Python<'_>,
        i: usize,
        value: &Bound<'_, PyAny>,
        info: &Bound<'_, PyAny>,
        obs: &mut [f32],
    ) -> PyResult<()> {
        self.interface.observe(value, obs, false)?;
        let width = self.interface.mask_width();
        if let Some(found) = self.interface.masks.fetch(self.slots[i].env.bind(py), info)? {
            mask::read(&found, &mut self.masks[i * width..(i + 1) * width])?;
        }
        Ok(())
    }

    /// One action: up to `frame_skip` inner steps, their rewards summed.
    fn advance(
        &mut self,
        py: Python<'_>,
        i: usize,
        action: &Bound<'_, PyAny>,
        discrete: &[u32],
        obs: &mut [f32],
    ) -> PyResult<(f64, End)> {
        let mut total = 0.0;
        for k in 1..=self.rules.settings.frame_skip {
            let stepped = Stepped::of(&self.slots[i].step.bind(py).call1((action,))?)?;
            let slot = &mut self.slots[i];
            slot.time = slot.time.saturating_add(1);
            total += stepped.reward()?;
            let own = EnvSettings { time_limit: slot.limit, frame_skip: 1 };
            let end = own.end_after(stepped.end()?, slot.time);
            let end = self.rules.settings.end_after(end, slot.time);
            if end.is_end() {
                // The mask of a state in which nothing follows may be anything.
                self.interface.observe(&stepped.obs, obs, false)?;
                return Ok((total, end));
            }
            self.see(py, i, &stepped.obs, &stepped.info, obs)?;
            if k < self.rules.settings.frame_skip && !self.allows(i, discrete) {
                break;
            }
        }
        Ok((total, End::Continue))
    }

    fn allows(&self, i: usize, discrete: &[u32]) -> bool {
        let width = self.interface.mask_width();
        let own = &self.masks[i * width..(i + 1) * width];
        width == 0 || gradwerk_env::mask::allows(&self.interface.choices, own, discrete)
    }

    fn step_slot(
        &mut self,
        py: Python<'_>,
        i: usize,
        actions: Actions<'_>,
        rows: &mut StepRows<'_>,
    ) -> PyResult<()> {
        let action = actions.row(i, self.interface.action_widths);
        let (discrete, continuous) = (action.discrete, action.continuous);
        let value =
            self.interface.action.write(py, ActionRows { discrete, continuous, batch: None })?;
        let d = self.interface.obs_width;
        let entries = i * d..(i + 1) * d;
        let (reward, end) =
            self.advance(py, i, &value, discrete, &mut rows.obs[entries.clone()])?;
        (rows.reward[i], rows.end[i]) = (reward, end);
        self.slots[i].steps += 1;
        if end.is_end() {
            rows.final_obs[entries.clone()].copy_from_slice(&rows.obs[entries.clone()]);
            self.slots[i].episode += 1;
            self.start(py, i, &mut rows.obs[entries])?;
        }
        Ok(())
    }
}

impl VecEnv for ScalarEnvs {
    fn num_envs(&self) -> usize {
        self.slots.len()
    }

    common_parts!();

    fn reset(&mut self, obs: &mut [f32]) {
        let d = self.interface.obs_width;
        Python::attach(|py| {
            for (i, row) in obs.chunks_exact_mut(d).enumerate() {
                if let Err(error) = self.start(py, i, row) {
                    return self.fail(py, i, error);
                }
            }
        });
    }

    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        Python::attach(|py| {
            for i in (0..self.slots.len()).filter(|&i| active[i]) {
                if let Err(error) = self.step_slot(py, i, actions, rows) {
                    return self.fail(py, i, error);
                }
            }
        });
    }

    fn save(&self) -> Vec<SlotState> {
        self.slots.iter().map(|slot| at_episode(slot.episode)).collect()
    }

    fn load(&mut self, slots: &[SlotState], _obs: &[f32]) -> Result<(), EnvError> {
        let episodes = next_episodes(slots, self.slots.len())?;
        self.slots.iter_mut().zip(episodes).for_each(|(slot, episode)| slot.episode = episode);
        Ok(())
    }
}

impl Drop for ScalarEnvs {
    fn drop(&mut self) {
        self.spares.keep(self.slots.drain(..).map(|slot| slot.env));
    }
}
