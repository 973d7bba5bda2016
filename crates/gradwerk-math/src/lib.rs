//! Numbers for gradwerk: the scalar trait, counter-based random numbers, vectors and elementary
//! functions. One source of bits for everything above.
//!
//! - [`Real`]: what a formula may do with a number; `f32` is the engine, `f64` the reference;
//! - [`Stream`]: random numbers that are a function of (seed, purpose, index, step);
//! - [`simd`]: vectors and elementary functions per instruction set, chosen by [`Kernel`];
//! - [`special`]: gamma functions and the normal distribution, for distributions;
//! - [`Pool`]: threads for loops of a few microseconds.
//!
//! A random number depends on what it is for, not on how many were drawn before it:
//!
//! ```
//! use gradwerk_math::{Purpose, Real, Stream};
//!
//! /// A formula in both precisions.
//! fn log_sum_exp<R: Real>(a: R, b: R) -> R {
//!     let max = a.maximum(b);
//!     max + ((a - max).exp() + (b - max).exp()).ln()
//! }
//!
//! let mut action = Stream::new(7, Purpose::Action, 3, 1000); // environment 3, its step 1000
//! let mut again = Stream::new(7, Purpose::Action, 3, 1000);
//! assert_eq!(action.normal_pair::<f32>(), again.normal_pair::<f32>());
//!
//! let (single, double) = (log_sum_exp(1000.0_f32, 1000.0), log_sum_exp(1000.0_f64, 1000.0));
//! assert!((f64::from(single) - double).abs() < 1e-4 && double > 1000.69);
//! ```
#![warn(missing_docs)]

mod buffer;
pub mod pool;
pub mod real;
pub mod rng;
pub mod simd;
pub mod special;
pub mod trig;

pub use buffer::Buffer;
pub use pool::Pool;
pub use real::Real;
pub use rng::{Purpose, Stream};
pub use simd::Kernel;
pub use trig::sin_cos;
