//! What a distribution asks of the head in front of it, and what can go wrong in choosing one.

/// What produces the row `y`: network outputs, followed by free parameters that are the same
/// in every state, followed by the policy's last hidden features, if the distribution reads them.
/// Together they are `params()` numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// The first numbers of `y`, computed by the network from the observation.
    pub network: usize,
    /// The next numbers of `y`, plain parameters.
    pub free: usize,
    /// The remaining numbers of `y`: what the policy's last layer reads.
    pub features: usize,
    /// Initial value of the free parameters; where there are none, the initial bias of
    /// `y[bias_from..]`.
    pub init: f64,
    /// First network output whose bias starts at `init` instead of 0 (`network` if none).
    pub bias_from: usize,
}

impl Head {
    /// All outputs computed by the network, biases 0.
    #[must_use]
    pub fn from_network(outputs: usize) -> Self {
        Self { network: outputs, free: 0, features: 0, init: 0.0, bias_from: outputs }
    }
}

/// A distribution that does not exist or does not fit the action space.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DistError {
    /// No distribution of this name.
    #[error("unknown distribution `{name}`, expected one of {expected}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// All names, comma separated.
        expected: String,
    },
    /// The distribution does not act on this space.
    #[error("{name} policy on {space}: expected one of {expected}")]
    Unsupported {
        /// The distribution that was asked for.
        name: &'static str,
        /// The action space.
        space: String,
        /// The distributions that act on this space, comma separated.
        expected: String,
    },
    /// The distribution needs a finite interval where the space has none.
    #[error(
        "{name} policy needs bounded actions, but component {component} lies in [{low}, {high}]: \
         expected one of {expected}"
    )]
    Unbounded {
        /// The distribution that was asked for.
        name: &'static str,
        /// The first continuous component without finite bounds.
        component: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
        /// The distributions that act on this space, comma separated.
        expected: String,
    },
}
