//! Numbers for gradwerk: the scalar trait, counter-based random numbers, vectors and elementary
//! functions. One source of bits for everything above.
#![warn(missing_docs)]

mod buffer;
pub mod pool;
pub mod real;
pub mod rng;
pub mod simd;
pub mod trig;

pub use buffer::Buffer;
pub use pool::Pool;
pub use real::Real;
pub use rng::{Purpose, Stream};
pub use simd::Kernel;
pub use trig::sin_cos;
