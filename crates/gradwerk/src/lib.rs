//! Train explicit, differentiable policies by policy gradients.
//!
//! The way of the data is sample, estimate, ascend:
//!
//! ```text
//! Shard (VecEnv + policy)  ->  Rollout [T, N]            collect.rs, rollout.rs
//! Rollout                  ->  advantages, value targets  estimate/
//! rows                     ->  dL/dy, dL/dv -> dL/dtheta  loss/, learner.rs
//! gradient                 ->  theta'                     algo/
//! ```
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod algo;
pub mod collect;
pub mod config;
pub mod dist;
mod error;
pub mod estimate;
pub mod evaluate;
pub mod layers;
pub mod learner;
pub mod loss;
pub mod model;
pub mod normalize;
pub mod policy;
pub mod rollout;
pub mod run;
pub mod schedule;
pub mod trainer;

pub use config::Config;
pub use error::Error;
pub use evaluate::{EvalOptions, Evaluation, evaluate};
pub use policy::Policy;
pub use trainer::{Report, Runtime, Trainer};
