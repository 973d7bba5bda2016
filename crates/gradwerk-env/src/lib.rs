//! Environments: spaces, the `Env` trait that users implement, vectorised stepping, native
//! environments and the checker.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod env;
pub mod space;

pub use env::{Action, End, Env, EnvError, Step};
pub use space::Space;
