//! The state of a trainer: everything that decides how the run goes on, and nothing else.

use super::Trainer;
use crate::Error;
use crate::collect::{Shard, ShardState};
use crate::run::state::{State, StateError};
use gradwerk_env::vec_env::{ActionLog, SlotState};

/// Snapshot length that stands for "no snapshot, replay the actions".
const NO_SNAPSHOT: u64 = u64::MAX;

impl Trainer {
    /// The state between two updates.
    ///
    /// # Errors
    /// None in practice; building a [`State`] is checked.
    pub fn state(&self) -> Result<State, Error> {
        let mut state = State::new();
        state.put_meta("counters", &self.counters)?;
        self.learner.save(&mut state)?;
        state.put_vector("algorithm", self.algorithm.state())?;
        self.algorithm.save_columns(&mut state)?;
        self.normalizers.save(&mut state)?;
        state.put_vector("reward.discounted", self.discounted.clone())?;
        let (totals, lengths): (Vec<f64>, Vec<u32>) = self.window.iter().copied().unzip();
        state.put_vector("window.return", totals)?;
        state.put_vector("window.length", lengths)?;
        self.source.save(&mut state)?;
        Ok(state)
    }

    /// Go on from a state that a trainer with the same configuration returned.
    ///
    /// # Errors
    /// If something is missing or has another shape. The trainer must not be used then.
    pub fn restore(&mut self, state: &State) -> Result<(), Error> {
        // First, since another recording has columns of other lengths as well.
        self.source.load(state, self.learner.model.encoder.raw_width())?;
        self.counters = state.get_meta("counters")?;
        self.learner.load(state)?;
        self.algorithm.load_state(state.get_any::<f64>("algorithm")?.1);
        self.algorithm.load_columns(state)?;
        self.normalizers.load(state)?;
        self.refresh_observations();
        state.copy_into("reward.discounted", &mut self.discounted)?;
        if !self.exact_resume {
            // The episodes that these returns belong to are lost.
            self.discounted.fill(0.0);
        }
        let (totals, lengths) =
            (state.get_any::<f64>("window.return")?.1, state.get_any::<u32>("window.length")?.1);
        self.window.clear();
        self.window.extend(totals.iter().copied().zip(lengths.iter().copied()));
        Ok(())
    }
}

/// Go on with the environments of all shards where [`save_envs`] left them.
pub(super) fn load_envs(shards: &mut [Shard], state: &State, d: usize) -> Result<(), Error> {
    let total = shards.iter().map(|shard| shard.rollout.n).sum();
    let widths = |shard: &Shard| (shard.rollout.memory_width, shard.rollout.earlier * d);
    let (memory, earlier) = shards.first().map_or((0, 0), widths);
    let mut all = read_envs(state, total, d, (memory, earlier))?;
    for shard in shards.iter_mut() {
        let n = shard.rollout.n;
        let rest = ShardState {
            slots: all.slots.split_off(n),
            obs: all.obs.split_off(n * d),
            steps: all.steps.split_off(n),
            time: all.time.split_off(n),
            total: all.total.split_off(n),
            memory: all.memory.split_off(n * memory),
            earlier: all.earlier.split_off(n * earlier),
        };
        shard.load(std::mem::replace(&mut all, rest))?;
    }
    Ok(())
}

/// One column per field over all environments in order, whatever the shards were.
pub(super) fn save_envs(
    state: &mut State,
    shards: impl Iterator<Item = ShardState>,
) -> Result<(), StateError> {
    let mut all = ShardState::default();
    for shard in shards {
        all.slots.extend(shard.slots);
        all.obs.extend(shard.obs);
        all.steps.extend(shard.steps);
        all.time.extend(shard.time);
        all.total.extend(shard.total);
        all.memory.extend(shard.memory);
        all.earlier.extend(shard.earlier);
    }
    let slots = &all.slots;
    let length = |s: &SlotState| s.snapshot.as_ref().map_or(NO_SNAPSHOT, |b| b.len() as u64);
    state.put_vector("env.episode", slots.iter().map(|s| s.episode).collect())?;
    state.put_vector("env.inner_time", slots.iter().map(|s| s.time).collect())?;
    state.put_vector("env.rng", slots.iter().map(|s| s.rng_position).collect())?;
    state.put_vector("env.snapshot_len", slots.iter().map(length).collect())?;
    let snapshots = slots.iter().flat_map(|s| s.snapshot.iter().flatten().copied());
    state.put_vector("env.snapshot", snapshots.collect::<Vec<u8>>())?;
    let counts = |f: fn(&SlotState) -> usize| slots.iter().map(|s| f(s) as u64).collect();
    state.put_vector::<u64>("env.log_discrete_len", counts(|s| s.actions.discrete.len()))?;
    state.put_vector::<u64>("env.log_continuous_len", counts(|s| s.actions.continuous.len()))?;
    let discrete = slots.iter().flat_map(|s| s.actions.discrete.iter().copied());
    state.put_vector("env.log_discrete", discrete.collect())?;
    let continuous = slots.iter().flat_map(|s| s.actions.continuous.iter().copied());
    state.put_vector("env.log_continuous", continuous.collect())?;
    state.put_vector("env.obs", all.obs)?;
    state.put_vector("env.steps", all.steps)?;
    state.put_vector("env.time", all.time)?;
    state.put_vector("env.return", all.total)?;
    state.put_vector("env.memory", all.memory)?;
    state.put_vector("env.earlier", all.earlier)
}

fn read_envs(
    state: &State,
    n: usize,
    d: usize,
    (memory, earlier): (usize, usize),
) -> Result<ShardState, Error> {
    let episode = state.get::<u64>("env.episode", &[n])?;
    let inner_time = state.get::<u32>("env.inner_time", &[n])?;
    let rng = state.get::<u32>("env.rng", &[n])?;
    let mut snapshots = Pieces::<u8>::new(state, "env.snapshot", n)?;
    let mut discrete = Pieces::<u32>::new(state, "env.log_discrete", n)?;
    let mut continuous = Pieces::<f32>::new(state, "env.log_continuous", n)?;
    let slots = (0..n)
        .map(|i| {
            Ok(SlotState {
                episode: episode[i],
                time: inner_time[i],
                rng_position: rng[i],
                snapshot: snapshots.next()?,
                actions: ActionLog {
                    discrete: discrete.next()?.unwrap_or_default(),
                    continuous: continuous.next()?.unwrap_or_default(),
                },
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(ShardState {
        slots,
        obs: state.get::<f32>("env.obs", &[n * d])?.to_vec(),
        steps: state.get::<u64>("env.steps", &[n])?.to_vec(),
        time: state.get::<u32>("env.time", &[n])?.to_vec(),
        total: state.get::<f64>("env.return", &[n])?.to_vec(),
        memory: state.get::<f32>("env.memory", &[n * memory])?.to_vec(),
        earlier: state.get::<f32>("env.earlier", &[n * earlier])?.to_vec(),
    })
}

/// One array cut into a piece per environment.
struct Pieces<'a, T> {
    name: &'a str,
    lengths: std::slice::Iter<'a, u64>,
    rest: &'a [T],
}

impl<'a, T: crate::run::state::Element> Pieces<'a, T> {
    fn new(state: &'a State, name: &'a str, n: usize) -> Result<Self, Error> {
        let lengths = state.get::<u64>(&format!("{name}_len"), &[n])?.iter();
        Ok(Self { name, lengths, rest: state.get_any::<T>(name)?.1 })
    }

    fn next(&mut self) -> Result<Option<Vec<T>>, Error> {
        let length = self.lengths.next().copied().unwrap_or(0);
        if length == NO_SNAPSHOT {
            return Ok(None);
        }
        let cut = usize::try_from(length).ok().and_then(|k| self.rest.split_at_checked(k));
        let Some((piece, rest)) = cut else {
            let found = self.rest.len();
            let text =
                format!("`{}` is too short: {length} elements expected, {found} left", self.name);
            return Err(Error::Env(gradwerk_env::EnvError(text)));
        };
        self.rest = rest;
        Ok(Some(piece.to_vec()))
    }
}
