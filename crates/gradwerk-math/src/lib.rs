//! Numbers for gradwerk: the scalar trait, counter-based random numbers, elementary functions.
#![warn(missing_docs)]

mod buffer;
pub mod pool;
pub mod real;
pub mod rng;
pub mod simd;

pub use buffer::Buffer;
pub use pool::Pool;
pub use real::Real;
pub use rng::{Purpose, Stream};
pub use simd::Kernel;
