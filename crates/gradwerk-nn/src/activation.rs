//! Activation functions.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The nonlinearity after a hidden layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Hyperbolic tangent.
    #[default]
    Tanh,
    /// max(x, 0).
    Relu,
    /// x * Phi(x) with the normal distribution function, the exact form with erf (Hendrycks and
    /// Gimpel 2016).
    Gelu,
    /// x * sigmoid(x) (Elfwing, Uchibe and Doya 2018).
    Silu,
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tanh, Self::Relu, Self::Gelu, Self::Silu];

    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tanh => "tanh",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
        }
    }

    /// Whether the derivative needs the input; else the output is enough.
    #[must_use]
    pub(crate) fn needs_input(self) -> bool {
        matches!(self, Self::Gelu | Self::Silu)
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
