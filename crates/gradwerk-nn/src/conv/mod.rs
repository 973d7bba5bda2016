//! Convolutions over images, and the networks made of them.
//!
//! A convolution and both of its derivatives are matrix products whose rows are read where they
//! lie in the image ([`Gathered`](crate::kernels::Gathered)); no matrix of patches is made. A
//! description (a list of [`ImageLayer`]s) becomes a plan of steps over numbered images, and that
//! a network, [`ConvStack`].

mod config;
mod frame;
mod layer;
mod plan;
mod pool;
mod stack;
#[cfg(test)]
mod tests;

pub use config::{ImpalaConfig, NatureCnnConfig, SmallCnnConfig};
pub(crate) use frame::Window;
pub(crate) use plan::ImageLayer;
pub(crate) use stack::{ConvSpec, ConvStack};
