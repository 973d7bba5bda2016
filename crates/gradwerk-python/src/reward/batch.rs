//! A batch of an environment of Rust that asks a function for its rewards.

use super::function::Function;
use super::transitions::{Columns, Transitions};
use crate::codec::{ActionRows, Codec};
use gradwerk_env::{Actions, End, EnvError, EpisodeKeys, Fact, SlotState, Space, StepRows, VecEnv};
use pyo3::exceptions::PyFloatingPointError;
use pyo3::prelude::*;
use std::sync::Arc;

/// The batch.
pub struct RewardedBatch {
    inner: Box<dyn VecEnv>,
    function: Arc<Function>,
    keys: EpisodeKeys,
    frame_skip: u32,
    action: Codec,
    /// `[n, d]`: what was acted on.
    obs: Vec<f32>,
    /// For messages: the episode of every slot, and its steps.
    episode: Vec<u64>,
    time: Vec<u32>,
    failed: Option<EnvError>,
}

impl RewardedBatch {
    /// The batch `inner`, made with these keys and this frame skip.
    pub fn new(
        inner: Box<dyn VecEnv>,
        function: Arc<Function>,
        keys: EpisodeKeys,
        frame_skip: u32,
    ) -> Self {
        let n = inner.num_envs();
        Self {
            action: Codec::native(inner.action_space()),
            obs: vec![0.0; n * inner.observation_space().width()],
            episode: vec![0; n],
            time: vec![0; n],
            failed: None,
            inner,
            function,
            keys,
            frame_skip,
        }
    }

    /// Where slot `i` stands, in words.
    fn place(&self, i: usize) -> String {
        let (slot, step, episode) = (i as u64, self.time[i] + 1, self.episode[i]);
        match self.keys {
            EpisodeKeys::Training { first } => {
                format!("environment {}, step {step} of its episode {episode}", first + slot)
            }
            EpisodeKeys::Evaluation { first, stride } => {
                format!("episode {}, step {step}", first + slot + episode * stride)
            }
        }
    }

    /// Which transitions these are, in words.
    fn places(&self, slots: &[usize]) -> String {
        match slots {
            [one] => self.place(*one),
            _ => format!("{} transitions, the first of {}", slots.len(), self.place(slots[0])),
        }
    }

    /// The rewards of the slots that took a step.
    fn ask(
        &self,
        py: Python<'_>,
        slots: &[usize],
        actions: Actions<'_>,
        rows: &StepRows<'_>,
    ) -> PyResult<Vec<f64>> {
        let (d, (wd, wc)) = (self.observation_space().width(), self.action_space().action_widths());
        let facts = self.inner.facts();
        let told = self.inner.told();
        let width = Fact::width(facts);
        let after = |i: usize| if rows.end[i].is_end() { &rows.final_obs } else { &rows.obs };
        let next: Vec<f32> =
            slots.iter().flat_map(|&i| &after(i)[i * d..(i + 1) * d]).copied().collect();
        let told = told.map(|told| of_rows(told, width, slots));
        let columns = Columns {
            obs: &of_rows(&self.obs, d, slots),
            next_obs: &next,
            reward: &of_rows(rows.reward, 1, slots),
            end: &of_rows(rows.end, 1, slots),
            facts,
            told: [&told[0], &told[1]],
        };
        let action = ActionRows {
            discrete: &of_rows(actions.discrete, wd, slots),
            continuous: &of_rows(actions.continuous, wc, slots),
            batch: Some(slots.len()),
        };
        let transitions = Transitions::of(py, &columns, self.action.write(py, action)?)?;
        let transitions = Bound::new(py, transitions)?.into_any();
        let rewards = self.function.call(py, transitions, slots.len(), &self.places(slots))?;
        match rewards.iter().position(|reward| !reward.is_finite()) {
            None => Ok(rewards),
            Some(k) => Err(PyFloatingPointError::new_err(format!(
                "the reward function `{}` returned {} for {}, expected a finite number",
                self.function.name,
                rewards[k],
                self.place(slots[k])
            ))),
        }
    }

    fn judge(&mut self, slots: &[usize], actions: Actions<'_>, rows: &mut StepRows<'_>) {
        Python::attach(|py| match self.ask(py, slots, actions, rows) {
            Ok(rewards) => {
                slots.iter().zip(rewards).for_each(|(&i, reward)| rows.reward[i] = reward);
            }
            Err(error) => {
                let place =
                    format!("the reward function `{}`, {}", self.function.name, self.places(slots));
                self.failed = Some(self.function.failure.keep(py, &place, error));
            }
        });
    }

    fn follow(&mut self, slots: &[usize], rows: &StepRows<'_>) {
        let d = self.observation_space().width();
        for &i in slots {
            let row = i * d..(i + 1) * d;
            self.obs[row.clone()].copy_from_slice(&rows.obs[row]);
            let over = rows.end[i] != End::Continue;
            self.episode[i] += u64::from(over);
            self.time[i] = if over { 0 } else { self.time[i].saturating_add(1) };
        }
    }
}

/// These rows of `width` entries.
fn of_rows<T: Copy>(entries: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    rows.iter().flat_map(|&i| &entries[i * width..(i + 1) * width]).copied().collect()
}

impl VecEnv for RewardedBatch {
    gradwerk_env::forward_batch!();

    fn observation_space(&self) -> &Space {
        self.inner.observation_space()
    }
    fn reset(&mut self, obs: &mut [f32]) {
        self.inner.reset(obs);
        self.obs.copy_from_slice(obs);
        self.time.fill(0);
    }

    /// Where the environment says by a reward of NaN that it gave up, nobody is asked.
    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        self.inner.step(actions, active, rows);
        let slots: Vec<usize> = (0..active.len()).filter(|&i| active[i]).collect();
        if !slots.is_empty() && slots.iter().all(|&i| !rows.reward[i].is_nan()) {
            self.judge(&slots, actions, rows);
        }
        self.follow(&slots, rows);
    }

    fn take_failure(&mut self) -> Option<EnvError> {
        self.failed.take().or_else(|| self.inner.take_failure())
    }
    fn load(&mut self, slots: &[SlotState], obs: &[f32]) -> Result<(), EnvError> {
        self.inner.load(slots, obs)?;
        self.obs.copy_from_slice(obs);
        for (i, slot) in slots.iter().enumerate() {
            (self.episode[i], self.time[i]) = (slot.episode, slot.time.div_ceil(self.frame_skip));
        }
        Ok(())
    }
}
