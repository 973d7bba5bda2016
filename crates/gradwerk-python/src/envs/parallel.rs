//! Parallel environments of PettingZoo: several agents act at once, with one policy.
//!
//! Each agent of each copy is a slot. An agent that has left, or has not appeared yet, waits for
//! its next episode: its rows are no transitions ([`VecEnv::resetting`]).

use super::outcome::{self, Stepped, end, of_reset};
use super::scalar::Rules;
use super::spares::Spares;
use super::{Interface, at_episode, common_parts, mask, next_episodes, seed_of};
use crate::arrays::describe;
use crate::codec::ActionRows;
use gradwerk_env::{Actions, End, EnvError, SlotState, Space, StepRows, VecEnv};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

/// Copies of a parallel environment.
pub struct ParallelEnvs {
    interface: Arc<Interface>,
    copies: Vec<Copy>,
    /// Names of the agents that there may be, as Python has them.
    agents: Arc<Vec<Py<PyAny>>>,
    rules: Rules,
    /// Whether the agent of a slot is away.
    waiting: Vec<bool>,
    /// `[n, mask_width]`.
    masks: Vec<bool>,
    spares: Spares,
    failed: Option<EnvError>,
}

/// One copy.
struct Copy {
    env: Py<PyAny>,
    /// Number of the episode that is played, or that the next reset begins.
    episode: u64,
    /// Steps in the episode.
    time: u32,
}

impl ParallelEnvs {
    /// A batch of these environments, whose slots are `n`; `made` may be an exception of their
    /// making.
    pub fn new(
        py: Python<'_>,
        interface: Arc<Interface>,
        agents: Arc<Vec<Py<PyAny>>>,
        made: PyResult<Vec<Py<PyAny>>>,
        rules: Rules,
        spares: Spares,
    ) -> Self {
        let (envs, failed) = interface.made(py, made);
        let n = envs.len() * agents.len();
        Self {
            waiting: vec![true; n],
            masks: vec![true; n * interface.mask_width()],
            copies: envs.into_iter().map(|env| Copy { env, episode: 0, time: 0 }).collect(),
            interface,
            agents,
            rules,
            spares,
            failed,
        }
    }

    /// The slots of a copy.
    fn slots(&self, copy: usize) -> std::ops::Range<usize> {
        copy * self.agents.len()..(copy + 1) * self.agents.len()
    }

    fn agent<'py>(&self, py: Python<'py>, slot: usize) -> &Bound<'py, PyAny> {
        self.agents[slot % self.agents.len()].bind(py)
    }

    /// Run Python code that has to do with a copy; an exception is kept.
    fn attempt(
        &mut self,
        py: Python<'_>,
        copy: usize,
        f: impl FnOnce(&mut Self) -> PyResult<()>,
    ) -> bool {
        let Err(error) = f(self) else { return true };
        let (time, episode) = self.copies.get(copy).map_or((0, 0), |own| (own.time, own.episode));
        let place = format!("copy {copy}, step {time} of its episode {episode}");
        let error = self.interface.failure.keep(py, &place, error);
        self.failed.get_or_insert(error);
        false
    }

    /// Begin the copy's episode and see who takes part.
    fn start(&mut self, py: Python<'_>, copy: usize, obs: &mut [f32]) -> PyResult<()> {
        let Rules { seed, keys, .. } = self.rules;
        let own = &mut self.copies[copy];
        own.time = 0;
        let options = PyDict::new(py);
        options.set_item("seed", seed_of(keys, seed, copy, own.episode))?;
        let result = own.env.bind(py).call_method("reset", (), Some(&options))?;
        let (seen, info) = of_reset(&result)?;
        let (seen, info) = (dict("observations", &seen)?.clone(), dict("infos", &info)?.clone());
        let mut anybody = false;
        for i in self.slots(copy) {
            let first = seen.get_item(self.agent(py, i))?;
            self.waiting[i] = first.is_none();
            if let Some(first) = first {
                anybody = true;
                self.see(py, i, &first, obs)?;
                self.see_mask(py, i, &info)?;
            }
        }
        if anybody {
            return Ok(());
        }
        let agents: Vec<String> = self.agents.iter().map(|name| name.to_string()).collect();
        Err(PyValueError::new_err(format!(
            "reset returned no observation of any agent, expected some of {}",
            agents.join(", ")
        )))
    }

    /// Write what the agent of a slot sees into its row.
    fn see(
        &self,
        py: Python<'_>,
        i: usize,
        value: &Bound<'_, PyAny>,
        obs: &mut [f32],
    ) -> PyResult<()> {
        let stride = self.interface.obs_width;
        let out = &mut obs[i * stride..(i + 1) * stride];
        let read = self.interface.observe(value, out, false);
        read.map_err(|error| of_agent(py, self.agent(py, i), error))
    }

    fn see_mask(&mut self, py: Python<'_>, i: usize, infos: &Bound<'_, PyDict>) -> PyResult<()> {
        let width = self.interface.mask_width();
        if width == 0 {
            return Ok(());
        }
        let agent = self.agent(py, i).clone();
        let info = infos.get_item(&agent)?.unwrap_or_else(|| PyDict::new(py).into_any());
        let found = self.interface.masks.fetch(&agent, &info);
        let out = &mut self.masks[i * width..(i + 1) * width];
        match found.and_then(|found| found.map_or(Ok(()), |found| mask::read(&found, out))) {
            Ok(()) => Ok(()),
            Err(error) => Err(of_agent(py, &agent, error)),
        }
    }

    /// What everybody who is there does.
    fn actions<'py>(
        &self,
        py: Python<'py>,
        copy: usize,
        actions: Actions<'_>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for i in self.slots(copy).filter(|&i| !self.waiting[i]) {
            let action = actions.row(i, self.interface.action_widths);
            let (discrete, continuous) = (action.discrete, action.continuous);
            let rows = ActionRows { discrete, continuous, batch: None };
            dict.set_item(self.agent(py, i), self.interface.action.write(py, rows)?)?;
        }
        Ok(dict)
    }

    fn step_copy(
        &mut self,
        py: Python<'_>,
        copy: usize,
        actions: Actions<'_>,
        rows: &mut StepRows<'_>,
    ) -> PyResult<()> {
        let chosen = self.actions(py, copy, actions)?;
        let env = self.copies[copy].env.bind(py).clone();
        let stepped = All::of(&env.call_method1("step", (chosen,))?)?;
        self.copies[copy].time += 1;
        let left = env.getattr("agents")?;
        for i in self.slots(copy) {
            let seen = stepped.obs.get_item(self.agent(py, i))?;
            match (self.waiting[i], seen) {
                (false, seen) => self.record(py, (copy, i), &stepped, seen, &left, rows)?,
                (true, Some(first)) => {
                    self.waiting[i] = false;
                    self.see(py, i, &first, rows.obs)?;
                    self.see_mask(py, i, &stepped.info)?;
                }
                (true, None) => {}
            }
        }
        let over = self.slots(copy).all(|i| self.waiting[i]);
        if over && (left.len()? == 0 || self.is_late(copy)) {
            self.copies[copy].episode += 1;
            return self.start(py, copy, rows.obs);
        }
        Ok(())
    }

    fn is_late(&self, copy: usize) -> bool {
        self.rules.settings.end_after(End::Continue, self.copies[copy].time).is_end()
    }

    /// What became of an agent that acted.
    fn record(
        &mut self,
        py: Python<'_>,
        (copy, i): (usize, usize),
        stepped: &All<'_>,
        seen: Option<Bound<'_, PyAny>>,
        left: &Bound<'_, PyAny>,
        rows: &mut StepRows<'_>,
    ) -> PyResult<()> {
        let agent = self.agent(py, i).clone();
        let missing = |of: &str| {
            PyValueError::new_err(format!("agent {agent} acted, but step returned no {of} of it"))
        };
        let seen = seen.ok_or_else(|| missing("observation"))?;
        let reward = stepped.reward.get_item(&agent)?.ok_or_else(|| missing("reward"))?;
        let flag = |flags: &Bound<'_, PyDict>| {
            flags.get_item(&agent)?.map_or(Ok(false), |flag| flag.is_truthy())
        };
        let own = end(flag(&stepped.terminated)?, flag(&stepped.truncated)?);
        let end = self.rules.settings.end_after(own, self.copies[copy].time);
        if !end.is_end() && !left.contains(&agent)? {
            return Err(PyRuntimeError::new_err(format!(
                "agent {agent} left, but was neither terminated nor truncated"
            )));
        }
        rows.reward[i] = outcome::reward(&reward).map_err(|error| of_agent(py, &agent, error))?;
        rows.end[i] = end;
        self.waiting[i] = end.is_end();
        if end.is_end() {
            return self.see(py, i, &seen, rows.final_obs);
        }
        self.see(py, i, &seen, rows.obs)?;
        self.see_mask(py, i, &stepped.info)
    }
}

/// An exception that says which agent it is about.
fn of_agent(py: Python<'_>, agent: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let note = format!("gradwerk: agent {agent}");
    let _ = error.value(py).call_method1("add_note", (note,));
    error
}

fn dict<'a, 'py>(what: &str, value: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyDict>> {
    value.cast::<PyDict>().map_err(|_| {
        let found = describe(value);
        PyTypeError::new_err(format!("{what}: {found}, expected a dict with an entry per agent"))
    })
}

/// The five dictionaries of `step`.
struct All<'py> {
    obs: Bound<'py, PyDict>,
    reward: Bound<'py, PyDict>,
    terminated: Bound<'py, PyDict>,
    truncated: Bound<'py, PyDict>,
    info: Bound<'py, PyDict>,
}

impl<'py> All<'py> {
    fn of(result: &Bound<'py, PyAny>) -> PyResult<Self> {
        let stepped = Stepped::of(result)?;
        Ok(Self {
            obs: dict("observations", &stepped.obs)?.clone(),
            reward: dict("rewards", &stepped.reward)?.clone(),
            terminated: dict("terminations", &stepped.terminated)?.clone(),
            truncated: dict("truncations", &stepped.truncated)?.clone(),
            info: dict("infos", &stepped.info)?.clone(),
        })
    }
}

impl VecEnv for ParallelEnvs {
    fn num_envs(&self) -> usize {
        self.waiting.len()
    }

    common_parts!();

    fn resetting(&self) -> &[bool] {
        &self.waiting
    }

    fn begin_round(&mut self, _: &mut [f32]) {
        let error = "rollout.episodes: the agents of a parallel environment end their episodes at \
                     different times; expected rollout.steps alone";
        Python::attach(|py| {
            self.attempt(py, 0, |_| Err(PyValueError::new_err(error)));
        });
    }

    fn reset(&mut self, obs: &mut [f32]) {
        Python::attach(|py| {
            (0..self.copies.len())
                .all(|copy| self.attempt(py, copy, |all| all.start(py, copy, obs)));
        });
    }

    /// All agents of a copy act, also those of slots that are not active: nobody can stand still.
    fn step(&mut self, actions: Actions<'_>, _: &[bool], rows: &mut StepRows<'_>) {
        Python::attach(|py| {
            (0..self.copies.len())
                .all(|copy| self.attempt(py, copy, |all| all.step_copy(py, copy, actions, rows)));
        });
    }

    fn save(&self) -> Vec<SlotState> {
        let state = |copy: &Copy| vec![at_episode(copy.episode); self.agents.len()];
        self.copies.iter().flat_map(state).collect()
    }

    fn load(&mut self, slots: &[SlotState], _obs: &[f32]) -> Result<(), EnvError> {
        let episodes = next_episodes(slots, self.waiting.len())?.step_by(self.agents.len());
        self.copies.iter_mut().zip(episodes).for_each(|(copy, episode)| copy.episode = episode);
        Ok(())
    }
}

impl Drop for ParallelEnvs {
    fn drop(&mut self) {
        self.spares.keep(self.copies.drain(..).map(|copy| copy.env));
    }
}

/// The names of the agents that there may be.
///
/// # Errors
/// If the environment does not say them, or there are none.
pub fn agents(env: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyAny>>> {
    let names: Vec<Py<PyAny>> = env
        .getattr("possible_agents")?
        .try_iter()?
        .map(|name| Ok(name?.unbind()))
        .collect::<PyResult<_>>()?;
    if names.is_empty() {
        return Err(PyValueError::new_err("possible_agents is empty, expected the agents' names"));
    }
    Ok(names)
}
