//! Networks over one flat parameter vector.
//!
//! A network is a function `y = f(theta, x)` with hand-written derivatives: [`Network::forward`],
//! [`Network::vjp`] (reverse mode) and [`Network::jvp`] (forward mode). All parameters live in one
//! flat slice whose parts a [`Layout`] names. Memory belongs to the caller; nothing here allocates
//! after construction. No reinforcement learning in this crate.
//!
//! Matrices are row-major; `[rows, inputs]` is a batch with one sample per row. The bits of a row
//! of the output do not depend on the number of rows or on the row's place.
//!
//! One step down the first output of a small network:
//!
//! ```
//! use gradwerk_nn::{Kernel, Memory, NetworkConfig, OptimizerConfig, Params, Shape};
//!
//! # fn main() -> Result<(), gradwerk_nn::NnError> {
//! let shape = Shape { inputs: 3, outputs: 2, free: 0, log_std: 0.0, value: false, ..Shape::default() };
//! let net = NetworkConfig::named("mlp")?.build::<f32>(&shape)?;
//! let kernel = Kernel::detect();
//! let mut theta = vec![0.0; net.layout().len()];
//! net.layout().init(1, &mut theta);
//!
//! // Memory belongs to the caller: packed weights, activations, work space.
//! let mut packed = vec![0.0; net.packed_len()];
//! let mut cache = vec![0.0; net.cache_len(1)];
//! let mut scratch = vec![0.0; net.scratch_len(1)];
//! let x = [0.5, -0.2, 0.1];
//!
//! net.pack(kernel, &theta, &mut packed);
//! let params = Params { theta: &theta, packed: &packed };
//! let (mut before, mut after) = ([0.0; 2], [0.0; 2]);
//! net.forward(kernel, params, &x, 1.into(), Memory::none(), &mut cache, &mut before, &mut []);
//!
//! // The loss is y_0, so dL/dy = (1, 0).
//! let mut dtheta = vec![0.0; theta.len()];
//! net.vjp(kernel, params, &x, 1.into(), &cache, &[1.0, 0.0], &[], &mut dtheta, &mut scratch);
//! OptimizerConfig::named("sgd")?.build(theta.len())?.step(kernel, &mut theta, &dtheta, 0.01);
//!
//! net.pack(kernel, &theta, &mut packed);
//! let params = Params { theta: &theta, packed: &packed };
//! net.forward(kernel, params, &x, 1.into(), Memory::none(), &mut cache, &mut after, &mut []);
//! assert!(after[0] < before[0]);
//! # Ok(())
//! # }
//! ```
//!
//! - [`NetworkConfig`], [`OptimizerConfig`]: the lists of networks and optimizers with their
//!   settings;
//! - [`MemoryConfig`]: the list of memories, for what one observation does not tell; the formulas
//!   are in [`memory`];
//! - [`ActorCritic`]: policy and value function over one parameter vector;
//! - [`gradcheck`]: derivatives against central differences, in double precision;
//! - [`kernels`]: matrix products and elementwise passes per instruction set.
#![warn(missing_docs)]
#![deny(unsafe_code)]

mod activation;
mod actor_critic;
mod chain;
mod config;
mod conv;
mod embedding;
mod engine;
mod error;
mod features;
mod fork;
pub mod gradcheck;
mod image;
mod init;
#[allow(unsafe_code)] // the one place, below checked lengths
pub mod kernels;
mod layer_norm;
mod layout;
mod matrix;
pub mod memory;
mod mlp;
mod network;
pub mod optim;
mod parallel;
mod sequences;

pub use activation::Activation;
pub use actor_critic::{ActorCritic, Shape};
pub use config::{InitScheme, LinearConfig, MlpConfig, NETWORKS, NetworkConfig};
pub use conv::{ImpalaConfig, NatureCnnConfig, SmallCnnConfig};
pub use embedding::PlacedChoice;
pub use engine::Engine;
pub use error::NnError;
pub use features::{
    FourierConfig, Placement, PolynomialConfig, RbfConfig, TabularConfig, TileCodingConfig,
};
pub use gradwerk_math::{Buffer, Kernel};
pub use image::{ImageSize, PlacedImage};
pub use layout::{Entry, Init, Layout};
pub use memory::{MEMORIES, MemoryConfig, NoMemory, RecurrentConfig};
pub use mlp::{Mlp, MlpSpec};
pub use network::{Network, Params};
pub use optim::{OPTIMIZERS, Optimizer, OptimizerConfig};
pub use sequences::{Memory, Rows, Sequences, Steps};

/// Rows that are best processed together: their activations fit the first-level cache.
pub const TILE: usize = 64;
