//! Environments: spaces, the `Env` trait that users implement, vectorised stepping, native
//! environments and the checker.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod batch;
pub mod check;
pub mod classic;
pub mod env;
pub mod probe;
pub mod registry;
pub mod snapshot;
pub mod space;
pub mod vec_env;

pub use batch::EnvBatch;
pub use check::{Check, CheckReport, check_env};
pub use env::{Action, End, Env, EnvError, Step};
pub use probe::{BestAction, ProbeSolution, ProbeState};
pub use registry::{EnvFactory, EnvSpec, UnknownEnv, custom, find};
pub use space::Space;
pub use vec_env::{ActionLog, Actions, EnvSettings, EpisodeKeys, SlotState, StepRows, VecEnv};
