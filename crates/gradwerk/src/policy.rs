//! A trained policy: everything that acting needs, and nothing of how it was trained.

use crate::Error;
use crate::config::Config;
use crate::dist::{ActionRowMut, Distribution, Widths};
use crate::model::{Inference, Model, Weights};
use crate::normalize::{Normalizers, ObsMap};
use crate::run::checkpoint;
use crate::run::state::{State, StateError};
use gradwerk_env::{EnvFactory, Space};
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
        self.act(obs, |_| None)
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
        self.act(obs, |i| Some(streams[i].clone()))
    }

    /// Encode raw observations into `self.seen`; returns the number of rows.
    fn encode(&mut self, obs: &[f32]) -> usize {
        let encoder = self.model.encoder;
        let d = encoder.raw_width();
        assert_eq!(obs.len() % d, 0, "observations of {d} entries");
        let rows = obs.len() / d;
        self.seen.resize(rows * encoder.width(), 0.0);
        encoder.encode(&self.obs_map, obs, &mut self.seen);
        rows
    }

    fn act(&mut self, obs: &[f32], stream: impl Fn(usize) -> Option<Stream>) -> ActionBatch {
        let width = self.model.head_width();
        let rows = self.encode(obs);
        self.heads.resize(rows * width, 0.0);
        self.inference.policy(&self.model, &self.weights, &self.seen, &mut self.heads);
        let dist = &self.model.dist;
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
        self.model.clip_to_space(&mut actions.continuous);
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

/// Bounds may be infinite, which JSON cannot say: they are tensors.
fn save_space(state: &mut State, name: &str, space: &Space) -> Result<(), StateError> {
    match space {
        Space::Discrete { n } => state.put_vector(&format!("{name}.n"), vec![*n as u64]),
        Space::Image { channels, height, width } => {
            let shape = [channels, height, width].map(|n| *n as u64);
            state.put_vector(&format!("{name}.image"), shape.to_vec())
        }
        Space::Box { low, high } => {
            state.put_vector(&format!("{name}.low"), low.clone())?;
            state.put_vector(&format!("{name}.high"), high.clone())
        }
    }
}

fn load_space(state: &State, name: &str) -> Result<Space, StateError> {
    if let Ok(n) = state.get::<u64>(&format!("{name}.n"), &[1]) {
        return Ok(Space::Discrete { n: n[0] as usize });
    }
    if let Ok(shape) = state.get::<u64>(&format!("{name}.image"), &[3]) {
        let [channels, height, width] = [0, 1, 2].map(|k| shape[k] as usize);
        return Ok(Space::Image { channels, height, width });
    }
    let low = state.get_any::<f32>(&format!("{name}.low"))?.1.to_vec();
    let high = state.get::<f32>(&format!("{name}.high"), &[low.len()])?.to_vec();
    Ok(Space::Box { low, high })
}
