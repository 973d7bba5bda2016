//! A trained policy: everything that acting needs, and nothing of how it was trained.

use crate::Error;
use crate::config::Config;
use crate::dist::{ActionRowMut, Distribution, Widths};
use crate::model::{Inference, Model, Weights};
use crate::normalize::{Normalizers, ObsMap};
use crate::run::checkpoint;
use crate::run::state::{State, StateError};
use gradwerk_env::{EnvFactory, Space, mask};
use gradwerk_math::{Buffer, Kernel, Stream};
use std::path::Path;

/// A policy with its weights, its observation normaliser and the spaces it was made for.
#[derive(Clone, Debug)]
pub struct Policy {
    config: Config,
    model: Model<f32>,
    weights: Weights<f32>,
    obs_map: ObsMap,
    normalizers: Normalizers,
    seen: Vec<f32>,
    heads: Vec<f32>,
    inference: Inference<f32>,
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
        let obs_map = ObsMap::new(model.obs_width(), observations, config.normalize.clip);
        let inference = Inference::new(&model, kernel);
        let config = config.clone();
        Self {
            config,
            model,
            weights,
            obs_map,
            normalizers,
            seen: Vec::new(),
            heads: Vec::new(),
            inference,
        }
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

    /// Compute with other instructions from now on.
    pub fn set_kernel(&mut self, kernel: Kernel) {
        self.inference.kernel = kernel;
        self.weights.pack(&self.model, kernel);
    }

    /// The most probable actions for raw observations `[rows, d]`. An observation of a discrete
    /// space is one number, its index.
    ///
    /// # Panics
    /// If `obs` is not a whole number of rows, or an index is not one of the space.
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
    /// reward; `None` without a critic.
    ///
    /// # Panics
    /// If `obs` is not a whole number of rows.
    pub fn values(&mut self, obs: &[f32]) -> Option<Vec<f32>> {
        if !self.model.has_critic() {
            return None;
        }
        let mut values = vec![0.0; self.encode(obs)];
        self.inference.value(&self.model, &self.weights, &self.seen, &mut values);
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

    /// Encode raw observations into `self.seen`; returns the number of rows.
    fn encode(&mut self, obs: &[f32]) -> usize {
        let encoder = &self.model.encoder;
        let d = encoder.raw_width();
        assert_eq!(obs.len() % d, 0, "observations of {d} entries");
        let rows = obs.len() / d;
        self.seen.resize(rows * encoder.width(), 0.0);
        encoder.encode(&self.obs_map, obs, &mut self.seen);
        rows
    }

    fn act(
        &mut self,
        obs: &[f32],
        mask: &[bool],
        stream: impl Fn(usize) -> Option<Stream>,
    ) -> ActionBatch {
        let width = self.model.head_width();
        let rows = self.encode(obs);
        self.heads.resize(rows * width, 0.0);
        self.inference.policy(&self.model, &self.weights, &self.seen, &mut self.heads);
        let dist = &self.model.dist;
        dist.mask_rows(mask.chunks_exact(dist.mask().max(1)), &mut self.heads);
        let (wd, wc) = (dist.discrete(), dist.continuous());
        let mut actions =
            ActionBatch { discrete: vec![0; rows * wd], continuous: vec![0.0; rows * wc] };
        let mut sample = vec![0.0; wc];
        for i in 0..rows {
            let y = &self.heads[i * width..(i + 1) * width];
            let discrete = &mut actions.discrete[i * wd..(i + 1) * wd];
            let row = ActionRowMut { discrete, continuous: &mut sample };
            match stream(i) {
                Some(mut rng) => dist.sample(y, &mut rng, row),
                None => dist.mode(y, row),
            }
            self.model.to_space(&sample, &mut actions.continuous[i * wc..(i + 1) * wc]);
        }
        actions
    }

    /// Write all that acting needs to one safetensors file.
    ///
    /// # Errors
    /// If the file cannot be written; a file that was there before survives.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        checkpoint::write(path, &self.state()?)?;
        Ok(())
    }

    /// Read a policy that [`Policy::save`] wrote.
    ///
    /// # Errors
    /// If the file is missing, damaged or not a policy.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let state = checkpoint::read(path)?;
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
        let mut normalizers = Normalizers::new(&config.normalize, model.obs_width());
        normalizers.load(state)?;
        Ok(Self::new(&config, model, weights, kernel, normalizers))
    }

    /// Check that the policy can act in an environment.
    ///
    /// # Errors
    /// If the spaces differ; both are named.
    pub fn check_env(&self, env: &dyn EnvFactory) -> Result<(), Error> {
        let (obs, action) = (env.observation_space(), env.action_space());
        let own = &self.model;
        if obs == own.observation_space && action == own.action_space {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "the policy was made for observations {} and actions {} (of {}), but {} has {obs} and {action}",
            own.observation_space,
            own.action_space,
            self.config.env.id,
            env.id(),
        )))
    }
}

/// A space under `name`: its kind, then its numbers or its entries. Bounds may be infinite, which
/// JSON cannot say: they are tensors.
fn save_space(state: &mut State, name: &str, space: &Space) -> Result<(), StateError> {
    let numbers = |n: &[usize]| n.iter().map(|&n| n as u64).collect::<Vec<u64>>();
    let kind = match space {
        Space::Discrete { n } => {
            state.put_vector(&format!("{name}.n"), numbers(&[*n]))?;
            "discrete"
        }
        Space::Box { low, high } => {
            state.put_vector(&format!("{name}.low"), low.clone())?;
            state.put_vector(&format!("{name}.high"), high.clone())?;
            "box"
        }
        Space::MultiDiscrete { n } => {
            state.put_vector(&format!("{name}.n"), numbers(n))?;
            "multi-discrete"
        }
        Space::MultiBinary { n } => {
            state.put_vector(&format!("{name}.n"), numbers(&[*n]))?;
            "multi-binary"
        }
        Space::Dict(_) => "dict",
        Space::Tuple(_) => "tuple",
    };
    state.put_meta(&format!("{name}.kind"), kind)?;
    let entries = space.entries();
    if entries.is_empty() {
        return Ok(());
    }
    let names: Vec<&String> = entries.iter().map(|(entry, _)| entry).collect();
    state.put_meta(&format!("{name}.entries"), &names)?;
    entries
        .iter()
        .try_for_each(|(entry, space)| save_space(state, &format!("{name}.{entry}"), space))
}

fn load_space(state: &State, name: &str) -> Result<Space, StateError> {
    let numbers = || -> Result<Vec<usize>, StateError> {
        let n = state.get_any::<u64>(&format!("{name}.n"))?.1;
        Ok(n.iter().map(|&n| n as usize).collect())
    };
    let entries = || -> Result<Vec<(String, Space)>, StateError> {
        let names: Vec<String> = state.get_meta(&format!("{name}.entries"))?;
        let load = |entry: String| {
            let space = load_space(state, &format!("{name}.{entry}"))?;
            Ok((entry, space))
        };
        names.into_iter().map(load).collect()
    };
    let kind: String = state.get_meta(&format!("{name}.kind"))?;
    Ok(match kind.as_str() {
        "discrete" => Space::Discrete { n: numbers()?.iter().sum() },
        "multi-discrete" => Space::MultiDiscrete { n: numbers()? },
        "multi-binary" => Space::MultiBinary { n: numbers()?.iter().sum() },
        "dict" => Space::Dict(entries()?),
        "tuple" => Space::Tuple(entries()?.into_iter().map(|(_, space)| space).collect()),
        _ => {
            let low = state.get_any::<f32>(&format!("{name}.low"))?.1.to_vec();
            let high = state.get::<f32>(&format!("{name}.high"), &[low.len()])?.to_vec();
            Space::Box { low, high }
        }
    })
}
