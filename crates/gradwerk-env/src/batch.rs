//! The one implementation of [`VecEnv`] for environments written in Rust.

use crate::picture::Scene;
use crate::{
    Action, ActionLog, Actions, Env, EnvError, EnvSettings, EpisodeKeys, Fact, SlotState, Space,
    Step, StepRows, VecEnv, mask,
};
use gradwerk_math::{Purpose, Stream};
use std::sync::Arc;

/// Builds one copy of an environment.
pub type Maker<E> = Arc<dyn Fn() -> E + Send + Sync>;

/// `n` copies of `E` that are stepped one after another.
pub struct EnvBatch<E: Env> {
    slots: Vec<Slot<E>>,
    rules: Rules,
    maker: Maker<E>,
    observation_space: Space,
    action_space: Space,
    /// The picture of every slot, while somebody films.
    pictures: Option<Vec<Option<Scene>>>,
    /// `None` where nothing is told, so that a step does not pay for it.
    facts: Option<Facts>,
}

/// What the environments tell besides observations.
struct Facts {
    list: Vec<Fact>,
    /// Numbers of a slot.
    width: usize,
    /// `[n, width]`: of the present states, and of those that the last steps began with and led
    /// to.
    now: Vec<f64>,
    before: Vec<f64>,
    after: Vec<f64>,
}

impl Facts {
    fn new(list: &[Fact], n: usize) -> Option<Self> {
        let width = Fact::width(list);
        let numbers = vec![0.0; n * width];
        (width > 0).then(|| Self {
            list: list.to_vec(),
            width,
            now: numbers.clone(),
            before: numbers.clone(),
            after: numbers,
        })
    }

    /// A slot stands at the start of an episode, or in a state that was restored.
    fn begin<E: Env>(&mut self, i: usize, env: &E) {
        env.tell(&mut self.now[i * self.width..(i + 1) * self.width]);
    }

    /// A slot took a step.
    fn follow<E: Env>(&mut self, i: usize, env: &E) {
        let row = i * self.width..(i + 1) * self.width;
        self.before[row.clone()].copy_from_slice(&self.now[row.clone()]);
        env.tell(&mut self.after[row.clone()]);
        self.now[row.clone()].copy_from_slice(&self.after[row]);
    }
}

/// What is the same for every slot.
struct Rules {
    seed: u64,
    keys: EpisodeKeys,
    settings: EnvSettings,
    /// Length of an observation row.
    obs_width: usize,
    /// Lengths of the discrete and the continuous part of an action row.
    action_widths: (usize, usize),
    /// Number of values of each discrete action component.
    choices: Vec<usize>,
    /// Entries of a mask row; 0 without masks.
    mask_width: usize,
    /// The environment cannot save itself, so its actions are kept for a replay.
    keep_log: bool,
}

/// One copy of the environment in its current episode.
struct Slot<E> {
    env: E,
    rng: Stream,
    episode: u64,
    time: u32,
    log: ActionLog,
    /// Scratch for the environment's mask.
    mask: Vec<bool>,
}

impl<E: Env> EnvBatch<E> {
    /// `num_envs` copies made by `maker`, whose episodes are keyed by `(seed, keys)`.
    ///
    /// # Panics
    /// If `num_envs` is 0 or the settings are invalid ([`EnvSettings::validate`]).
    #[must_use]
    pub fn new(
        maker: Maker<E>,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Self {
        assert!(num_envs > 0, "num_envs is 0, expected at least 1");
        settings.validate().unwrap_or_else(|e| panic!("{e}"));
        let mut env = maker();
        let (observation_space, action_space) = (env.observation_space(), env.action_space());
        let choices = action_space.choices();
        try_reset(&mut env);
        let mask_width = if masks(&env) { choices.iter().sum() } else { 0 };
        let rules = Rules {
            seed,
            keys,
            settings: *settings,
            obs_width: observation_space.width(),
            action_widths: action_space.action_widths(),
            choices,
            mask_width,
            keep_log: env.snapshot().is_none(),
        };
        let facts = Facts::new(env.facts(), num_envs);
        let slots = (0..num_envs).map(|i| Slot::new(maker(), &rules, i, 0)).collect();
        Self { slots, rules, maker, observation_space, action_space, pictures: None, facts }
    }

    /// The slot in the saved state, in a fresh copy of the environment.
    fn restored(&self, i: usize, state: &SlotState, obs: &[f32]) -> Result<Slot<E>, EnvError> {
        let mut slot = Slot::new((self.maker)(), &self.rules, i, state.episode);
        match &state.snapshot {
            Some(snapshot) => slot.restore(snapshot, state)?,
            None => slot.replay(&self.rules, state, obs)?,
        }
        Ok(slot)
    }
}

/// The slices of a step fit `n` slots with observations of `d` numbers.
pub(crate) fn check_shapes(
    n: usize,
    d: usize,
    (wd, wc): (usize, usize),
    actions: &Actions<'_>,
    active: &[bool],
    rows: &StepRows<'_>,
) {
    assert_eq!(actions.discrete.len(), n * wd, "actions.discrete is [n, {wd}]");
    assert_eq!(actions.continuous.len(), n * wc, "actions.continuous is [n, {wc}]");
    assert_eq!(active.len(), n, "active is [n]");
    assert_eq!(rows.obs.len(), n * d, "obs is [n, {d}]");
    assert_eq!(rows.final_obs.len(), n * d, "final_obs is [n, {d}]");
    assert_eq!(rows.reward.len(), n, "reward is [n]");
    assert_eq!(rows.end.len(), n, "end is [n]");
}

/// A saved state fits `n` slots with observations of `d` numbers.
pub(crate) fn check_state_shapes(
    slots: &[SlotState],
    obs: &[f32],
    n: usize,
    d: usize,
) -> Result<(), EnvError> {
    if slots.len() == n && obs.len() == n * d {
        return Ok(());
    }
    let (a, b) = (slots.len(), obs.len());
    Err(EnvError(format!(
        "the state has {a} slots and {b} observation entries, expected {n} and {}",
        n * d
    )))
}

/// Start an episode that nobody sees, to ask the environment about itself.
fn try_reset<E: Env>(env: &mut E) {
    let width = env.observation_space().width();
    env.reset(&mut Stream::new(0, Purpose::Test, 0, 0), &mut vec![0.0; width]);
}

/// Whether an environment that was reset masks actions.
fn masks<E: Env>(env: &E) -> bool {
    env.action_mask(&mut vec![true; env.action_space().choices().iter().sum()])
}

/// Whether the environment masks actions, found out in an episode that nobody sees.
pub(crate) fn has_masks<E: Env>(mut env: E) -> bool {
    try_reset(&mut env);
    masks(&env)
}

impl<E: Env> VecEnv for EnvBatch<E> {
    fn num_envs(&self) -> usize {
        self.slots.len()
    }

    fn observation_space(&self) -> &Space {
        &self.observation_space
    }

    fn action_space(&self) -> &Space {
        &self.action_space
    }

    fn mask_width(&self) -> usize {
        self.rules.mask_width
    }

    fn masks(&self, mask: &mut [bool]) {
        assert_eq!(mask.len(), self.slots.len() * self.rules.mask_width, "mask is [n, mask_width]");
        if self.rules.mask_width == 0 {
            return;
        }
        let rows = mask.chunks_exact_mut(self.rules.mask_width);
        for (slot, row) in self.slots.iter().zip(rows) {
            slot.env.action_mask(row);
        }
    }

    fn reset(&mut self, obs: &mut [f32]) {
        let d = self.rules.obs_width;
        assert_eq!(obs.len(), self.slots.len() * d, "obs is [n, {d}]");
        for (i, slot) in self.slots.iter_mut().enumerate() {
            slot.start(&self.rules, i, slot.episode, &mut obs[i * d..(i + 1) * d]);
            if let Some(facts) = &mut self.facts {
                facts.begin(i, &slot.env);
            }
            shoot(&mut self.pictures, i, &slot.env);
        }
    }

    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        let (d, rules) = (self.rules.obs_width, &self.rules);
        check_shapes(self.slots.len(), d, rules.action_widths, &actions, active, rows);
        check_discrete(&rules.choices, &actions, active);
        for (i, slot) in self.slots.iter_mut().enumerate().filter(|(i, _)| active[*i]) {
            let action = actions.row(i, rules.action_widths);
            let row = i * d..(i + 1) * d;
            let obs = &mut rows.obs[row.clone()];
            let step = slot.advance(rules, action, obs);
            if let Some(facts) = &mut self.facts {
                facts.follow(i, &slot.env);
            }
            shoot(&mut self.pictures, i, &slot.env);
            if step.end.is_end() {
                rows.final_obs[row].copy_from_slice(obs);
                slot.start(rules, i, slot.episode + 1, obs);
                if let Some(facts) = &mut self.facts {
                    facts.begin(i, &slot.env);
                }
            }
            rows.reward[i] = step.reward;
            rows.end[i] = step.end;
        }
    }

    fn facts(&self) -> &[Fact] {
        self.facts.as_ref().map_or(&[], |facts| &facts.list)
    }

    fn told(&self) -> [&[f64]; 2] {
        self.facts.as_ref().map_or([&[]; 2], |facts| [&facts.before, &facts.after])
    }

    fn film(&mut self) {
        self.pictures.get_or_insert_with(|| vec![None; self.slots.len()]);
    }

    fn picture(&self, i: usize) -> Option<&Scene> {
        self.pictures.as_ref()?[i].as_ref()
    }

    fn action_names(&self) -> &'static [&'static str] {
        self.slots[0].env.action_names()
    }

    fn save(&self) -> Vec<SlotState> {
        self.slots.iter().map(Slot::save).collect()
    }

    fn load(&mut self, slots: &[SlotState], obs: &[f32]) -> Result<(), EnvError> {
        let d = self.rules.obs_width;
        check_state_shapes(slots, obs, self.slots.len(), d)?;
        let restored = slots.iter().enumerate().map(|(i, state)| {
            self.restored(i, state, &obs[i * d..(i + 1) * d]).map_err(|e| state.refused(i, &e))
        });
        self.slots = restored.collect::<Result<_, _>>()?;
        if let Some(facts) = &mut self.facts {
            self.slots.iter().enumerate().for_each(|(i, slot)| facts.begin(i, &slot.env));
        }
        Ok(())
    }
}

/// Take a picture if somebody films.
fn shoot<E: Env>(pictures: &mut Option<Vec<Option<Scene>>>, i: usize, env: &E) {
    if let Some(pictures) = pictures {
        pictures[i] = env.render();
    }
}

/// The discrete actions of the active slots are values of their components.
pub(crate) fn check_discrete(choices: &[usize], actions: &Actions<'_>, active: &[bool]) {
    let rows = actions.discrete.chunks_exact(choices.len().max(1));
    for (slot, (row, _)) in rows.zip(active).enumerate().filter(|(_, (_, active))| **active) {
        for (&a, &n) in row.iter().zip(choices) {
            assert!((a as usize) < n, "slot {slot}: action {a}, expected one of 0..{n}");
        }
    }
}

impl<E: Env> Slot<E> {
    /// A slot before its reset.
    fn new(env: E, rules: &Rules, index: usize, episode: u64) -> Self {
        let rng = rules.keys.stream(rules.seed, index, episode);
        let mask = vec![true; rules.mask_width];
        Self { env, rng, episode, time: 0, log: ActionLog::default(), mask }
    }

    /// Start the given episode.
    fn start(&mut self, rules: &Rules, index: usize, episode: u64, obs: &mut [f32]) {
        self.episode = episode;
        self.rng = rules.keys.stream(rules.seed, index, episode);
        self.time = 0;
        self.log.clear();
        self.env.reset(&mut self.rng, obs);
    }

    /// One action: up to `frame_skip` inner steps, their rewards summed.
    fn advance(&mut self, rules: &Rules, action: Action<'_>, obs: &mut [f32]) -> Step {
        if rules.keep_log {
            self.log.push(action);
        }
        let mut total = self.inner_step(&rules.settings, action, obs);
        for _ in 1..rules.settings.frame_skip {
            if total.end.is_end() || !self.allows(rules, action) {
                break;
            }
            let step = self.inner_step(&rules.settings, action, obs);
            total = Step { reward: total.reward + step.reward, end: step.end };
        }
        total
    }

    /// Whether an action is (still) valid.
    fn allows(&mut self, rules: &Rules, action: Action<'_>) -> bool {
        rules.mask_width == 0 || {
            self.env.action_mask(&mut self.mask);
            mask::allows(&rules.choices, &self.mask, action.discrete)
        }
    }

    fn inner_step(&mut self, settings: &EnvSettings, action: Action<'_>, obs: &mut [f32]) -> Step {
        let step = self.env.step(action, &mut self.rng, obs);
        self.time = self.time.saturating_add(1);
        Step { end: settings.end_after(step.end, self.time), ..step }
    }

    fn save(&self) -> SlotState {
        SlotState {
            episode: self.episode,
            time: self.time,
            rng_position: self.rng.position(),
            snapshot: self.env.snapshot(),
            actions: self.log.clone(),
        }
    }

    fn restore(&mut self, snapshot: &[u8], state: &SlotState) -> Result<(), EnvError> {
        self.env.restore(snapshot)?;
        self.time = state.time;
        self.rng.seek(state.rng_position);
        Ok(())
    }

    /// Repeat the episode from its reset; it must lead to the same observation.
    fn replay(&mut self, rules: &Rules, state: &SlotState, obs: &[f32]) -> Result<(), EnvError> {
        let (wd, wc) = rules.action_widths;
        let rows = state.actions.rows((wd, wc)).ok_or_else(|| {
            EnvError(format!("the action log is not rows of {wd} and {wc} components"))
        })?;
        let log =
            Actions { discrete: &state.actions.discrete, continuous: &state.actions.continuous };
        let mut reached = vec![0.0; obs.len()];
        self.env.reset(&mut self.rng, &mut reached);
        for t in 0..rows {
            let step = self.advance(rules, log.row(t, (wd, wc)), &mut reached);
            if step.end.is_end() {
                return Err(EnvError(format!(
                    "the replay ended after {} of {rows} actions",
                    t + 1
                )));
            }
        }
        self.check_replay(state, &reached, obs)
    }

    fn check_replay(&self, state: &SlotState, got: &[f32], want: &[f32]) -> Result<(), EnvError> {
        if (self.time, self.rng.position()) != (state.time, state.rng_position) {
            return Err(EnvError(format!(
                "the replay took {} steps and {} random words, expected {} and {}",
                self.time,
                self.rng.position(),
                state.time,
                state.rng_position
            )));
        }
        let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
        match got.iter().zip(want).position(|pair| !same(pair)) {
            None => Ok(()),
            Some(k) => Err(EnvError(format!(
                "the replay led to observation[{k}] = {}, expected {}",
                got[k], want[k]
            ))),
        }
    }
}
