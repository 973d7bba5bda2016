//! Structure-of-arrays stepping: states in columns, [`LANES`] copies at a time.
//!
//! [`ColumnBatch`] does what [`EnvBatch`] does, bit for bit, for an environment whose state is a
//! few numbers and whose step draws no random numbers. Its arithmetic is the [`Env`]'s own, written
//! over arrays that the compiler turns into vector instructions; the scalar `Env` stays the twin
//! (`tests/columns.rs` compares them) and still does resets, observations and snapshots.

use crate::batch::{check_discrete, check_shapes, check_state_shapes};
use crate::{
    Actions, End, Env, EnvBatch, EnvError, EnvSettings, EpisodeKeys, SlotState, Space, StepRows,
    VecEnv,
};
use std::marker::PhantomData;
use std::sync::Arc;

/// How many copies are stepped at once: enough for the compiler to make loops of vectors.
pub const LANES: usize = 32;

/// One value per copy.
pub type Lanes<T> = [T; LANES];

/// The states of [`LANES`] copies, number by number, and what their last step led to.
#[derive(Clone, Copy, Debug)]
pub struct Columns<const N: usize> {
    /// The states.
    pub state: [Lanes<f64>; N],
    /// The rewards of the step.
    pub reward: Lanes<f64>,
    /// What follows it.
    pub end: Lanes<End>,
}

impl<const N: usize> Columns<N> {
    const ZERO: Self =
        Self { state: [[0.0; LANES]; N], reward: [0.0; LANES], end: [End::Continue; LANES] };

    /// The state in lane `i`.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, i: usize) -> [f64; N] {
        std::array::from_fn(|k| self.state[k][i])
    }

    /// Put a state into lane `i`.
    #[inline(always)]
    pub fn set(&mut self, i: usize, state: [f64; N]) {
        for (column, x) in self.state.iter_mut().zip(state) {
            column[i] = x;
        }
    }
}

/// The one component of an action: `u32` if it is discrete, `f32` if it is continuous.
pub trait Component: Copy + Default {
    /// The column of such components.
    fn column<'a>(actions: &Actions<'a>) -> &'a [Self];
}

impl Component for u32 {
    fn column<'a>(actions: &Actions<'a>) -> &'a [Self] {
        actions.discrete
    }
}

impl Component for f32 {
    fn column<'a>(actions: &Actions<'a>) -> &'a [Self] {
        actions.continuous
    }
}

/// An environment that can step several copies at once. Its state is `N` numbers, its action one,
/// and [`Env::step`] draws no random numbers.
pub trait Columnar<const N: usize>: Env + Default + 'static {
    /// The type of its action.
    type Action: Component;
    /// The copy in this state.
    fn at(state: [f64; N]) -> Self;
    /// The whole state.
    fn state(&self) -> [f64; N];
    /// Write the observation of the state.
    fn observe(&self, obs: &mut [f32]);
    /// What [`Env::step`] does, in every lane.
    fn step_lanes(columns: &mut Columns<N>, action: &Lanes<Self::Action>);
}

/// A batch of a columnar environment: in columns where there are enough copies to fill most of
/// the lanes, else one after another. The bits are the same.
///
/// # Panics
/// If `num_envs` is 0 or the settings are invalid ([`EnvSettings::validate`]).
#[must_use]
pub fn batch<E: Columnar<N>, const N: usize>(
    seed: u64,
    keys: EpisodeKeys,
    num_envs: usize,
    settings: &EnvSettings,
) -> Box<dyn VecEnv> {
    if num_envs < LANES / 2 {
        return Box::new(EnvBatch::new(Arc::new(E::default), seed, keys, num_envs, settings));
    }
    Box::new(ColumnBatch::<E, N>::new(seed, keys, num_envs, settings))
}

/// [`LANES`] slots: their columns and where they stand in their episodes.
#[derive(Clone, Copy)]
struct Block<const N: usize> {
    columns: Columns<N>,
    time: Lanes<u32>,
    episode: Lanes<u64>,
    /// Words that the reset drew from the episode's stream.
    drawn: Lanes<u32>,
}

/// `n` copies of `E` that are stepped [`LANES`] at a time.
pub struct ColumnBatch<E, const N: usize> {
    /// The last block may have more lanes than slots; the others stay at rest.
    blocks: Vec<Block<N>>,
    num_envs: usize,
    seed: u64,
    keys: EpisodeKeys,
    settings: EnvSettings,
    observation_space: Space,
    action_space: Space,
    /// Number of values of its discrete components.
    choices: Vec<usize>,
    env: PhantomData<fn() -> E>,
}

impl<const N: usize> Block<N> {
    const EMPTY: Self =
        Self { columns: Columns::ZERO, time: [0; LANES], episode: [0; LANES], drawn: [0; LANES] };

    /// One action in the lanes that are `live`: up to `frame_skip` inner steps, their rewards
    /// summed. The other lanes keep their states; their rewards and ends mean nothing.
    fn advance<E: Columnar<N>>(
        &mut self,
        settings: &EnvSettings,
        action: &Lanes<E::Action>,
        mut live: Lanes<bool>,
    ) {
        self.inner_step::<E>(settings, action, &live);
        for _ in 1..settings.frame_skip {
            let before = self.columns;
            live = std::array::from_fn(|i| live[i] && !before.end[i].is_end());
            if live == [false; LANES] {
                break;
            }
            self.inner_step::<E>(settings, action, &live);
            let Columns { reward, end, .. } = &mut self.columns;
            reward.iter_mut().zip(before.reward).for_each(|(sum, r)| *sum += r);
            for i in (0..LANES).filter(|&i| !live[i]) {
                (reward[i], end[i]) = (before.reward[i], before.end[i]);
            }
        }
    }

    fn inner_step<E: Columnar<N>>(
        &mut self,
        settings: &EnvSettings,
        action: &Lanes<E::Action>,
        live: &Lanes<bool>,
    ) {
        if *live == [true; LANES] {
            E::step_lanes(&mut self.columns, action);
        } else {
            let before = self.columns;
            E::step_lanes(&mut self.columns, action);
            for i in (0..LANES).filter(|&i| !live[i]) {
                self.columns.set(i, before.get(i));
            }
        }
        for ((time, end), &live) in self.time.iter_mut().zip(&mut self.columns.end).zip(live) {
            *time = time.saturating_add(u32::from(live));
            *end = settings.end_after(*end, *time);
        }
    }
}

impl<E: Columnar<N>, const N: usize> ColumnBatch<E, N> {
    /// `num_envs` copies whose episodes are keyed by `(seed, keys)`.
    ///
    /// # Panics
    /// If `num_envs` is 0 or the settings are invalid ([`EnvSettings::validate`]).
    #[must_use]
    pub fn new(seed: u64, keys: EpisodeKeys, num_envs: usize, settings: &EnvSettings) -> Self {
        assert!(num_envs > 0, "num_envs is 0, expected at least 1");
        settings.validate().unwrap_or_else(|e| panic!("{e}"));
        let env = E::default();
        Self {
            blocks: vec![Block::EMPTY; num_envs.div_ceil(LANES)],
            num_envs,
            seed,
            keys,
            settings: *settings,
            observation_space: env.observation_space(),
            action_space: env.action_space(),
            choices: env.action_space().choices(),
            env: PhantomData,
        }
    }

    /// Start the given episode of slot `slot`.
    fn start(&mut self, slot: usize, episode: u64, obs: &mut [f32]) {
        let mut rng = self.keys.stream(self.seed, slot, episode);
        let mut env = E::default();
        env.reset(&mut rng, obs);
        let (block, i) = (&mut self.blocks[slot / LANES], slot % LANES);
        block.columns.set(i, env.state());
        (block.time[i], block.episode[i], block.drawn[i]) = (0, episode, rng.position());
    }

    /// Step one block and show what its slots led to.
    fn step_block(
        &mut self,
        b: usize,
        actions: &Actions<'_>,
        live: &Lanes<bool>,
        rows: &mut StepRows<'_>,
    ) {
        let first = b * LANES;
        let given = &E::Action::column(actions)[first..];
        let mut action = [E::Action::default(); LANES];
        let count = given.len().min(LANES);
        action[..count].copy_from_slice(&given[..count]);
        self.blocks[b].advance::<E>(&self.settings, &action, *live);
        let Columns { reward, end, .. } = self.blocks[b].columns;
        let d = rows.obs.len() / self.num_envs;
        let shown = rows.obs[first * d..(first + count) * d].chunks_exact_mut(d);
        for (i, obs) in shown.enumerate().filter(|(i, _)| live[*i]) {
            E::at(self.blocks[b].columns.get(i)).observe(obs);
        }
        for i in (0..count).filter(|&i| live[i]) {
            (rows.reward[first + i], rows.end[first + i]) = (reward[i], end[i]);
            if end[i].is_end() {
                let slot = first + i;
                let (row, next) = (slot * d..(slot + 1) * d, self.blocks[b].episode[i] + 1);
                rows.final_obs[row.clone()].copy_from_slice(&rows.obs[row.clone()]);
                self.start(slot, next, &mut rows.obs[row]);
            }
        }
    }
}

/// The lanes of a block that take part.
fn live_lanes(active: &[bool]) -> Lanes<bool> {
    std::array::from_fn(|i| active.get(i).is_some_and(|&active| active))
}

impl<E: Columnar<N>, const N: usize> VecEnv for ColumnBatch<E, N> {
    fn num_envs(&self) -> usize {
        self.num_envs
    }

    fn observation_space(&self) -> &Space {
        &self.observation_space
    }

    fn action_space(&self) -> &Space {
        &self.action_space
    }

    fn reset(&mut self, obs: &mut [f32]) {
        let d = self.observation_space.width();
        assert_eq!(obs.len(), self.num_envs * d, "obs is [n, {d}]");
        for (slot, obs) in obs.chunks_exact_mut(d).enumerate() {
            self.start(slot, self.blocks[slot / LANES].episode[slot % LANES], obs);
        }
    }

    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        let widths = self.action_space.action_widths();
        check_shapes(self.num_envs, self.observation_space.width(), widths, &actions, active, rows);
        check_discrete(&self.choices, &actions, active);
        for (b, active) in active.chunks(LANES).enumerate() {
            let live = live_lanes(active);
            if live != [false; LANES] {
                self.step_block(b, &actions, &live, rows);
            }
        }
    }

    fn save(&self) -> Vec<SlotState> {
        let save = |slot: usize| {
            let (block, i) = (&self.blocks[slot / LANES], slot % LANES);
            SlotState {
                episode: block.episode[i],
                time: block.time[i],
                rng_position: block.drawn[i],
                snapshot: E::at(block.columns.get(i)).snapshot(),
                ..SlotState::default()
            }
        };
        (0..self.num_envs).map(save).collect()
    }

    fn load(&mut self, slots: &[SlotState], obs: &[f32]) -> Result<(), EnvError> {
        check_state_shapes(slots, obs, self.num_envs, self.observation_space.width())?;
        let mut blocks = vec![Block::EMPTY; self.blocks.len()];
        for (slot, state) in slots.iter().enumerate() {
            let (block, i) = (&mut blocks[slot / LANES], slot % LANES);
            block.columns.set(i, restored::<E, N>(state).map_err(|e| state.refused(slot, &e))?);
            block.time[i] = state.time;
            block.episode[i] = state.episode;
            block.drawn[i] = state.rng_position;
        }
        self.blocks = blocks;
        Ok(())
    }
}

/// The numbers of a saved state.
fn restored<E: Columnar<N>, const N: usize>(state: &SlotState) -> Result<[f64; N], EnvError> {
    let snapshot = state.snapshot.as_ref();
    let snapshot = snapshot.ok_or_else(|| EnvError("the state has no snapshot".into()))?;
    let mut env = E::default();
    env.restore(snapshot)?;
    Ok(env.state())
}
