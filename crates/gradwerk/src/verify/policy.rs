//! The policy classes that are verified.

use crate::dist::{CategoricalConfig, DistConfig, GaussianConfig, GsdeConfig};
use crate::exact::{Choices, Encoding, Validity};
use gradwerk_env::Space;
use gradwerk_nn::{
    ImpalaConfig, LinearConfig, MlpConfig, NatureCnnConfig, NetworkConfig, SmallCnnConfig,
};
use std::num::NonZeroU32;

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
    /// The space on which the distribution takes the actions of a table of so many.
    pub actions: fn(usize) -> Space,
    /// What masks let through, if there are any.
    pub valid: Option<Validity>,
    /// Standard deviation of what is added to the first parameters: feature maps start at 0, where
    /// the policy is uniform and hides mistakes.
    pub jitter: f64,
}

/// A softmax over the actions of a table.
const SOFTMAX: PolicyClass = PolicyClass {
    name: "softmax-table",
    network: linear,
    encoding: Encoding::OneHot,
    dist: categorical,
    actions: |n| Space::Discrete { n },
    valid: None,
    jitter: 0.0,
};

fn linear() -> NetworkConfig {
    NetworkConfig::Linear(LinearConfig { policy_gain: 0.7, ..LinearConfig::default() })
}

fn mlp(shared: bool) -> NetworkConfig {
    let config = MlpConfig::default();
    NetworkConfig::Mlp(MlpConfig { hidden: vec![3], policy_gain: 0.7, shared, ..config })
}

/// Policy and value function look at the image together, or each by itself behind a layer
/// normalisation.
fn small_cnn(shared: bool) -> NetworkConfig {
    NetworkConfig::SmallCnn(SmallCnnConfig {
        channels: vec![2],
        hidden: vec![3],
        policy_gain: 0.7,
        shared,
        layer_norm: !shared,
        ..SmallCnnConfig::default()
    })
}

fn impala() -> NetworkConfig {
    let config = ImpalaConfig::default();
    let (channels, hidden) = (vec![2], vec![3]);
    NetworkConfig::Impala(ImpalaConfig { channels, blocks: 1, hidden, policy_gain: 0.7, ..config })
}

fn nature_cnn() -> NetworkConfig {
    let config = NatureCnnConfig::default();
    NetworkConfig::NatureCnn(NatureCnnConfig { hidden: vec![3], policy_gain: 0.7, ..config })
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

/// A distribution of the list with its default settings.
fn default_dist(name: &str) -> DistConfig {
    DistConfig::from_name(name).unwrap_or_else(|error| panic!("{error}"))
}

/// With noise of its own in every step: baselines from other samples are unbiased only where the
/// samples are independent.
fn gsde() -> DistConfig {
    DistConfig::Gsde(GsdeConfig { redraw_every: NonZeroU32::MIN, ..GsdeConfig::default() })
}

/// A feature map in front of a softmax.
const fn features(
    name: &'static str,
    encoding: Encoding,
    network: fn() -> NetworkConfig,
) -> PolicyClass {
    PolicyClass { name, network, encoding, jitter: 0.5, ..SOFTMAX }
}

/// A softmax behind convolutions, over images of so many channels and pixels per side.
const fn image(
    name: &'static str,
    (channels, side): (usize, usize),
    network: fn() -> NetworkConfig,
) -> PolicyClass {
    PolicyClass { name, network, encoding: Encoding::Image { channels, side }, ..SOFTMAX }
}

/// A distribution over continuous actions in one state, which only the bias sees.
const fn continuous(name: &'static str, dist: fn() -> DistConfig) -> PolicyClass {
    PolicyClass { name, encoding: Encoding::Index, dist, ..SOFTMAX }
}

/// Where observation k > 0 is shown, entry k - 1 of the mask is invalid.
const ONE_INVALID: Option<Validity> = Some(|observation, entry| entry + 1 != observation);

/// Every class.
pub const POLICIES: &[PolicyClass] = &[
    SOFTMAX,
    PolicyClass { name: "softmax-linear", encoding: Encoding::Index, ..SOFTMAX },
    PolicyClass { name: "softmax-mlp", network: || mlp(false), ..SOFTMAX },
    PolicyClass { name: "softmax-mlp-shared", network: || mlp(true), ..SOFTMAX },
    PolicyClass { name: "softmax-masked", valid: ONE_INVALID, ..SOFTMAX },
    features("softmax-polynomial", Encoding::Index, || named("polynomial")),
    features("softmax-fourier", Encoding::Index, || named("fourier")),
    features("softmax-rbf", Encoding::Index, || named("rbf")),
    features("softmax-tile-coding", Encoding::Index, || named("tile-coding")),
    features("softmax-tabular", Encoding::OneHot, || named("tabular")),
    image("softmax-small-cnn", (2, 4), || small_cnn(true)),
    image("softmax-small-cnn-norm", (2, 4), || small_cnn(false)),
    image("softmax-impala", (2, 5), impala),
    image("softmax-nature-cnn", (1, 36), nature_cnn),
    PolicyClass {
        name: "probability",
        encoding: Encoding::Index,
        dist: || default_dist("bernoulli"),
        ..SOFTMAX
    },
    PolicyClass {
        name: "multi-categorical",
        dist: || default_dist("multi-categorical"),
        actions: |n| Space::MultiDiscrete { n: vec![2, n / 2] },
        ..SOFTMAX
    },
    PolicyClass {
        name: "multi-bernoulli",
        dist: || default_dist("multi-bernoulli"),
        actions: |n| Space::MultiBinary { n: n.ilog2() as usize },
        ..SOFTMAX
    },
    PolicyClass {
        name: "composite",
        dist: || default_dist("composite"),
        actions: choice_and_bit,
        ..SOFTMAX
    },
    PolicyClass {
        name: "composite-masked",
        dist: || default_dist("composite"),
        actions: choice_and_bit,
        valid: ONE_INVALID,
        ..SOFTMAX
    },
    continuous("gaussian-linear", || gaussian(false)),
    continuous("gaussian-linear-std", || gaussian(true)),
    continuous("full-gaussian", || default_dist("full-gaussian")),
    continuous("squashed-gaussian", || default_dist("squashed-gaussian")),
    continuous("beta", || default_dist("beta")),
    continuous("truncated-normal", || default_dist("truncated-normal")),
    continuous("gsde", gsde),
    continuous("composite-gaussian", || default_dist("composite")),
];

fn choice_and_bit(n: usize) -> Space {
    Space::Tuple(vec![Space::Discrete { n: n / 2 }, Space::MultiBinary { n: 1 }])
}

impl PolicyClass {
    /// Whether its actions are those of finite problems with any number of them.
    #[must_use]
    pub fn is_softmax(&self) -> bool {
        matches!((self.dist)(), DistConfig::Categorical(_))
    }

    /// Whether it sees images.
    #[must_use]
    pub fn sees_images(&self) -> bool {
        matches!(self.encoding, Encoding::Image { .. })
    }

    /// Whether its actions are several choices at once.
    #[must_use]
    pub fn is_factored(&self) -> bool {
        (self.actions)(4).choices().len() > 1
    }

    /// The actions of a table of so many.
    #[must_use]
    pub fn choices(&self, actions: usize) -> Choices {
        Choices::of((self.actions)(actions), self.valid)
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
