//! The MuJoCo tasks of Gymnasium (`HalfCheetah-v5`, ...), without Python in the loop.
//!
//! - [`install`]: puts the tasks on the list of environments;
//! - [`find`]: where MuJoCo's library and the models of the tasks lie;
//! - [`library`]: MuJoCo's functions, opened at run time;
//! - [`model`]: a compiled model;
//! - [`engine`]: what computes: the copies of a batch take turns on one;
//! - [`simulation`]: one simulation of a model;
//! - [`task`]: what a task adds to it: starts, observations, rewards, ends;
//! - [`tasks`]: the ten of them;
//! - [`described`]: users' own models, with rules from a file;
//! - [`sum`]: sums in NumPy's order.
//!
//! Only functions of MuJoCo are called and fields are read by their names (`mjbatch.h`, since
//! MuJoCo 3.17): the layout of its structures, which changes from release to release, is never
//! relied on. One binary therefore works with every release from [`library::OLDEST`] on.
#![warn(missing_docs)]

pub mod described;
pub mod engine;
pub mod find;
pub mod library;
pub mod model;
pub mod simulation;
pub mod sum;
pub mod task;
pub mod tasks;

pub use find::Places;
pub use library::Library;
pub use task::{MujocoEnv, Task};
pub use tasks::{all, install};
