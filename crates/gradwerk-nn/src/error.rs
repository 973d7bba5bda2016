//! What can go wrong before any number is computed.

use thiserror::Error;

/// A wrong setting or a foreign state.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NnError {
    /// A setting outside its domain.
    #[error("{field} = {value}: {expected}")]
    Setting {
        /// Which setting, as the user writes it.
        field: String,
        /// What it was.
        value: String,
        /// What it must be.
        expected: String,
    },
    /// A name that is in no list.
    #[error("unknown {what} `{name}`, expected one of {expected}")]
    Unknown {
        /// What kind of thing: "network", "optimizer".
        what: &'static str,
        /// The name.
        name: String,
        /// All names, comma-separated.
        expected: String,
    },
    /// A saved state that does not belong here.
    #[error("optimizer state `{name}`: {reason}")]
    State {
        /// The slice.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl NnError {
    pub(crate) fn setting(
        field: impl Into<String>,
        value: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Setting { field: field.into(), value: value.to_string(), expected: expected.into() }
    }

    pub(crate) fn unknown(what: &'static str, name: &str, names: &[&str]) -> Self {
        Self::Unknown { what, name: name.to_owned(), expected: names.join(", ") }
    }
}
