//! Train explicit, differentiable policies by policy gradients.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod layers;
