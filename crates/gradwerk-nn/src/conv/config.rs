//! Settings of the networks that see images.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConvSpec, ConvStack, ImageLayer, Window};
use crate::config::{Kind, Parts, at_least_one};
use crate::embedding::Embedding;
use crate::layer_norm::LayerNorm;
use crate::parallel::{Parallel, Part};
use crate::{
    Activation, ActorCritic, Engine, InitScheme, MlpConfig, Network, NnError, PlacedImage, Shape,
};

/// Settings of a network that sees images: its own, and those that all such networks have.
macro_rules! image_network {
    (
        $(#[$doc:meta])* $config:ident, $name:literal, hidden $hidden:expr,
        { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $config {
            $($(#[$field_doc])* pub $field: $type,)*
            /// Widths of the dense layers behind the convolutions.
            pub hidden: Vec<usize>,
            /// Nonlinearity of all layers.
            pub activation: Activation,
            /// Numbers that each choice of the observation (`Discrete`, `MultiDiscrete`) is embedded
            /// in: a learned vector per value. 0 shows choices one-hot.
            pub embedding: usize,
            /// Whether policy and value function have all but their last layers in common.
            pub shared: bool,
            /// Whether the features that the convolutions find are normalised, image by image, to
            /// mean 0 and deviation 1 (layer normalisation) before the dense layers.
            pub layer_norm: bool,
            /// How weights get their first values.
            pub init: InitScheme,
            /// Gain of the first weights of convolutions and dense layers; left out, the square
            /// root of 2.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub hidden_gain: Option<f64>,
            /// Gain of the first weights of the policy's last layer.
            pub policy_gain: f64,
            /// Gain of the first weights of the value function's last layer.
            pub value_gain: f64,
        }

        impl Default for $config {
            fn default() -> Self {
                let MlpConfig { init, hidden_gain, policy_gain, value_gain, .. } =
                    MlpConfig::default();
                Self {
                    $($field: $default,)*
                    hidden: $hidden,
                    activation: Activation::Relu,
                    embedding: 0,
                    shared: true,
                    layer_norm: false,
                    init,
                    hidden_gain,
                    policy_gain,
                    value_gain,
                }
            }
        }

        impl $config {
            /// The dense layers.
            fn dense(&self) -> MlpConfig {
                MlpConfig {
                    hidden: self.hidden.clone(),
                    value_hidden: None,
                    activation: self.activation,
                    embedding: self.embedding,
                    shared: self.shared,
                    init: self.init,
                    hidden_gain: self.hidden_gain,
                    policy_gain: self.policy_gain,
                    value_gain: self.value_gain,
                }
            }
        }

        impl Kind for $config {
            const TAKES_MEMORY: bool = true;

            fn embedding(&self) -> usize {
                self.embedding
            }

            fn validate(&self) -> Result<(), NnError> {
                self.validate_layers()?;
                self.dense().validate()
            }

            fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
                build($name, &self.layers(), self.layer_norm, &self.dense(), shape)
            }
        }
    };
}

image_network! {
    /// Three convolutions and a dense layer (Mnih et al. 2015, "Human-level control through deep
    /// reinforcement learning"): 32 channels of 8x8 with stride 4, 64 of 4x4 with stride 2, 64 of
    /// 3x3 with stride 1. Made for images of 84x84; needs 36x36.
    NatureCnnConfig, "nature-cnn", hidden vec![512], {}
}

image_network! {
    /// Residual convolutions (Espeholt et al. 2018, "IMPALA", the deep architecture): per stage a
    /// 3x3 convolution, the maximum over windows of 3x3 with stride 2, and residual blocks of two
    /// 3x3 convolutions.
    ImpalaConfig, "impala", hidden vec![256], {
        /// Channels of each stage; a stage halves height and width.
        channels: Vec<usize> = vec![16, 32, 32],
        /// Residual blocks per stage.
        blocks: usize = 2,
    }
}

image_network! {
    /// Convolutions for small grids such as 10x10.
    SmallCnnConfig, "small-cnn", hidden vec![128], {
        /// Channels of each convolution.
        channels: Vec<usize> = vec![16],
        /// Height and width of the windows.
        kernel: usize = 3,
        /// Distance between two windows.
        stride: usize = 1,
        /// Zeros around the image before each convolution.
        padding: usize = 0,
    }
}

impl NatureCnnConfig {
    #[allow(clippy::unused_self)] // the layers have no settings
    fn validate_layers(&self) -> Result<(), NnError> {
        Ok(())
    }

    #[allow(clippy::unused_self)]
    fn layers(&self) -> Vec<ImageLayer> {
        [(32, 8, 4), (64, 4, 2), (64, 3, 1)]
            .map(|(outputs, side, stride)| {
                let window = Window::square(side, stride, 0);
                ImageLayer::Conv { outputs, window, activate: true }
            })
            .to_vec()
    }
}

impl ImpalaConfig {
    fn validate_layers(&self) -> Result<(), NnError> {
        channels(&self.channels)?;
        most("blocks", self.blocks, 16)
    }

    fn layers(&self) -> Vec<ImageLayer> {
        let window = Window::square(3, 1, 1);
        let mut layers = Vec::new();
        for &outputs in &self.channels {
            layers.push(ImageLayer::Conv { outputs, window, activate: false });
            layers.push(ImageLayer::MaxPool(Window::square(3, 2, 1)));
            layers.extend(std::iter::repeat_n(ImageLayer::Residual, self.blocks));
        }
        layers.push(ImageLayer::Activate);
        layers
    }
}

impl SmallCnnConfig {
    fn validate_layers(&self) -> Result<(), NnError> {
        channels(&self.channels)?;
        at_least_one("kernel", self.kernel)?;
        at_least_one("stride", self.stride)?;
        most("kernel", self.kernel, 64)?;
        if self.padding >= self.kernel {
            let why = format!("must be below kernel = {}", self.kernel);
            return Err(NnError::setting("padding", self.padding, why));
        }
        Ok(())
    }

    fn layers(&self) -> Vec<ImageLayer> {
        let window = Window::square(self.kernel, self.stride, self.padding);
        let conv = |&outputs: &usize| ImageLayer::Conv { outputs, window, activate: true };
        self.channels.iter().map(conv).collect()
    }
}

/// Most channels of a convolution.
const MOST_CHANNELS: usize = 1024;

fn channels(channels: &[usize]) -> Result<(), NnError> {
    if channels.is_empty() {
        return Err(NnError::setting("channels", "[]", "needs at least one convolution"));
    }
    match channels.iter().position(|c| !(1..=MOST_CHANNELS).contains(c)) {
        Some(i) => Err(NnError::setting(
            format!("channels[{i}]"),
            channels[i],
            format!("must be from 1 to {MOST_CHANNELS}"),
        )),
        None => Ok(()),
    }
}

fn most(field: &str, value: usize, most: usize) -> Result<(), NnError> {
    if value <= most {
        return Ok(());
    }
    Err(NnError::setting(field, value, format!("must be at most {most}")))
}

/// Convolutions, dense layers and heads for a task.
fn build<E: Engine>(
    name: &str,
    layers: &[ImageLayer],
    layer_norm: bool,
    dense: &MlpConfig,
    shape: &Shape,
) -> Result<ActorCritic<E>, NnError> {
    let unfit = |why: String| NnError::setting("kind", name, why);
    if shape.images.is_empty() {
        let inputs = shape.inputs;
        return Err(unfit(format!(
            "needs an image (channels x height x width) to look at, the observation is a vector \
             of {inputs} numbers: choose mlp"
        )));
    }
    let stack = |image: &PlacedImage| {
        let (layers, activation) = (layers.to_vec(), dense.activation);
        let spec = ConvSpec { image: image.size, layers, activation, init: dense.hidden_init() };
        ConvStack::new(&spec).map_err(unfit)
    };
    let stacks = shape.images.iter().map(stack).collect::<Result<Vec<_>, _>>()?;
    let seen = || look::<E>(shape, &stacks, dense.embedding);
    let inputs = seen().outputs();
    let branch = Shape { inputs, images: Vec::new(), ..shape.clone() };
    let front = || -> Parts<E> {
        let mut parts: Parts<E> = vec![("conv", seen())];
        if layer_norm {
            parts.push(("norm", Box::new(LayerNorm::new(inputs))));
        }
        parts
    };
    Ok(dense.network(&branch, &front))
}

/// A convolution for every image, named by its number unless it is the whole observation; choices
/// are embedded, and the other numbers stay as they are.
fn look<E: Engine>(shape: &Shape, stacks: &[ConvStack], embedding: usize) -> Box<dyn Network<E>> {
    if let ([image], [stack]) = (&*shape.images, stacks)
        && image.size.len() == shape.inputs
    {
        return Box::new(stack.clone());
    }
    let (mut parts, mut at) = (Vec::new(), 0);
    for (k, (image, stack)) in shape.images.iter().zip(stacks).enumerate() {
        parts.extend(between(shape, at..image.at, embedding));
        parts.push(Part::Through(k.to_string(), Box::new(stack.clone())));
        at = image.at + image.size.len();
    }
    parts.extend(between(shape, at..shape.inputs, embedding));
    Box::new(Parallel::new(parts))
}

/// What becomes of the numbers `run` between two images, if there are any.
fn between<E: Engine>(shape: &Shape, run: Range<usize>, embedding: usize) -> Option<Part<E>> {
    let choices = if embedding > 0 { &*shape.choices } else { &[] };
    match Embedding::new(choices, run.clone(), embedding) {
        Some(network) => Some(Part::Through("embedding".into(), Box::new(network))),
        None => (!run.is_empty()).then(|| Part::Same(run.len())),
    }
}
