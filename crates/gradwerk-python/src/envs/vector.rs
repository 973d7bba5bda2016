//! A vector environment of Gymnasium, in each of its three ways to begin the next episode.

use super::outcome::{Stepped, end, of_reset};
use super::scalar::Rules;
use super::spares::Spares;
use super::{Interface, at_episode, common_parts, mask, next_episodes, seed_of};
use crate::arrays;
use crate::codec::ActionRows;
use gradwerk_env::{Actions, End, EnvError, SlotState, Space, StepRows, VecEnv};
use numpy::PyArray1;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

/// When the next episode begins, as `metadata["autoreset_mode"]` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoReset {
    /// In the step after the last one, whose action is ignored.
    NextStep,
    /// In the last step; its observation is in `info["final_obs"]`.
    SameStep,
    /// When `reset` is called with a mask.
    Disabled,
}

impl AutoReset {
    /// The mode of a vector environment.
    ///
    /// # Errors
    /// If it says none, or one that is not known.
    pub fn of(env: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mode = env.getattr("metadata")?.call_method1("get", ("autoreset_mode",))?;
        let name = mode.getattr("name").unwrap_or_else(|_| mode.clone());
        match name.to_string().to_lowercase().replace('_', "").as_str() {
            "nextstep" => Ok(Self::NextStep),
            "samestep" => Ok(Self::SameStep),
            "disabled" => Ok(Self::Disabled),
            _ => Err(PyValueError::new_err(format!(
                "metadata[\"autoreset_mode\"] of the vector environment is {mode}, expected \
                 AutoresetMode.NEXT_STEP, SAME_STEP or DISABLED"
            ))),
        }
    }
}

/// A vector environment; gradwerk plays in its first `slots` environments.
pub struct VectorEnvs {
    interface: Arc<Interface>,
    env: Py<PyAny>,
    step: Py<PyAny>,
    mode: AutoReset,
    rules: Rules,
    slots: usize,
    /// Environments that it has.
    size: usize,
    /// Of all environments: whether the next step only resets it.
    resetting: Vec<bool>,
    /// Whether nothing was stepped since the last reset of all.
    fresh: bool,
    episode: Vec<u64>,
    time: Vec<u32>,
    steps: Vec<u64>,
    /// `[size, mask_width]`.
    masks: Vec<bool>,
    /// All observations, `[size, d]`.
    seen: Vec<f32>,
    /// All actions.
    discrete: Vec<u32>,
    continuous: Vec<f32>,
    failed: Option<EnvError>,
    /// Where the environment goes when nobody plays in it any more.
    spares: Spares,
}

impl VectorEnvs {
    /// The first `slots` of the environments.
    ///
    /// # Errors
    /// If it has fewer, or is no vector environment.
    pub fn new(
        env: &Bound<'_, PyAny>,
        interface: Arc<Interface>,
        slots: usize,
        rules: Rules,
        spares: Spares,
    ) -> PyResult<Self> {
        let size: usize = env.getattr("num_envs")?.extract()?;
        if slots > size {
            return Err(PyValueError::new_err(format!(
                "the vector environment has {size} environments, fewer than {slots}"
            )));
        }
        let (wd, wc) = interface.action_widths;
        Ok(Self {
            env: env.clone().unbind(),
            step: env.getattr("step")?.unbind(),
            mode: AutoReset::of(env)?,
            rules,
            slots,
            size,
            resetting: vec![false; size],
            fresh: false,
            episode: vec![0; slots],
            time: vec![0; slots],
            steps: vec![0; slots],
            masks: vec![true; size * interface.mask_width()],
            seen: vec![0.0; size * interface.obs_width],
            discrete: vec![0; size * wd],
            continuous: vec![0.0; size * wc],
            failed: None,
            spares,
            interface,
        })
    }

    /// Run Python code; an exception is kept.
    fn attempt(&mut self, f: impl FnOnce(&mut Self, Python<'_>) -> PyResult<()>) {
        Python::attach(|py| {
            if let Err(error) = f(self, py) {
                let steps = self.steps.iter().max().unwrap_or(&0);
                let place = format!("vector environment {}, step {steps}", self.interface.id);
                let error = self.interface.failure.keep(py, &place, error);
                self.failed.get_or_insert(error);
            }
        });
    }

    /// Reset all environments and take over their observations.
    fn reset_all(&mut self, py: Python<'_>, obs: &mut [f32]) -> PyResult<()> {
        let Rules { seed, keys, .. } = self.rules;
        let episode = self.episode.iter().max().copied().unwrap_or(0);
        let options = PyDict::new(py);
        // Environment i gets this number plus i.
        options.set_item("seed", seed_of(keys, seed, 0, episode) >> 1)?;
        let result = self.env.bind(py).call_method("reset", (), Some(&options))?;
        let (value, info) = of_reset(&result)?;
        self.resetting.fill(false);
        self.observe(&value)?;
        self.read_masks(py, &info, None)?;
        obs.copy_from_slice(&self.seen[..obs.len()]);
        self.time.fill(0);
        self.fresh = true;
        Ok(())
    }

    fn observe(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.interface.observe(value, &mut self.seen, true)
    }

    /// The masks of all environments (of some of them); those that wait for their reset have none.
    fn read_masks(
        &mut self,
        py: Python<'_>,
        info: &Bound<'_, PyAny>,
        of: Option<&[bool]>,
    ) -> PyResult<()> {
        let width = self.interface.mask_width();
        let Some(found) = self.interface.masks.fetch(self.env.bind(py), info)? else {
            return Ok(());
        };
        for i in 0..self.size {
            let row = &mut self.masks[i * width..(i + 1) * width];
            if self.resetting[i] {
                row.fill(true);
            } else if of.is_none_or(|of| of[i]) {
                mask::read(&found.get_item(i)?, row)?;
            }
        }
        Ok(())
    }

    /// The actions of the slots, and some valid ones for environments in which nobody plays.
    fn fill_actions(&mut self, actions: Actions<'_>, active: &[bool]) {
        let (wd, wc) = self.interface.action_widths;
        let (low, high) = self.interface.action_space.action_bounds();
        for i in 0..self.size {
            let (d, c) = (i * wd..(i + 1) * wd, i * wc..(i + 1) * wc);
            if active.get(i) == Some(&true) {
                self.discrete[d.clone()].copy_from_slice(&actions.discrete[d]);
                self.continuous[c.clone()].copy_from_slice(&actions.continuous[c]);
                continue;
            }
            let width = self.interface.mask_width();
            let valid = &self.masks[i * width..(i + 1) * width];
            first_valid(&self.interface.choices, valid, &mut self.discrete[d]);
            let bounds = low.iter().zip(&high);
            let idle = self.continuous[c].iter_mut().zip(bounds);
            idle.for_each(|(a, (&low, &high))| *a = 0.0_f32.clamp(low, high));
        }
    }

    fn step_all(
        &mut self,
        py: Python<'_>,
        actions: Actions<'_>,
        active: &[bool],
        rows: &mut StepRows<'_>,
    ) -> PyResult<()> {
        self.fill_actions(actions, active);
        self.fresh = false;
        let batch = ActionRows {
            discrete: &self.discrete,
            continuous: &self.continuous,
            batch: Some(self.size),
        };
        let action = self.interface.action.write(py, batch)?;
        let stepped = Stepped::of(&self.step.bind(py).call1((action,))?)?;
        let ends = self.ends(&stepped)?;
        let reset_now = self.resetting.clone();
        self.check_resets(&reset_now, &ends)?;
        self.observe(&stepped.obs)?;
        self.record(&stepped, &ends, &reset_now, active, rows)?;
        self.resetting = match self.mode {
            AutoReset::NextStep => ends.iter().map(|end| end.is_end()).collect(),
            _ => vec![false; self.size],
        };
        match self.mode {
            AutoReset::Disabled if ends.iter().any(|end| end.is_end()) => {
                self.reset_ended(py, &stepped.info, &ends)?;
            }
            _ => self.read_masks(py, &stepped.info, None)?,
        }
        self.show(active, rows);
        Ok(())
    }

    fn ends(&self, stepped: &Stepped<'_>) -> PyResult<Vec<End>> {
        let flags = |name: &str, value: &Bound<'_, PyAny>| {
            let wrong = |text: String| PyValueError::new_err(format!("{name}: {text}"));
            let found = arrays::with_slice::<bool, _>(value, <[bool]>::to_vec)
                .map_or_else(|| arrays::bits(value).map(|(flags, _)| flags), Ok);
            let flags = found.map_err(|e| wrong(e.to_string()))?;
            let (n, size) = (flags.len(), self.size);
            if n == size { Ok(flags) } else { Err(wrong(format!("{n} flags, expected {size}"))) }
        };
        let terminated = flags("terminated", &stepped.terminated)?;
        let truncated = flags("truncated", &stepped.truncated)?;
        Ok(terminated.into_iter().zip(truncated).map(|(te, tr)| end(te, tr)).collect())
    }

    /// An episode cannot end in the step that begins it.
    fn check_resets(&self, reset_now: &[bool], ends: &[End]) -> PyResult<()> {
        let wrong = (0..self.size).find(|&i| reset_now[i] && ends[i].is_end());
        wrong.map_or(Ok(()), |i| {
            Err(PyRuntimeError::new_err(format!(
                "environment {i} ended in the step that only resets it (autoreset mode NEXT_STEP)"
            )))
        })
    }

    /// Write rewards, ends and final observations of the slots that made a transition.
    fn record(
        &mut self,
        stepped: &Stepped<'_>,
        ends: &[End],
        reset_now: &[bool],
        active: &[bool],
        rows: &mut StepRows<'_>,
    ) -> PyResult<()> {
        let (rewards, _) = arrays::doubles(&stepped.reward)?;
        if rewards.len() != self.size {
            let n = rewards.len();
            return Err(PyValueError::new_err(format!("{n} rewards, expected {}", self.size)));
        }
        let d = self.interface.obs_width;
        for i in (0..self.slots).filter(|&i| active[i] && !reset_now[i]) {
            (rows.reward[i], rows.end[i]) = (rewards[i], ends[i]);
            self.steps[i] += 1;
            self.time[i] = self.time[i].saturating_add(1);
            if !ends[i].is_end() {
                self.check_time(i)?;
                continue;
            }
            (self.time[i], self.episode[i]) = (0, self.episode[i] + 1);
            let last = &mut rows.final_obs[i * d..(i + 1) * d];
            if self.mode == AutoReset::SameStep {
                self.final_obs(&stepped.info, i, ends[i], last)?;
            } else {
                last.copy_from_slice(&self.seen[i * d..(i + 1) * d]);
            }
        }
        Ok(())
    }

    /// A vector environment cuts its episodes itself.
    fn check_time(&self, i: usize) -> PyResult<()> {
        match self.rules.settings.time_limit {
            Some(limit) if self.time[i] >= limit => Err(PyRuntimeError::new_err(format!(
                "environment {i}: an episode of {limit} steps goes on, and a vector environment \
                 must cut it itself (gymnasium.wrappers.TimeLimit); evaluations allow \
                 eval.longest steps"
            ))),
            _ => Ok(()),
        }
    }

    /// The last observation of an episode after which the next one has begun already.
    fn final_obs(
        &self,
        info: &Bound<'_, PyAny>,
        i: usize,
        end: End,
        out: &mut [f32],
    ) -> PyResult<()> {
        let entry = info.get_item("final_obs").and_then(|all| all.get_item(i));
        match entry {
            Ok(value) if !value.is_none() => self.interface.observe(&value, out, false),
            // Nothing is asked of it where the task ended.
            _ if end == End::Terminated => {
                out.fill(0.0);
                Ok(())
            }
            _ => Err(PyRuntimeError::new_err(format!(
                "environment {i} was truncated, but info[\"final_obs\"] has no observation of it \
                 (autoreset mode SAME_STEP)"
            ))),
        }
    }

    /// Mode DISABLED: begin the next episode where one ended.
    fn reset_ended(
        &mut self,
        py: Python<'_>,
        info: &Bound<'_, PyAny>,
        ends: &[End],
    ) -> PyResult<()> {
        let ended: Vec<bool> = ends.iter().map(|end| end.is_end()).collect();
        let going_on: Vec<bool> = ended.iter().map(|ended| !ended).collect();
        if going_on.contains(&true) {
            self.read_masks(py, info, Some(&going_on))?;
        }
        let (options, keywords) = (PyDict::new(py), PyDict::new(py));
        options.set_item("reset_mask", PyArray1::from_slice(py, &ended))?;
        keywords.set_item("options", options)?;
        let result = self.env.bind(py).call_method("reset", (), Some(&keywords))?;
        let (value, info) = of_reset(&result)?;
        let before = std::mem::take(&mut self.seen);
        self.seen = vec![0.0; before.len()];
        self.observe(&value)?;
        let d = self.interface.obs_width;
        for i in (0..self.size).filter(|&i| going_on[i]) {
            self.seen[i * d..(i + 1) * d].copy_from_slice(&before[i * d..(i + 1) * d]);
        }
        self.read_masks(py, &info, Some(&ended))
    }

    /// Write the observations to act on next.
    fn show(&self, active: &[bool], rows: &mut StepRows<'_>) {
        let d = self.interface.obs_width;
        for i in (0..self.slots).filter(|&i| active[i]) {
            rows.obs[i * d..(i + 1) * d].copy_from_slice(&self.seen[i * d..(i + 1) * d]);
        }
    }
}

/// The first valid value of every component.
fn first_valid(choices: &[usize], mask: &[bool], discrete: &mut [u32]) {
    let mut rest = mask;
    for (&n, a) in choices.iter().zip(discrete) {
        let (own, later) = rest.split_at(n.min(rest.len()));
        rest = later;
        *a = own.iter().position(|valid| *valid).unwrap_or(0) as u32;
    }
}

impl VecEnv for VectorEnvs {
    fn num_envs(&self) -> usize {
        self.slots
    }

    common_parts!();

    fn resetting(&self) -> &[bool] {
        match self.mode {
            AutoReset::NextStep => &self.resetting[..self.slots],
            _ => &[],
        }
    }

    fn begin_round(&mut self, obs: &mut [f32]) {
        if !self.fresh {
            self.attempt(|all, py| all.reset_all(py, obs));
        }
    }

    fn reset(&mut self, obs: &mut [f32]) {
        self.attempt(|all, py| all.reset_all(py, obs));
    }

    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        self.attempt(|all, py| all.step_all(py, actions, active, rows));
    }

    fn save(&self) -> Vec<SlotState> {
        self.episode.iter().copied().map(at_episode).collect()
    }

    fn load(&mut self, slots: &[SlotState], _obs: &[f32]) -> Result<(), EnvError> {
        let episodes = next_episodes(slots, self.slots)?;
        self.episode.iter_mut().zip(episodes).for_each(|(own, episode)| *own = episode);
        Ok(())
    }
}

impl Drop for VectorEnvs {
    fn drop(&mut self) {
        self.spares.keep(Some(Python::attach(|py| self.env.clone_ref(py))));
    }
}
