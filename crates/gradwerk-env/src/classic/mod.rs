//! The classic control tasks, as Gymnasium 1.4 defines them.
//!
//! Each is compared with Gymnasium step by step (`tests/python/test_parity.py`) and with
//! recorded traces (`tests/traces.rs`). Time limits are in the list, not in the dynamics.

mod cart_pole;

pub use cart_pole::CartPole;
