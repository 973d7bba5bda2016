//! The agent as a function: head outputs `y = f_theta(s)` of the policy and the value `V(s)`.

mod lanes;

pub use lanes::Lanes;

use crate::Error;
use crate::config::{Config, Invalid, in_section};
use crate::dist::{AnyDist, Distribution, Widths};
use crate::encode::Encoder;
use crate::frame::Frame;
use crate::rollout::{Inputs, Rollout};
use gradwerk_env::Space;
use gradwerk_math::Kernel;
use gradwerk_nn::{
    ActorCritic, Buffer, Engine, Layout, Memory, NetworkConfig, Params, Rows, Shape, TILE,
};
use std::sync::Arc;

/// The policy and value networks with the distribution that reads the policy's outputs.
#[derive(Clone, Debug)]
pub struct Model<E: Engine> {
    /// The networks over one flat parameter vector.
    pub net: Arc<ActorCritic<E>>,
    /// The action distribution.
    pub dist: AnyDist,
    /// From raw observations to frames, of which the networks' inputs are stacks.
    pub encoder: Encoder,
    /// How a frame is kept.
    pub frame: Frame,
    /// Frames of a stack: the last observations that the networks see.
    pub frames: usize,
    /// The space of raw observations.
    pub observation_space: Space,
    /// The space of actions.
    pub action_space: Space,
    /// Bounds of the continuous action components.
    pub action_bounds: (Vec<f32>, Vec<f32>),
    /// Entries of an action mask; 0 where the environment has none.
    pub mask_width: usize,
    /// Longest sequence that is differentiated through; none without memory.
    segment: Option<usize>,
    rebuilds_memory: bool,
}

impl<E: Engine> Model<E> {
    /// The networks and the distribution that the configuration asks for on these spaces.
    ///
    /// # Errors
    /// If they do not go together.
    pub fn build(config: &Config, observation: &Space, action: &Space) -> Result<Self, Error> {
        let unfit = |e| Invalid::new("policy.kind", config.policy.name(), format!("{e}"));
        let dist = config.policy.build(action).map_err(unfit)?;
        let frames = config.env.frame_stack;
        let (low, high) = input_bounds(config, observation);
        let encoder = Encoder::of(observation);
        let frame = encoder.frame();
        encoder.check_normalization(config.normalize.observations)?;
        if let (NetworkConfig::Tabular(_), 2..) = (&config.network, frames) {
            let reason = "must be 1 with network tabular, which looks one state up";
            return Err(Invalid::new("env.frame_stack", frames, reason).into());
        }
        let mut shape = Shape {
            inputs: frames * frame.width(),
            images: frame.images(frames),
            choices: frame.choices(frames, &encoder.choices()),
            outputs: dist.head().network,
            free: 0,
            log_std: dist.head().init,
            features: dist.head().features > 0,
            value: config.has_critic(),
            low: frame.repeat(frames, &low),
            high: frame.repeat(frames, &high),
            memory: config.memory.clone(),
        };
        let dist = if shape.features {
            let width = config.network.feature_width(&shape).map_err(in_section("network"))?;
            dist.with_features(width)
        } else {
            dist
        };
        let head = dist.head();
        shape.free = head.free;
        let net: ActorCritic<E> = config.network.build(&shape).map_err(in_section("network"))?;
        let is_bias = |name: &str| name.starts_with("policy.") && name.ends_with(".bias");
        let has_bias = net.layout().entries().iter().any(|entry| is_bias(&entry.name));
        if head.free == 0 && head.bias_from < head.network && head.init != 0.0 && !has_bias {
            let reason = format!(
                "must be 0 with network {}, whose deviations have no bias to start from",
                config.network.name()
            );
            return Err(Invalid::new("policy.log_std_init", head.init, reason).into());
        }
        Ok(Self {
            net: Arc::new(net),
            dist,
            encoder,
            frame,
            frames,
            observation_space: observation.clone(),
            action_space: action.clone(),
            action_bounds: action.action_bounds(),
            mask_width: 0,
            segment: config.memory.segment(),
            rebuilds_memory: config.memory.rebuilds(),
        })
    }

    /// This model for an environment that masks actions.
    ///
    /// # Errors
    /// If its distribution knows no masks.
    pub fn with_masks(self) -> Result<Self, Error> {
        let mask_width = self.dist.mask();
        if mask_width > 0 {
            return Ok(Self { mask_width, ..self });
        }
        let reason =
            "the environment masks actions, which this policy cannot: must be one that can";
        Err(Invalid::new("policy.kind", self.dist.name(), reason).into())
    }

    /// First parameters, keyed by `seed`.
    #[must_use]
    pub fn init(&self, seed: u64) -> Buffer<E> {
        let mut theta = Buffer::zeros(self.layout().len());
        self.layout().init(seed, &mut theta);
        let head = self.dist.head();
        let is_bias = |name: &str| name.starts_with("policy.") && name.ends_with(".bias");
        let bias = self.layout().entries().iter().rfind(|entry| is_bias(&entry.name));
        if let Some(bias) = bias.filter(|_| head.free == 0) {
            theta[bias.range()][head.bias_from..].fill(E::from_f64(head.init));
        }
        theta
    }

    /// Names and places of the parameters.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.net.layout()
    }

    /// Inputs of the networks: the entries of `frames` encoded observations, stacked as
    /// [`Frame`] says. Rollouts keep one at a time; a raw one has `encoder.raw_width()` entries.
    #[must_use]
    pub fn obs_width(&self) -> usize {
        self.net.inputs()
    }

    /// Numbers per row of the policy's output.
    #[must_use]
    pub fn head_width(&self) -> usize {
        self.net.policy_outputs()
    }

    /// Numbers that the networks remember from step to step; 0 without memory.
    #[must_use]
    pub fn memory_width(&self) -> usize {
        self.net.memory_len()
    }

    /// Room for up to `t` steps of `n` environments.
    #[must_use]
    pub fn rollout(&self, t: usize, n: usize) -> Rollout<E> {
        Rollout::new(t, n, 0, self.dist.discrete(), self.dist.continuous())
            .with_frame(self.frame.clone())
            .with_earlier(self.frames - 1)
            .with_masks(self.mask_width)
            .with_memory(self.memory_width())
    }

    /// Longest sequence that is differentiated through; none without memory.
    #[must_use]
    pub fn segment(&self) -> Option<usize> {
        self.segment
    }

    /// Whether passes over a batch begin from what the present parameters would remember.
    #[must_use]
    pub fn rebuilds_memory(&self) -> bool {
        self.rebuilds_memory
    }

    /// Whether there is a value function.
    #[must_use]
    pub fn has_critic(&self) -> bool {
        self.net.has_value()
    }

    /// Whether values are best asked for when the policy is: they read the same features, or go on
    /// from a memory.
    #[must_use]
    pub fn evaluates_with_policy(&self) -> bool {
        self.has_critic() && (self.net.is_shared() || self.memory_width() > 0)
    }

    /// Write the continuous part of an action as the environment takes it: what the distribution
    /// makes of a sample, clipped to the space.
    pub fn to_space(&self, sample: &[f32], action: &mut [f32]) {
        Distribution::<f32>::to_space(&self.dist, sample, action);
        let (low, high) = &self.action_bounds;
        for ((a, &low), &high) in action.iter_mut().zip(low).zip(high) {
            *a = a.clamp(low, high);
        }
    }
}

/// Clip rows of continuous actions to the boxes of a space.
pub(crate) fn clip_to_space(space: &Space, actions: &mut [f32]) {
    let (low, high) = space.action_bounds();
    for row in actions.chunks_exact_mut(low.len().max(1)) {
        for ((a, &low), &high) in row.iter_mut().zip(&low).zip(&high) {
            *a = a.clamp(low, high);
        }
    }
}

/// Bounds of what the network sees of a frame, entry by entry: those of the space, of a one-hot row, bits or
/// pixels, or of the normaliser's clip.
fn input_bounds(config: &Config, observation: &Space) -> (Vec<f32>, Vec<f32>) {
    let clip = config.normalize.clip as f32;
    let (mut all_low, mut all_high) = (Vec::new(), Vec::new());
    for leaf in observation.leaves() {
        let width = Encoder::of(leaf).width();
        let (low, high) = match leaf {
            Space::Box { .. } if config.normalize.observations => {
                (vec![-clip; width], vec![clip; width])
            }
            Space::Box { low, high } => (low.clone(), high.clone()),
            _ => (vec![0.0; width], vec![1.0; width]),
        };
        all_low.extend(low);
        all_high.extend(high);
    }
    (all_low, all_high)
}

/// The parameters, and the form in which the kernels read them.
#[derive(Clone, Debug)]
pub struct Weights<E> {
    /// The flat parameter vector.
    pub theta: Buffer<E>,
    packed: Buffer<E>,
}

impl<E: Engine> Weights<E> {
    /// Weights of `model` with the given parameters.
    #[must_use]
    pub fn new(model: &Model<E>, theta: Buffer<E>, kernel: Kernel) -> Self {
        let mut weights = Self { theta, packed: Buffer::zeros(model.net.packed_len()) };
        weights.pack(model, kernel);
        weights
    }

    /// To be called after every change of `theta`.
    pub fn pack(&mut self, model: &Model<E>, kernel: Kernel) {
        model.net.pack(kernel, &self.theta, &mut self.packed);
    }

    /// As the networks read them.
    #[must_use]
    pub fn params(&self) -> Params<'_, E> {
        Params { theta: &self.theta, packed: &self.packed }
    }
}

/// Forward passes tile by tile, with memory of its own.
#[derive(Clone, Debug)]
pub struct Inference<E> {
    /// Instructions to use.
    pub kernel: Kernel,
    cache: Buffer<E>,
    /// A tile as the network reads it, of observations that are kept in another form.
    tile: Buffer<E>,
}

impl<E: Engine> Inference<E> {
    /// Memory for tiles of `model`.
    #[must_use]
    pub fn new(model: &Model<E>, kernel: Kernel) -> Self {
        let kept_otherwise = model.frame.pixels() > 0 || model.frames > 1;
        let tile = if kept_otherwise { TILE * model.obs_width() } else { 0 };
        Self { kernel, cache: Buffer::zeros(model.net.cache_len(TILE)), tile: Buffer::zeros(tile) }
    }

    /// Policy outputs `[rows, head_width]` of observations `[rows, d]`; `memory` has as many rows
    /// that begin with what is remembered, before them and then after.
    pub fn policy<'a>(
        &mut self,
        model: &Model<E>,
        weights: &Weights<E>,
        obs: impl Into<Inputs<'a, E>>,
        memory: &mut [E],
        y: &mut [E],
    ) {
        self.ask(model, weights, obs, memory, (y, &mut []));
    }

    /// Values `[rows]` of observations `[rows, d]`; `memory` as in [`Inference::policy`].
    pub fn value<'a>(
        &mut self,
        model: &Model<E>,
        weights: &Weights<E>,
        obs: impl Into<Inputs<'a, E>>,
        memory: &mut [E],
        v: &mut [E],
    ) {
        self.ask(model, weights, obs, memory, (&mut [], v));
    }

    /// Both, as in [`Inference::policy`] and [`Inference::value`]; one that is empty is not asked
    /// for. Without a value function `v` stays as it is.
    pub fn ask<'a>(
        &mut self,
        model: &Model<E>,
        weights: &Weights<E>,
        obs: impl Into<Inputs<'a, E>>,
        memory: &mut [E],
        (y, v): (&mut [E], &mut [E]),
    ) {
        let (net, params, kernel) = (&model.net, weights.params(), self.kernel);
        let outputs = if y.is_empty() { 0 } else { model.head_width() };
        let values = usize::from(model.has_critic() && !v.is_empty());
        self.tiles(model, obs.into(), memory, |x, tile, rows, memory, cache| {
            let y = &mut y[tile * outputs..][..rows.count * outputs];
            let v = &mut v[tile * values..][..rows.count * values];
            match (outputs, values) {
                (0, _) => net.forward_value(kernel, params, x, rows, memory, cache, v),
                (_, 0) => net.forward_policy(kernel, params, x, rows, memory, cache, y),
                _ => net.forward(kernel, params, x, rows, memory, cache, y, v),
            }
        });
    }

    /// Run `forward(x, first row, rows, memory, cache)` tile by tile.
    fn tiles(
        &mut self,
        model: &Model<E>,
        obs: Inputs<'_, E>,
        memory: &mut [E],
        mut forward: impl FnMut(&[E], usize, Rows<'_>, Memory<'_, E>, &mut [E]),
    ) {
        let d = model.obs_width();
        let all = obs.len() / d;
        let stride = memory.len() / all.max(1);
        for tile in (0..all).step_by(TILE) {
            let rows = TILE.min(all - tile);
            let data = &mut memory[tile * stride..(tile + rows) * stride];
            let memory = Memory { data, stride };
            match obs.part(tile * d..(tile + rows) * d) {
                Inputs::Numbers(x) => forward(x, tile, rows.into(), memory, &mut self.cache),
                others => {
                    let x = &mut self.tile[..rows * d];
                    others.fill(x);
                    forward(x, tile, rows.into(), memory, &mut self.cache);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::{DistConfig, GaussianConfig};
    use gradwerk_nn::NetworkConfig;

    fn built(network: &str, log_std_init: f64, observation: &Space) -> Result<Model<f32>, Error> {
        let network = NetworkConfig::named(network).unwrap();
        let policy =
            DistConfig::Gaussian(GaussianConfig { log_std_init, state_dependent_std: true });
        let config = Config { network, policy, ..Config::default() };
        Model::build(&config, observation, &Space::uniform_box(1, -1.0, 1.0))
    }

    #[test]
    fn feature_maps_get_the_bounds_of_what_they_see() {
        let mut config = Config::default();
        let space = Space::symmetric_box(&[2.0, f32::INFINITY]);
        let infinite = vec![2.0, f32::INFINITY];
        assert_eq!(input_bounds(&config, &space), (vec![-2.0, f32::NEG_INFINITY], infinite));
        config.normalize.observations = true;
        config.normalize.clip = 5.0;
        assert_eq!(input_bounds(&config, &space), (vec![-5.0; 2], vec![5.0; 2]));
    }

    #[test]
    fn a_deviation_without_a_bias_cannot_start_elsewhere() {
        let space = Space::uniform_box(2, 0.0, 1.0);
        assert!(built("fourier", 0.5, &space).is_ok() && built("tile-coding", 0.0, &space).is_ok());
        for network in ["tile-coding", "tabular"] {
            let error = built(network, 0.5, &space).unwrap_err().to_string();
            let expected = format!("policy.log_std_init = 0.5: must be 0 with network {network}");
            assert!(error.starts_with(&expected), "{error}");
        }
        let error = built("fourier", 0.5, &Space::uniform_box(1, 0.0, f32::INFINITY)).unwrap_err();
        assert!(error.to_string().starts_with("network.high[0] = inf: entry 0"), "{error}");
    }
}
