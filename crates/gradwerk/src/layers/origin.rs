//! Where the value of a setting came from.

use std::fmt;

/// The place that gave a setting its value, in the words a user can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default written beside the setting's definition.
    Default,
    /// The defaults that come with an algorithm.
    Algorithm(String),
    /// A preset shipped with the program: its name and the line in its file.
    Preset(String, usize),
    /// A line of the user's file.
    File(String, usize),
    /// Something typed on the command line or passed by a caller, as typed.
    Given(String),
}

impl Origin {
    /// Whether the user wrote it, so that writing it twice is a mistake.
    #[must_use]
    pub fn is_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Algorithm(name) => write!(f, "defaults of the algorithm {name}"),
            Self::Preset(name, line) => write!(f, "preset {name}, line {line}"),
            Self::File(path, line) => write!(f, "{path}:{line}"),
            Self::Given(text) => f.write_str(text),
        }
    }
}
