//! Losses and their gradients with respect to head outputs, in closed form, row by row.
//!
//! Everything is minimised: the gradients written here are those of the *loss*, so a policy
//! objective appears with a minus sign. No parameters, no network.

mod policy;
mod value;

pub use policy::{PolicyRows, PolicySums, Surrogate, head_gradient};
pub use value::{ValueLoss, ValueRows, ValueSums, value_gradient};
