//! Networks over one flat parameter vector.
//!
//! A network is a function `y = f(theta, x)` with hand-written derivatives: [`Network::forward`],
//! [`Network::vjp`] (reverse mode) and [`Network::jvp`] (forward mode). All parameters live in one
//! flat slice whose parts a [`Layout`] names. Memory belongs to the caller; nothing here allocates
//! after construction. No reinforcement learning in this crate.
//!
//! Matrices are row-major; `[rows, inputs]` is a batch with one sample per row. The bits of a row
//! of the output do not depend on the number of rows or on the row's place.
#![warn(missing_docs)]
#![deny(unsafe_code)]

mod activation;
mod actor_critic;
mod config;
mod engine;
mod error;
pub mod gradcheck;
mod init;
#[allow(unsafe_code)] // the one place, below checked lengths
pub mod kernels;
mod layout;
mod mlp;
mod network;
pub mod optim;

pub use activation::Activation;
pub use actor_critic::{ActorCritic, Shape};
pub use config::{InitScheme, LinearConfig, MlpConfig, NETWORKS, NetworkConfig};
pub use engine::Engine;
pub use error::NnError;
pub use gradwerk_math::{Buffer, Kernel};
pub use layout::{Entry, Init, Layout};
pub use mlp::{Mlp, MlpSpec};
pub use network::{Network, Params};
pub use optim::{OPTIMIZERS, Optimizer, OptimizerConfig};

/// Rows that are best processed together: their activations fit the first-level cache.
pub const TILE: usize = 64;
