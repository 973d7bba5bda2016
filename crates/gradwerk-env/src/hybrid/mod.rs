//! Problems whose actions are a choice and numbers at once.

mod platform;

pub use platform::Platform;
