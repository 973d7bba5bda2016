//! The policy classes that are verified.

use crate::dist::{BernoulliConfig, CategoricalConfig, DistConfig, GaussianConfig};
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
    /// The distribution.
    pub dist: fn() -> DistConfig,
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

fn categorical() -> DistConfig {
    DistConfig::Categorical(CategoricalConfig::default())
}

/// With one deviation for all states, or with one that the network computes.
fn gaussian(state_dependent_std: bool) -> DistConfig {
    DistConfig::Gaussian(GaussianConfig { state_dependent_std, ..GaussianConfig::default() })
}

/// A feature map in front of a softmax.
const fn features(
    name: &'static str,
    encoding: Encoding,
    network: fn() -> NetworkConfig,
) -> PolicyClass {
    PolicyClass { name, network, encoding, dist: categorical, jitter: 0.5 }
}

/// Every class.
pub const POLICIES: &[PolicyClass] = &[
    PolicyClass {
        name: "softmax-table",
        network: linear,
        encoding: Encoding::OneHot,
        dist: categorical,
        jitter: 0.0,
    },
    PolicyClass {
        name: "softmax-linear",
        network: linear,
        encoding: Encoding::Index,
        dist: categorical,
        jitter: 0.0,
    },
    PolicyClass {
        name: "softmax-mlp",
        network: || mlp(false),
        encoding: Encoding::OneHot,
        dist: categorical,
        jitter: 0.0,
    },
    PolicyClass {
        name: "softmax-mlp-shared",
        network: || mlp(true),
        encoding: Encoding::OneHot,
        dist: categorical,
        jitter: 0.0,
    },
    PolicyClass {
        name: "gaussian-linear",
        network: linear,
        encoding: Encoding::Index,
        dist: || gaussian(false),
        jitter: 0.0,
    },
    PolicyClass {
        name: "gaussian-linear-std",
        network: linear,
        encoding: Encoding::Index,
        dist: || gaussian(true),
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
        dist: || DistConfig::Bernoulli(BernoulliConfig::default()),
        jitter: 0.0,
    },
];

impl PolicyClass {
    /// Whether its actions are those of finite problems with any number of them.
    #[must_use]
    pub fn is_softmax(&self) -> bool {
        matches!((self.dist)(), DistConfig::Categorical(_))
    }

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
