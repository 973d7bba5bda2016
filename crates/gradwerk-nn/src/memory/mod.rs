//! Networks that remember: recurrent layers.

mod config;
mod recurrent;

pub use config::{MEMORIES, MemoryConfig, NoMemory, RecurrentConfig};
pub(crate) use recurrent::{Cell, Recurrent};
