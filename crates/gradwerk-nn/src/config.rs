//! Settings of networks, and the one list of all kinds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chain::Chain;
use crate::conv::{ImpalaConfig, NatureCnnConfig, SmallCnnConfig};
use crate::embedding::{self, Embedding};
use crate::features::{
    FourierConfig, PolynomialConfig, RbfConfig, TabularConfig, TileCodingConfig,
};
use crate::{
    Activation, ActorCritic, Engine, Init, MemoryConfig, Mlp, MlpSpec, Network, NnError, Shape,
};

/// How weights get their first values; biases start at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitScheme {
    /// Random orthogonal matrices (Saxe et al. 2014).
    #[default]
    Orthogonal,
    /// Uniform with variance gain^2 / inputs (LeCun et al. 1998).
    FanIn,
}

impl InitScheme {
    pub(crate) fn with(self, gain: f64) -> Init {
        match self {
            Self::Orthogonal => Init::Orthogonal { gain },
            Self::FanIn => Init::FanIn { gain },
        }
    }
}

/// Hidden layers with a nonlinearity (multilayer perceptron).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Widths of the policy's hidden layers (of the common ones if `shared`).
    pub hidden: Vec<usize>,
    /// Widths of the value function's hidden layers; as `hidden` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_hidden: Option<Vec<usize>>,
    /// Nonlinearity after every hidden layer.
    pub activation: Activation,
    /// Numbers that each choice of the observation (`Discrete`, `MultiDiscrete`) is embedded in: a
    /// learned vector per value. 0 shows choices one-hot.
    pub embedding: usize,
    /// Whether policy and value function have their hidden layers and memory in common.
    pub shared: bool,
    /// How weights get their first values.
    pub init: InitScheme,
    /// Gain of the first weights of hidden layers; left out, the square root of 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_gain: Option<f64>,
    /// Gain of the first weights of the policy's last layer; small ones start near the uniform or
    /// zero-mean policy.
    pub policy_gain: f64,
    /// Gain of the first weights of the value function's last layer.
    pub value_gain: f64,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            hidden: vec![64, 64],
            value_hidden: None,
            activation: Activation::Tanh,
            embedding: 0,
            shared: false,
            init: InitScheme::Orthogonal,
            hidden_gain: None,
            policy_gain: 0.01,
            value_gain: 1.0,
        }
    }
}

/// One linear layer each: policy and value are linear in the observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearConfig {
    /// How weights get their first values.
    pub init: InitScheme,
    /// Gain of the policy's first weights.
    pub policy_gain: f64,
    /// Gain of the value function's first weights.
    pub value_gain: f64,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self { init: InitScheme::Orthogonal, policy_gain: 0.01, value_gain: 1.0 }
    }
}

/// What every kind of network offers to the list.
pub(crate) trait Kind {
    /// Whether a memory fits behind its hidden layers.
    const TAKES_MEMORY: bool = false;
    /// Whether there is something dense that the policy's last layer reads.
    const HAS_FEATURES: bool = true;
    /// Numbers that each choice of the observation is embedded in; 0 for none.
    fn embedding(&self) -> usize {
        0
    }
    /// Whether the settings make sense for any task.
    fn validate(&self) -> Result<(), NnError>;
    /// Build the network, or name the setting that does not fit the task.
    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError>;
}

/// The list of networks: a name, a variant and the type of its settings per line.
macro_rules! networks {
    ($($(#[$doc:meta])* $name:literal => $variant:ident($config:ident),)+) => {
        /// Which network, and its settings.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum NetworkConfig {
            $($(#[$doc])* #[serde(rename = $name)] $variant($config),)+
        }

        /// Names of all networks.
        pub const NETWORKS: &[&str] = &[$($name),+];

        impl NetworkConfig {
            /// The network of that name with default settings.
            ///
            /// # Errors
            /// If there is none; the message lists all names.
            pub fn named(name: &str) -> Result<Self, NnError> {
                match name {
                    $($name => Ok(Self::$variant($config::default())),)+
                    _ => Err(NnError::unknown("network", name, NETWORKS)),
                }
            }

            /// Its name in the list.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// Whether all settings make sense.
            ///
            /// # Errors
            /// Names the first field that does not, its value and what it must be.
            pub fn validate(&self) -> Result<(), NnError> {
                match self { $(Self::$variant(config) => config.validate(),)+ }
            }

            /// Whether the network can have a memory.
            #[must_use]
            pub fn takes_memory(&self) -> bool {
                match self { $(Self::$variant(_) => $config::TAKES_MEMORY,)+ }
            }

            /// Whether the policy can put out its last hidden features ([`Shape::features`]).
            #[must_use]
            pub fn has_features(&self) -> bool {
                match self { $(Self::$variant(_) => $config::HAS_FEATURES,)+ }
            }

            /// Numbers that each choice of the observation is embedded in; 0 shows it one-hot.
            #[must_use]
            pub fn embedding(&self) -> usize {
                match self { $(Self::$variant(config) => config.embedding(),)+ }
            }

            /// Build the network for a task.
            ///
            /// # Errors
            /// As [`NetworkConfig::validate`] and [`MemoryConfig::validate`]; if `shape` has no
            /// inputs or outputs, or no choice to embed; if a feature map lacks finite bounds or
            /// would have too many features; if the network cannot have a memory, or has no
            /// features to put out.
            pub fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
                self.validate()?;
                self.fits(&shape.memory)?;
                self.can_show(shape.features)?;
                self.can_embed(shape)?;
                at_least_one("inputs", shape.inputs)?;
                at_least_one("outputs", shape.outputs)?;
                finite("log_std", shape.log_std)?;
                match self { $(Self::$variant(config) => config.build(shape),)+ }
            }
        }
    };
}

networks! {
    /// Hidden layers with a nonlinearity.
    "mlp" => Mlp(MlpConfig),
    /// Linear in the observation.
    "linear" => Linear(LinearConfig),
    /// Linear in products of powers of the observation's entries.
    "polynomial" => Polynomial(PolynomialConfig),
    /// Linear in cosines of the observation (Fourier basis).
    "fourier" => Fourier(FourierConfig),
    /// Linear in bumps around centres (radial basis functions).
    "rbf" => Rbf(RbfConfig),
    /// Linear in the tiles that the observation lies in (tile coding).
    "tile-coding" => TileCoding(TileCodingConfig),
    /// A table with one row of outputs per state.
    "tabular" => Tabular(TabularConfig),
    /// Three convolutions and a dense layer for images of about 84x84.
    "nature-cnn" => NatureCnn(NatureCnnConfig),
    /// Residual convolutions for images.
    "impala" => Impala(ImpalaConfig),
    /// Small convolutions for images of about 10x10.
    "small-cnn" => SmallCnn(SmallCnnConfig),
}

/// Names of the networks that are `able`, comma separated.
fn names_of(able: fn(&NetworkConfig) -> bool) -> String {
    let is = |name: &str| NetworkConfig::named(name).is_ok_and(|kind| able(&kind));
    NETWORKS.iter().copied().filter(|name| is(name)).collect::<Vec<_>>().join(", ")
}

impl NetworkConfig {
    /// `Ok` if the network can have that memory.
    fn fits(&self, memory: &MemoryConfig) -> Result<(), NnError> {
        memory.validate()?;
        if memory.is_none() || self.takes_memory() {
            return Ok(());
        }
        let (network, able) = (self.name(), names_of(Self::takes_memory));
        let why = format!("the network {network} cannot have a memory; those that can are {able}");
        Err(NnError::setting("memory.kind", memory.name(), why))
    }

    /// `Ok` unless features are asked for that the network has not.
    fn can_show(&self, features: bool) -> Result<(), NnError> {
        if !features || self.has_features() {
            return Ok(());
        }
        let able = names_of(Self::has_features);
        let why = format!("has no hidden features for the policy; those that have are {able}");
        Err(NnError::setting("kind", self.name(), why))
    }

    /// `Ok` unless choices are to be embedded where there are none.
    fn can_embed(&self, shape: &Shape) -> Result<(), NnError> {
        if self.embedding() == 0 || !shape.choices.is_empty() {
            return Ok(());
        }
        let why = "must be 0, for the observation has no Discrete or MultiDiscrete entry to embed";
        Err(NnError::setting("embedding", self.embedding(), why))
    }

    /// How many hidden features the policy puts out where they are asked for
    /// ([`Shape::features`]): the width of what its last layer reads.
    ///
    /// # Errors
    /// As [`NetworkConfig::build`].
    pub fn feature_width(&self, shape: &Shape) -> Result<usize, NnError> {
        let shape = Shape { outputs: 1, free: 0, features: true, ..shape.clone() };
        Ok(self.build::<f32>(&shape)?.policy_outputs() - 1)
    }

    /// Whether policy and value function have layers in common.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Mlp(config) => config.shared,
            Self::NatureCnn(config) => config.shared,
            Self::Impala(config) => config.shared,
            Self::SmallCnn(config) => config.shared,
            Self::Linear(_)
            | Self::Polynomial(_)
            | Self::Fourier(_)
            | Self::Rbf(_)
            | Self::TileCoding(_)
            | Self::Tabular(_) => false,
        }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self::Mlp(MlpConfig::default())
    }
}

pub(crate) fn at_least_one(field: &str, value: usize) -> Result<(), NnError> {
    if value == 0 { Err(NnError::setting(field, value, "must be at least 1")) } else { Ok(()) }
}

fn finite(field: &str, value: f64) -> Result<(), NnError> {
    if value.is_finite() { Ok(()) } else { Err(NnError::setting(field, value, "must be finite")) }
}

fn gain(field: &str, value: f64) -> Result<(), NnError> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(NnError::setting(field, value, "must be finite and not negative"))
    }
}

/// Widest layer: a wider one is a slip of the hand, not a network for a CPU.
const MAX_WIDTH: usize = 65_536;

pub(crate) fn widths(field: &str, widths: &[usize]) -> Result<(), NnError> {
    match widths.iter().position(|w| !(1..=MAX_WIDTH).contains(w)) {
        Some(i) => {
            Err(NnError::setting(format!("{field}[{i}]"), widths[i], "must be from 1 to 65536"))
        }
        None => Ok(()),
    }
}

impl Kind for MlpConfig {
    const TAKES_MEMORY: bool = true;

    fn embedding(&self) -> usize {
        self.embedding
    }

    fn validate(&self) -> Result<(), NnError> {
        embedding::validate(self.embedding)?;
        widths("hidden", &self.hidden)?;
        widths("value_hidden", self.value_hidden.as_deref().unwrap_or_default())?;
        gain("hidden_gain", self.hidden_gain.unwrap_or(1.0))?;
        gain("policy_gain", self.policy_gain)?;
        gain("value_gain", self.value_gain)?;
        if let (true, Some(widths)) = (self.shared, &self.value_hidden) {
            let value = format!("{widths:?}");
            return Err(NnError::setting("value_hidden", value, "must be left out if shared"));
        }
        Ok(())
    }

    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
        if self.shared && self.hidden.is_empty() && shape.memory.is_none() {
            return Err(NnError::setting("hidden", "[]", "needs a layer or a memory to be shared"));
        }
        if self.embedding == 0 {
            return Ok(self.network(shape, &Vec::new));
        }
        let embed = || Embedding::new(&shape.choices, 0..shape.inputs, self.embedding);
        let embed = || embed().expect("a choice to embed");
        let inputs = Network::<E>::outputs(&embed());
        let front = || -> Parts<E> { vec![("embedding", Box::new(embed()))] };
        Ok(self.network(&Shape { inputs, ..shape.clone() }, &front))
    }
}

/// Networks in a row, with their names.
pub(crate) type Parts<E> = Vec<(&'static str, Box<dyn Network<E>>)>;

impl MlpConfig {
    /// Policy and value function, with common hidden layers if `shared`, else with some of their
    /// own; `front` makes what comes before the hidden layers (embeddings, convolutions).
    pub(crate) fn network<E: Engine>(
        &self,
        shape: &Shape,
        front: &dyn Fn() -> Parts<E>,
    ) -> ActorCritic<E> {
        if !self.shared {
            return self.branches(shape, None, front);
        }
        let hidden = MlpSpec { outputs: None, ..self.policy(shape) };
        let trunk = self.join(front(), hidden, &Shape { features: false, ..shape.clone() });
        let memory = MemoryConfig::default();
        let behind = Shape { inputs: trunk.outputs(), memory, ..shape.clone() };
        let heads = Self { hidden: Vec::new(), ..self.clone() };
        heads.branches(&behind, Some(trunk), &Vec::new)
    }

    /// First weights of hidden layers.
    pub(crate) fn hidden_init(&self) -> Init {
        self.init.with(self.hidden_gain.unwrap_or(std::f64::consts::SQRT_2))
    }

    /// Hidden layers and the policy's head.
    fn policy(&self, shape: &Shape) -> MlpSpec {
        MlpSpec {
            inputs: shape.inputs,
            hidden: self.hidden.clone(),
            outputs: Some(shape.outputs),
            free: None,
            activation: self.activation,
            hidden_init: self.hidden_init(),
            output_init: self.init.with(self.policy_gain),
        }
    }

    /// Policy and value function with hidden layers and memories of their own.
    fn branches<E: Engine>(
        &self,
        shape: &Shape,
        trunk: Option<Box<dyn Network<E>>>,
        front: &dyn Fn() -> Parts<E>,
    ) -> ActorCritic<E> {
        let policy = MlpSpec { free: shape.free_outputs(), ..self.policy(shape) };
        let value = MlpSpec {
            hidden: self.value_hidden.clone().unwrap_or_else(|| self.hidden.clone()),
            outputs: Some(1),
            output_init: self.init.with(self.value_gain),
            ..self.policy(shape)
        };
        let policy = self.join(front(), policy, shape);
        let plain = Shape { features: false, ..shape.clone() };
        ActorCritic::new(trunk, policy, shape.value.then(|| self.join(front(), value, &plain)))
    }

    /// `front`, the hidden layers, the memory and the last layer of `spec` (with what it reads
    /// behind its outputs, if `shape` asks for it), as far as there are any; dense layers alone
    /// have no name before theirs.
    fn join<E: Engine>(
        &self,
        front: Parts<E>,
        spec: MlpSpec,
        shape: &Shape,
    ) -> Box<dyn Network<E>> {
        if shape.memory.is_none() && !shape.features {
            return join_dense(front, spec);
        }
        let (mut parts, inputs) = self.hidden_parts(front, &spec, shape);
        if spec.outputs.is_some() {
            let head = Mlp::new(&MlpSpec { inputs, hidden: Vec::new(), ..spec });
            let head = shape.policy_head(head);
            if parts.is_empty() {
                return head;
            }
            parts.push(("head", head));
        }
        Box::new(Chain::new(parts))
    }

    /// `front`, the hidden layers and the memory, as far as there are any, and the width of what
    /// they put out.
    fn hidden_parts<E: Engine>(
        &self,
        front: Parts<E>,
        spec: &MlpSpec,
        shape: &Shape,
    ) -> (Parts<E>, usize) {
        let mut parts = front;
        let mut inputs = spec.inputs;
        if let Some(&width) = spec.hidden.last() {
            let hidden = MlpSpec { outputs: None, free: None, ..spec.clone() };
            parts.push(("dense", Box::new(Mlp::new(&hidden))));
            inputs = width;
        }
        if let Some(memory) = shape.memory.build(inputs, self.init) {
            inputs = memory.outputs();
            parts.push(("memory", memory));
        }
        (parts, inputs)
    }
}

/// `front` and the dense layers of `spec`.
fn join_dense<E: Engine>(front: Parts<E>, spec: MlpSpec) -> Box<dyn Network<E>> {
    if front.is_empty() {
        return Box::new(Mlp::new(&spec));
    }
    let mut parts = front;
    if !spec.hidden.is_empty() || spec.outputs.is_some() {
        parts.push(("dense", Box::new(Mlp::new(&spec))));
    }
    Box::new(Chain::new(parts))
}

impl Kind for LinearConfig {
    fn validate(&self) -> Result<(), NnError> {
        gain("policy_gain", self.policy_gain)?;
        gain("value_gain", self.value_gain)
    }

    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
        let Self { init, policy_gain, value_gain } = *self;
        let hidden = Vec::new();
        MlpConfig { hidden, init, policy_gain, value_gain, ..MlpConfig::default() }.build(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlacedChoice, RecurrentConfig};

    #[test]
    fn every_default_round_trips_and_unknown_keys_are_errors() {
        for name in NETWORKS {
            let config = NetworkConfig::named(name).unwrap();
            assert_eq!(config.name(), *name);
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<NetworkConfig>(&json).unwrap(), config);
            let short = format!(r#"{{"kind":"{name}"}}"#);
            assert_eq!(serde_json::from_str::<NetworkConfig>(&short).unwrap(), config);
            let wrong = format!(r#"{{"kind":"{name}","hiden":[3]}}"#);
            let error = serde_json::from_str::<NetworkConfig>(&wrong).unwrap_err().to_string();
            assert!(error.contains("hiden"), "{error}");
        }
    }

    #[test]
    fn an_unknown_network_lists_the_known_ones() {
        let error = NetworkConfig::named("mpl").unwrap_err().to_string();
        assert_eq!(
            error,
            format!("unknown network `mpl`, expected one of {}", NETWORKS.join(", "))
        );
    }

    #[test]
    fn wrong_settings_name_field_and_value() {
        let message = |config: MlpConfig| NetworkConfig::Mlp(config).validate().unwrap_err();
        let base = MlpConfig::default();
        let hidden = message(MlpConfig { hidden: vec![64, 0], ..base.clone() });
        assert_eq!(hidden.to_string(), "hidden[1] = 0: must be from 1 to 65536");
        let wide = message(MlpConfig { hidden: vec![65_537], ..base.clone() });
        assert_eq!(wide.to_string(), "hidden[0] = 65537: must be from 1 to 65536");
        let gain = message(MlpConfig { policy_gain: f64::NAN, ..base.clone() });
        assert_eq!(gain.to_string(), "policy_gain = NaN: must be finite and not negative");
        let shared = MlpConfig { shared: true, value_hidden: Some(vec![8]), ..base };
        assert_eq!(message(shared).to_string(), "value_hidden = [8]: must be left out if shared");
    }

    #[test]
    fn networks_without_hidden_layers_refuse_memories() {
        let memory = MemoryConfig::named("gru").unwrap();
        let shape = Shape { inputs: 2, outputs: 2, memory, ..Shape::default() };
        let takes = |name: &str| NetworkConfig::named(name).unwrap().takes_memory();
        for name in NETWORKS.iter().filter(|name| !takes(name)) {
            let error = NetworkConfig::named(name).unwrap().build::<f32>(&shape).unwrap_err();
            let expected = format!(
                "memory.kind = gru: the network {name} cannot have a memory; those that can are \
                 mlp, nature-cnn, impala, small-cnn"
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_memory_alone_may_be_shared() {
        let shared = MlpConfig { shared: true, hidden: vec![], ..MlpConfig::default() };
        let config = NetworkConfig::Mlp(shared);
        let shape = Shape { inputs: 3, outputs: 2, value: true, ..Shape::default() };
        let error = config.build::<f32>(&shape).unwrap_err().to_string();
        assert_eq!(error, "hidden = []: needs a layer or a memory to be shared");
        let memory = MemoryConfig::named("gru").unwrap();
        let network = config.build::<f32>(&Shape { memory, ..shape }).unwrap();
        let names: Vec<&str> = network.layout().entries().iter().map(|e| &*e.name).collect();
        let expected = "trunk.memory.0.input.weight trunk.memory.0.recurrent.weight \
                        trunk.memory.0.input.bias trunk.memory.0.recurrent.bias \
                        policy.0.weight policy.0.bias value.0.weight value.0.bias";
        assert_eq!((names.join(" "), network.memory_len()), (expected.to_owned(), 64));
    }

    #[test]
    fn branches_have_memories_of_their_own() {
        let lstm = RecurrentConfig { units: 5, layers: 2, ..RecurrentConfig::default() };
        let memory = MemoryConfig::Lstm(lstm);
        let shape =
            Shape { inputs: 3, outputs: 2, free: 1, value: true, memory, ..Shape::default() };
        let config = MlpConfig { hidden: vec![4], ..MlpConfig::default() };
        let network = NetworkConfig::Mlp(config).build::<f32>(&shape).unwrap();
        // Two branches of two layers of five outputs and five cells.
        assert_eq!(network.memory_len(), 2 * 2 * 10);
        let layout = network.layout();
        let shape_of =
            |name: &str| layout.find(name).unwrap_or_else(|| panic!("{name}")).shape.clone();
        assert_eq!(shape_of("policy.dense.0.weight"), [3, 4]);
        assert_eq!(shape_of("policy.memory.0.input.weight"), [4, 20]);
        assert_eq!(shape_of("policy.memory.1.recurrent.weight"), [5, 20]);
        assert_eq!(shape_of("policy.head.log_std"), [1]);
        assert_eq!(shape_of("value.head.0.weight"), [5, 1]);
        let mut theta = vec![0.0; layout.len()];
        layout.init(1, &mut theta);
        assert_eq!(theta[layout.find("value.memory.1.bias.forget").unwrap().range()], [1.0; 5]);
    }

    #[test]
    fn parameters_have_the_documented_names_and_shapes() {
        let shape = Shape {
            inputs: 3,
            outputs: 2,
            free: 2,
            log_std: -0.5,
            value: true,
            ..Shape::default()
        };
        let network = NetworkConfig::default().build::<f32>(&shape).unwrap();
        let names: Vec<&str> = network.layout().entries().iter().map(|e| &*e.name).collect();
        let expected = "policy.0.weight policy.0.bias policy.1.weight policy.1.bias \
                        policy.2.weight policy.2.bias policy.log_std value.0.weight value.0.bias \
                        value.1.weight value.1.bias value.2.weight value.2.bias";
        assert_eq!(names.join(" "), expected);
        assert_eq!(network.layout().find("policy.0.weight").unwrap().shape, [3, 64]);
        let mut theta = vec![0.0; network.layout().len()];
        network.layout().init(1, &mut theta);
        assert_eq!(theta[network.layout().find("policy.log_std").unwrap().range()], [-0.5; 2]);
    }

    #[test]
    fn choices_are_embedded_before_the_hidden_layers() {
        let choices = vec![PlacedChoice { at: 1, n: 5, table: 0 }];
        let shape = Shape { inputs: 6, outputs: 2, value: true, choices, ..Shape::default() };
        let config =
            MlpConfig { hidden: vec![4], embedding: 3, shared: true, ..MlpConfig::default() };
        let network = NetworkConfig::Mlp(config.clone()).build::<f32>(&shape).unwrap();
        let shape_of = |name: &str| network.layout().find(name).unwrap().shape.clone();
        assert_eq!(shape_of("trunk.embedding.0.weight"), [5, 3]);
        // One number and three of the choice.
        assert_eq!(shape_of("trunk.dense.0.weight"), [1 + 3, 4]);
        let message = |embedding: usize, shape: &Shape| {
            let config = NetworkConfig::Mlp(MlpConfig { embedding, ..config.clone() });
            config.build::<f32>(shape).unwrap_err().to_string()
        };
        let none = Shape { choices: vec![], ..shape.clone() };
        let expected = "embedding = 3: must be 0, for the observation has no Discrete or \
                        MultiDiscrete entry to embed";
        assert_eq!(message(3, &none), expected);
        assert_eq!(message(4097, &shape), "embedding = 4097: must be from 0 (one-hot) to 4096");
    }
}
