//! A trained policy: everything that acting needs, and nothing of how it was trained.

use crate::Error;
use crate::collect::forget;
use crate::config::Config;
use crate::dist::{ActionRow, ActionRowMut, Distribution, Widths};
use crate::model::{Inference, Model, Weights};
use crate::normalize::{Normalizers, ObsMap};
use crate::run::file;
use crate::run::spaces::{load_space, save_space};
use crate::run::state::{State, StateError};
use gradwerk_env::{EnvFactory, EnvSettings, Space, WithPrevious, mask};
use gradwerk_math::{Buffer, Kernel, Stream};
use past::Past;
use std::path::Path;

mod past;

/// A policy with its weights, its observation normaliser and the spaces it was made for.
#[derive(Clone, Debug)]
pub struct Policy {
    config: Config,
    model: Model<f32>,
    weights: Weights<f32>,
    obs_map: ObsMap,
    normalizers: Normalizers,
    /// Encoded observations, and the same with the frames before them.
    frames: Vec<f32>,
    seen: Vec<f32>,
    heads: Vec<f32>,
    inference: Inference<f32>,
    /// What each row of the batches remembers, `[rows, memory_width]`: for the networks, and then
    /// of the frames before; empty before the first.
    memory: Vec<f32>,
    past: Past,
    /// Values that come with the heads where there is a memory.
    value: Vec<f32>,
    interface: Option<String>,
}

/// Actions of a batch of observations: `[rows, discrete]` and `[rows, continuous]`, clipped to
/// the action space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionBatch {
    /// Discrete components.
    pub discrete: Vec<u32>,
    /// Continuous components.
    pub continuous: Vec<f32>,
}

/// What a policy's file says that it is.
const KIND: &str = "gradwerk policy";

impl Policy {
    pub(crate) fn new(
        config: &Config,
        model: Model<f32>,
        weights: Weights<f32>,
        kernel: Kernel,
        normalizers: Normalizers,
    ) -> Self {
        let observations = normalizers.observations.as_ref();
        let numbers = model.frame.numbers();
        let obs_map = ObsMap::new(numbers, observations, config.normalize.clip);
        let past = Past::new(model.frames, model.frame.clone());
        let inference = Inference::new(&model, kernel);
        let config = config.clone();
        Self {
            config,
            model,
            weights,
            obs_map,
            normalizers,
            frames: Vec::new(),
            seen: Vec::new(),
            heads: Vec::new(),
            inference,
            memory: Vec::new(),
            past,
            value: Vec::new(),
            interface: None,
        }
    }

    /// With what the environment says of itself ([`EnvFactory::interface`]).
    #[must_use]
    pub(crate) fn with_interface(mut self, interface: Option<String>) -> Self {
        self.interface = interface;
        self
    }

    /// How the environment that it was trained on shows values of its spaces
    /// ([`EnvFactory::interface`]).
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// The configuration it was trained with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The space of the observations it acts on.
    #[must_use]
    pub fn observation_space(&self) -> &Space {
        &self.model.observation_space
    }

    /// The space its actions lie in.
    #[must_use]
    pub fn action_space(&self) -> &Space {
        &self.model.action_space
    }

    /// The running moments it was trained with.
    #[must_use]
    pub fn normalizers(&self) -> &Normalizers {
        &self.normalizers
    }

    pub(crate) fn model(&self) -> &Model<f32> {
        &self.model
    }

    pub(crate) fn weights(&self) -> &Weights<f32> {
        &self.weights
    }

    /// The number that keys the random numbers of step `step`: the same for as many steps in a row as
    /// the policy keeps its noise ([`Widths::redraw_every`]).
    #[must_use]
    pub fn noise_step(&self, step: u64) -> u64 {
        self.model.dist.noise_step(step)
    }

    /// Compute with other instructions from now on.
    pub fn set_kernel(&mut self, kernel: Kernel) {
        self.inference.kernel = kernel;
        self.weights.pack(&self.model, kernel);
    }

    /// Numbers that the policy remembers per row; 0 if it acts on what it sees alone.
    #[must_use]
    pub fn memory_width(&self) -> usize {
        self.model.memory_width() + self.past.len()
    }

    /// What each row of the batches remembers, `[rows, memory_width]`, earlier observations
    /// included (`env.frame_stack`): empty before the first batch. A policy with memory goes on with
    /// every batch of observations that it acts on or that [`Policy::log_probs`] is asked of; row
    /// `i` is taken for the same episode as row `i` of the batch before.
    #[must_use]
    pub fn memory(&self) -> &[f32] {
        &self.memory
    }

    /// Go on from what [`Policy::memory`] returned.
    ///
    /// # Errors
    /// If it is not a whole number of rows.
    pub fn set_memory(&mut self, memory: &[f32]) -> Result<(), Error> {
        let (len, width) = (memory.len(), self.memory_width());
        if len.checked_rem(width).unwrap_or(len) != 0 {
            let text = format!("memory: {len} numbers, rows of {width} expected");
            return Err(Error::Usage(text));
        }
        self.memory.clear();
        self.memory.extend_from_slice(memory);
        Ok(())
    }

    /// All rows begin an episode, however many there will be.
    pub fn forget(&mut self) {
        self.memory.clear();
    }

    /// Row `row` begins an episode.
    ///
    /// # Panics
    /// If the batches have no such row.
    pub fn forget_row(&mut self, row: usize) {
        if !self.memory.is_empty() {
            let width = self.memory_width();
            forget(&mut self.memory, width, row);
        }
    }

    /// Memory for a batch of `rows`.
    fn remember(&mut self, rows: usize) {
        let width = self.memory_width();
        if self.memory.is_empty() {
            self.memory.resize(rows * width, 0.0);
        }
        let remembered = self.memory.len() / width.max(1);
        let advice = "begin anew with `forget`";
        assert!(width == 0 || remembered == rows, "{rows} rows, {remembered} remembered: {advice}");
    }

    /// The most probable actions for raw observations `[rows, d]`. An observation of a discrete
    /// space is one number, its index; an image is its numbers from 0 to 255, channel by channel
    /// (`[channels, height, width]`).
    ///
    /// # Panics
    /// If `obs` is not a whole number of rows, or an index or a pixel is not one of the space; if a
    /// policy with memory remembers another number of rows (see [`Policy::memory`]).
    pub fn predict(&mut self, obs: &[f32]) -> ActionBatch {
        self.act(obs, &[], |_| None)
    }

    /// [`Policy::predict`] among the valid actions: `mask` is `[rows, m]`, `m` the sum of the
    /// action space's [`Space::choices`], `true` where valid. An empty mask allows everything.
    ///
    /// # Errors
    /// If the mask has another length, allows nothing, or the policy's distribution knows none.
    pub fn predict_masked(&mut self, obs: &[f32], mask: &[bool]) -> Result<ActionBatch, Error> {
        self.check_mask(obs, mask)?;
        Ok(self.act(obs, mask, |_| None))
    }

    fn check_mask(&self, obs: &[f32], mask: &[bool]) -> Result<(), Error> {
        if mask.is_empty() {
            return Ok(());
        }
        let (rows, width) = (obs.len() / self.model.encoder.raw_width(), self.model.dist.mask());
        let refuse = |why: String| Err(Error::Usage(format!("action mask: {why}")));
        if width == 0 {
            return refuse(format!("a {} policy has none", self.model.dist.name()));
        }
        let got = mask.len();
        if got != rows * width {
            let space = &self.model.action_space;
            return refuse(format!("{got} entries, {rows} rows of {width} expected for {space}"));
        }
        let choices = self.model.action_space.choices();
        let blocked = |(row, mask)| Some((row, mask::first_blocked(&choices, mask)?));
        match mask.chunks_exact(width).enumerate().find_map(blocked) {
            None => Ok(()),
            Some((row, k)) => refuse(format!("row {row} allows no value of component {k}")),
        }
    }

    /// The critic's estimates `V(s)` for raw observations `[rows, d]`, in units of the raw
    /// reward; `None` without a critic. With memory, of what is remembered before the policy acts
    /// on them: ask first, then act.
    ///
    /// # Panics
    /// If `obs` is not a whole number of rows.
    pub fn values(&mut self, obs: &[f32]) -> Option<Vec<f32>> {
        if !self.model.has_critic() {
            return None;
        }
        let mut values = vec![0.0; self.encode(obs)];
        let mut memory = self.memory.clone();
        let (model, weights) = (&self.model, &self.weights);
        self.inference.value(model, weights, &self.seen, &mut memory, &mut values);
        let (mean, std) = self.normalizers.value_map();
        let unit = self.normalizers.reward_scale() as f32;
        values.iter_mut().for_each(|v| *v = (mean + std * *v) * unit);
        Some(values)
    }

    /// Actions drawn from the policy; row `i` draws from `streams[i]`.
    ///
    /// # Panics
    /// If `obs` is not `streams.len()` rows.
    pub fn sample(&mut self, obs: &[f32], streams: &[Stream]) -> ActionBatch {
        let width = self.model.encoder.raw_width();
        assert_eq!(obs.len(), streams.len() * width, "one stream per row");
        self.act(obs, &[], |i| Some(streams[i].clone()))
    }

    /// [`Policy::sample`] among the valid actions, with a mask as [`Policy::predict_masked`]
    /// takes it.
    ///
    /// # Errors
    /// As [`Policy::predict_masked`].
    ///
    /// # Panics
    /// If `obs` is not `streams.len()` rows.
    pub fn sample_masked(
        &mut self,
        obs: &[f32],
        mask: &[bool],
        streams: &[Stream],
    ) -> Result<ActionBatch, Error> {
        self.check_mask(obs, mask)?;
        let width = self.model.encoder.raw_width();
        assert_eq!(obs.len(), streams.len() * width, "one stream per row");
        Ok(self.act(obs, mask, |i| Some(streams[i].clone())))
    }

    /// Encode raw observations into `self.frames`, and with those before them into `self.seen`;
    /// returns the number of rows.
    fn encode(&mut self, obs: &[f32]) -> usize {
        let encoder = &self.model.encoder;
        let d = encoder.raw_width();
        assert_eq!(obs.len() % d, 0, "observations of {d} entries");
        let (rows, width) = (obs.len() / d, encoder.width());
        self.frames.resize(rows * width, 0.0);
        encoder.encode(&self.obs_map, obs, &mut self.frames);
        self.remember(rows);
        self.seen.resize(rows * self.model.obs_width(), 0.0);
        let stacks = self.seen.chunks_exact_mut(self.model.obs_width());
        for (i, (frame, stack)) in self.frames.chunks_exact(width).zip(stacks).enumerate() {
            let range = past_of(i, &self.model, &self.past);
            self.past.stack(&self.memory[range], frame, stack);
        }
        rows
    }

    /// The observations at hand become earlier ones.
    fn advance(&mut self) {
        for (i, stack) in self.seen.chunks_exact(self.model.obs_width()).enumerate() {
            let range = past_of(i, &self.model, &self.past);
            self.past.advance(stack, &mut self.memory[range]);
        }
    }

    /// Actions drawn from the policy as they were drawn, not taken to the space, and
    /// `log pi(a|s)` of each; row `i` draws from `streams[i]`. The mask is as in
    /// [`Policy::predict_masked`].
    ///
    /// # Errors
    /// As [`Policy::predict_masked`].
    ///
    /// # Panics
    /// If `obs` is not `streams.len()` rows.
    pub fn sample_with_log_prob(
        &mut self,
        obs: &[f32],
        mask: &[bool],
        streams: &[Stream],
    ) -> Result<(ActionBatch, Vec<f32>), Error> {
        self.check_mask(obs, mask)?;
        let actions = self.draw(obs, mask, |i| Some(streams[i].clone()));
        let log_prob = self.log_probs_of_heads(&actions);
        Ok((actions, log_prob))
    }

    /// `log pi(a|s)` of actions that somebody took, one number per row of the raw observations.
    /// The mask is as in [`Policy::predict_masked`].
    ///
    /// # Errors
    /// As [`Policy::predict_masked`].
    ///
    /// # Panics
    /// If `obs` is not a whole number of rows, or `actions` has another number of them.
    pub fn log_probs(
        &mut self,
        obs: &[f32],
        mask: &[bool],
        actions: &ActionBatch,
    ) -> Result<Vec<f32>, Error> {
        self.check_mask(obs, mask)?;
        self.forward(obs, mask);
        Ok(self.log_probs_of_heads(actions))
    }

    /// Take actions as they were drawn to the action space, as the environment receives them.
    pub fn take_to_space(&self, actions: &mut ActionBatch) {
        let width = self.model.dist.continuous().max(1);
        let drawn = actions.continuous.clone();
        let rows = drawn.chunks_exact(width).zip(actions.continuous.chunks_exact_mut(width));
        rows.for_each(|(sample, action)| self.model.to_space(sample, action));
    }

    fn act(
        &mut self,
        obs: &[f32],
        mask: &[bool],
        stream: impl Fn(usize) -> Option<Stream>,
    ) -> ActionBatch {
        let mut actions = self.draw(obs, mask, stream);
        self.take_to_space(&mut actions);
        actions
    }

    /// The heads of raw observations with their masks, into `self.heads`; returns the number of
    /// rows.
    fn forward(&mut self, obs: &[f32], mask: &[bool]) -> usize {
        let rows = self.encode(obs);
        self.heads.resize(rows * self.model.head_width(), 0.0);
        self.value.resize(rows, 0.0);
        let (model, weights, memory) = (&self.model, &self.weights, &mut self.memory);
        if model.memory_width() == 0 {
            self.inference.policy(model, weights, &self.seen, memory, &mut self.heads);
        } else {
            let out = (&mut self.heads[..], &mut self.value[..]);
            self.inference.ask(model, weights, &self.seen, memory, out);
        }
        self.advance();
        let dist = &self.model.dist;
        dist.mask_rows(mask.chunks_exact(dist.mask().max(1)), &mut self.heads);
        rows
    }

    fn draw(
        &mut self,
        obs: &[f32],
        mask: &[bool],
        stream: impl Fn(usize) -> Option<Stream>,
    ) -> ActionBatch {
        let rows = self.forward(obs, mask);
        let (dist, width) = (&self.model.dist, self.model.head_width());
        let (wd, wc) = (dist.discrete(), dist.continuous());
        let mut actions =
            ActionBatch { discrete: vec![0; rows * wd], continuous: vec![0.0; rows * wc] };
        for i in 0..rows {
            let y = &self.heads[i * width..(i + 1) * width];
            let row = ActionRowMut {
                discrete: &mut actions.discrete[i * wd..(i + 1) * wd],
                continuous: &mut actions.continuous[i * wc..(i + 1) * wc],
            };
            match stream(i) {
                Some(mut rng) => dist.sample(y, &mut rng, row),
                None => dist.mode(y, row),
            }
        }
        actions
    }

    /// `log pi(a|y)` with the heads of the last forward pass.
    fn log_probs_of_heads(&self, actions: &ActionBatch) -> Vec<f32> {
        let (dist, width) = (&self.model.dist, self.model.head_width());
        let (wd, wc) = (dist.discrete(), dist.continuous());
        let of_row = |(i, y): (usize, &[f32])| {
            let row = ActionRow {
                discrete: &actions.discrete[i * wd..(i + 1) * wd],
                continuous: &actions.continuous[i * wc..(i + 1) * wc],
            };
            dist.log_prob(y, row)
        };
        self.heads.chunks_exact(width).enumerate().map(of_row).collect()
    }

    /// Write all that acting needs to one safetensors file.
    ///
    /// # Errors
    /// If the file cannot be written; a file that was there before survives.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        file::write(path, &self.state()?)?;
        Ok(())
    }

    /// Read a policy that [`Policy::save`] wrote.
    ///
    /// # Errors
    /// If the file is missing, damaged or not a policy.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let state = file::read(path)?;
        let mismatch = |reason| StateError::Mismatch { path: path.to_owned(), reason };
        if state.get_meta::<String>("kind").is_ok_and(|kind| kind == KIND) {
            return Self::from_state(&state).map_err(|error| mismatch(error.to_string()).into());
        }
        let reason = "holds no policy (a checkpoint holds what training needs): name the run \
                      directory, or its policy.safetensors";
        Err(Error::Usage(mismatch(reason.into()).to_string()))
    }

    /// Everything as named tensors, one per entry of the network's layout.
    ///
    /// # Errors
    /// None in practice; building a [`State`] is checked.
    pub fn state(&self) -> Result<State, Error> {
        let mut state = State::new();
        state.put_meta("kind", KIND)?;
        state.put_meta("config", &self.config)?;
        if let Some(interface) = &self.interface {
            state.put_meta("interface", interface)?;
        }
        save_space(&mut state, "observation_space", &self.model.observation_space)?;
        save_space(&mut state, "action_space", &self.model.action_space)?;
        for entry in self.model.layout().entries() {
            let values = self.weights.theta[entry.range()].to_vec();
            state.put(&entry.name, &entry.shape, values)?;
        }
        self.normalizers.save(&mut state)?;
        Ok(state)
    }

    /// A policy from what [`Policy::state`] returned.
    ///
    /// # Errors
    /// If it is something else, or parts are missing or of another shape.
    pub fn from_state(state: &State) -> Result<Self, Error> {
        let config: Config = state.get_meta("config")?;
        let model = Model::build(
            &config,
            &load_space(state, "observation_space")?,
            &load_space(state, "action_space")?,
        )?;
        let mut theta = Buffer::zeros(model.layout().len());
        for entry in model.layout().entries() {
            theta[entry.range()].copy_from_slice(state.get::<f32>(&entry.name, &entry.shape)?);
        }
        let kernel = Kernel::detect();
        let weights = Weights::new(&model, theta, kernel);
        let mut normalizers = Normalizers::new(&config.normalize, model.frame.numbers());
        normalizers.load(state)?;
        let policy = Self::new(&config, model, weights, kernel, normalizers);
        Ok(policy.with_interface(state.get_meta("interface").ok()))
    }

    /// The settings of the environment that its episodes are played with: those of training, cut
    /// after `eval.longest` where there is no time limit. Also the length in agent steps at which
    /// only that ended an episode.
    pub(crate) fn episode_settings(&self, env: &dyn EnvFactory) -> (EnvSettings, Option<u32>) {
        let mut settings = self.config.env_settings(env.default_time_limit());
        let longest = self.config.eval.longest;
        let cut_at = settings.time_limit.is_none().then(|| longest.div_ceil(settings.frame_skip));
        settings.time_limit.get_or_insert(longest);
        (settings, cut_at)
    }

    /// An environment as the policy sees it: with the previous action and reward, if it was trained
    /// with them.
    ///
    /// # Errors
    /// If the policy cannot act there, because the spaces differ; both are named.
    pub fn as_seen<'a>(&self, env: &'a dyn EnvFactory) -> Result<WithPrevious<'a>, Error> {
        if env.id() == self.config.env.id {
            self.config.check_options(env)?;
        }
        let env = self.config.as_seen(env);
        let (obs, action) = (env.observation_space(), env.action_space());
        let own = &self.model;
        if obs == own.observation_space && action == own.action_space {
            return Ok(env);
        }
        // Spaces are written without their bounds.
        let shown = |obs: &Space, action: &Space| (obs.to_string(), action.to_string());
        let same = shown(&obs, &action) == shown(&own.observation_space, &own.action_space);
        let how = if same { ", within other bounds" } else { "" };
        Err(Error::Usage(format!(
            "the policy was made for observations {} and actions {} (of {}), but {} has {obs} and \
             {action}{how}",
            own.observation_space,
            own.action_space,
            self.config.env.id,
            env.id(),
        )))
    }
}

/// Where the frames before row `row` lie in the memory.
fn past_of(row: usize, model: &Model<f32>, past: &Past) -> std::ops::Range<usize> {
    let end = (row + 1) * (model.memory_width() + past.len());
    end - past.len()..end
}
