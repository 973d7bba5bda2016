//! Numbers for gradwerk: the scalar trait, counter-based random numbers, elementary functions.
#![warn(missing_docs)]

pub mod real;
pub mod rng;
pub mod trig;

pub use real::Real;
pub use rng::{Purpose, Stream};
pub use trig::sin_cos;
