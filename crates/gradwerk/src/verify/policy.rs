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
}

fn linear() -> NetworkConfig {
    NetworkConfig::Linear(LinearConfig { policy_gain: 0.7, ..LinearConfig::default() })
}

fn mlp(shared: bool) -> NetworkConfig {
    let config = MlpConfig::default();
    NetworkConfig::Mlp(MlpConfig { hidden: vec![3], policy_gain: 0.7, shared, ..config })
}

/// Every class.
pub const POLICIES: &[PolicyClass] = &[
    PolicyClass {
        name: "softmax-table",
        network: linear,
        encoding: Encoding::OneHot,
        dist: "categorical",
    },
    PolicyClass {
        name: "softmax-linear",
        network: linear,
        encoding: Encoding::Index,
        dist: "categorical",
    },
    PolicyClass {
        name: "softmax-mlp",
        network: || mlp(false),
        encoding: Encoding::OneHot,
        dist: "categorical",
    },
    PolicyClass {
        name: "softmax-mlp-shared",
        network: || mlp(true),
        encoding: Encoding::OneHot,
        dist: "categorical",
    },
    PolicyClass {
        name: "probability",
        network: linear,
        encoding: Encoding::Index,
        dist: "bernoulli",
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
