//! The policy classes that are verified.

use crate::exact::Encoding;
use gradwerk_nn::{LinearConfig, MlpConfig, NetworkConfig};

/// A network, what it reads and which distribution reads its outputs.
#[derive(Debug)]
pub struct PolicyClass {
    /// How rows call it.
    pub name: &'static str,
    /// The network. First weights are large enough for a policy that is not uniform.
    pub network: fn() -> NetworkConfig,
    /// What the network reads.
    pub encoding: Encoding,
    /// Name of the distribution.
    pub dist: &'static str,
    /// Standard deviation of what is added to the first parameters: feature maps start at 0, where
    /// the policy is uniform and hides mistakes.
    pub jitter: f64,
}

fn linear() -> NetworkConfig {
    NetworkConfig::Linear(LinearConfig { policy_gain: 0.7, ..LinearConfig::default() })
}

fn mlp(shared: bool) -> NetworkConfig {
    let config = MlpConfig::default();
    NetworkConfig::Mlp(MlpConfig { hidden: vec![3], policy_gain: 0.7, shared, ..config })
}

/// A network of the list with its default settings.
fn named(name: &str) -> NetworkConfig {
    NetworkConfig::named(name).unwrap_or_else(|error| panic!("{error}"))
}

/// A feature map in front of a softmax.
const fn features(
    name: &'static str,
    encoding: Encoding,
    network: fn() -> NetworkConfig,
) -> PolicyClass {
    PolicyClass { name, network, encoding, dist: "categorical", jitter: 0.5 }
}

/// Every class.
pub const POLICIES: &[PolicyClass] = &[
    PolicyClass {
        name: "softmax-table",
        network: linear,
        encoding: Encoding::OneHot,
        dist: "categorical",
        jitter: 0.0,
    },
    PolicyClass {
        name: "softmax-linear",
        network: linear,
        encoding: Encoding::Index,
        dist: "categorical",
        jitter: 0.0,
    },
    PolicyClass {
        name: "softmax-mlp",
        network: || mlp(false),
        encoding: Encoding::OneHot,
        dist: "categorical",
        jitter: 0.0,
    },
    PolicyClass {
        name: "softmax-mlp-shared",
        network: || mlp(true),
        encoding: Encoding::OneHot,
        dist: "categorical",
        jitter: 0.0,
    },
    features("softmax-polynomial", Encoding::Index, || named("polynomial")),
    features("softmax-fourier", Encoding::Index, || named("fourier")),
    features("softmax-rbf", Encoding::Index, || named("rbf")),
    features("softmax-tile-coding", Encoding::Index, || named("tile-coding")),
    features("softmax-tabular", Encoding::OneHot, || named("tabular")),
    PolicyClass {
        name: "probability",
        network: linear,
        encoding: Encoding::Index,
        dist: "bernoulli",
        jitter: 0.0,
    },
];

impl PolicyClass {
    /// The class of that name.
    ///
    /// # Panics
    /// If there is none: names of the registry are written in it.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        let found = POLICIES.iter().find(|p| p.name == name);
        found.unwrap_or_else(|| panic!("unknown policy class `{name}`"))
    }
}
