//! The explicit list of distributions. Everything that depends on which ones exist (the
//! configuration, the static dispatch, names, errors, contract tests) derives from it.

use super::{
    ActionRow, ActionRowMut, ActionRows, ActionRowsMut, BernoulliConfig, BetaConfig,
    CategoricalConfig, CompositeConfig, DistError, Distribution, Evaluated, FullGaussianConfig,
    GaussianConfig, GsdeConfig, Head, MultiBernoulliConfig, MultiCategoricalConfig,
    SquashedGaussianConfig, TruncatedNormalConfig, Widths,
};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of [`DISTRIBUTIONS`].
#[derive(Clone, Copy, Debug)]
pub struct DistEntry {
    /// The `kind` in a configuration.
    pub name: &'static str,
    /// One line of help.
    pub summary: &'static str,
    /// The configuration with all settings at their defaults.
    pub config: fn() -> DistConfig,
}

// `$$` is not stable: a dollar sign is handed in for the macro that this macro defines.
macro_rules! distributions {
    ($d:tt $($(#[doc = $summary:literal])+ $name:literal => $Dist:ident($Config:ident);)+) => {
        /// Which action distribution the policy has.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
        pub enum DistConfig {
            /// The first of the list that acts on the action space, with its defaults.
            Auto {},
            $($(#[doc = $summary])+ $Dist($Config),)+
        }

        /// Any distribution, dispatched statically: match once per tile with `visit`.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyDist {
            $($(#[doc = $summary])+ $Dist(super::$Dist),)+
        }

        /// Every distribution, in the order in which `auto` tries them.
        pub const DISTRIBUTIONS: &[DistEntry] = &[$(DistEntry {
            name: $name,
            summary: concat!($($summary),+),
            config: || DistConfig::$Dist($Config::default()),
        }),+];

        impl DistConfig {
            /// The `kind` of this configuration.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    Self::Auto {} => "auto",
                    $(Self::$Dist(_) => $name,)+
                }
            }

            /// The distribution on exactly this space, if it acts on it.
            fn try_build(&self, space: &Space) -> Option<AnyDist> {
                match self {
                    Self::Auto {} => {
                        DISTRIBUTIONS.iter().find_map(|entry| (entry.config)().try_build(space))
                    }
                    $(Self::$Dist(config) => config.build(space).map(AnyDist::$Dist),)+
                }
            }
        }

        impl AnyDist {
            /// The `kind` in a configuration.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Dist(_) => $name,)+
                }
            }
        }

        /// `dispatch!(any, d => body)`: run `body` with the concrete distribution as `d`.
        macro_rules! dispatch {
            ($d any:expr, $d dist:ident => $d body:expr) => {
                match $d any { $($crate::dist::AnyDist::$Dist($d dist) => $d body,)+ }
            };
        }
    };
}

distributions! { $
    /// Softmax over one logit per action, for discrete actions.
    "categorical" => Categorical(CategoricalConfig);
    /// Independent normal distributions, for continuous actions.
    "gaussian" => Gaussian(GaussianConfig);
    /// The probability of the first of two actions itself: for closed forms, not for training.
    "bernoulli" => Bernoulli(BernoulliConfig);
    /// A softmax per component, for several choices at once.
    "multi-categorical" => MultiCategorical(MultiCategoricalConfig);
    /// A logit per bit, for bits.
    "multi-bernoulli" => MultiBernoulli(MultiBernoulliConfig);
    /// One block per part, for Dict and Tuple actions, discrete and continuous together.
    "composite" => Composite(CompositeConfig);
    /// A normal distribution with all covariances, for up to 32 continuous actions.
    "full-gaussian" => FullGaussian(FullGaussianConfig);
    /// The hyperbolic tangent of normal distributions, for bounded continuous actions.
    "squashed-gaussian" => SquashedGaussian(SquashedGaussianConfig);
    /// Beta distributions with one peak, for bounded continuous actions.
    "beta" => Beta(BetaConfig);
    /// Normal distributions cut off at the bounds, for bounded continuous actions.
    "truncated-normal" => TruncatedNormal(TruncatedNormalConfig);
    /// Normal distributions whose deviation follows the network's last hidden features (gSDE).
    "gsde" => Gsde(GsdeConfig);
}

impl Default for DistConfig {
    fn default() -> Self {
        Self::Auto {}
    }
}

impl DistConfig {
    /// The default configuration of the distribution called `name` (or `auto`).
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn from_name(name: &str) -> Result<Self, DistError> {
        if name == "auto" {
            return Ok(Self::Auto {});
        }
        let entry = DISTRIBUTIONS.iter().find(|entry| entry.name == name);
        entry.map(|entry| (entry.config)()).ok_or_else(|| DistError::Unknown {
            name: name.into(),
            expected: std::iter::once("auto")
                .chain(DISTRIBUTIONS.iter().map(|entry| entry.name))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// These settings with `auto` replaced by what it stands for on `space`, if anything acts
    /// there.
    #[must_use]
    pub fn resolved(&self, space: &Space) -> Self {
        let auto = || DISTRIBUTIONS.iter().map(|entry| (entry.config)());
        match self {
            Self::Auto {} => auto().find(|c| c.try_build(space).is_some()).unwrap_or(Self::Auto {}),
            chosen => chosen.clone(),
        }
    }

    /// The distribution for actions in `space`.
    ///
    /// # Errors
    /// If it does not act on this space; the error names those that do.
    pub fn build(&self, space: &Space) -> Result<AnyDist, DistError> {
        self.try_build(space).ok_or_else(|| {
            let (name, expected) = (self.name(), acting_on(space));
            match unbounded(space).filter(|_| self.try_build(&bounded(space)).is_some()) {
                Some((component, low, high)) => {
                    DistError::Unbounded { name, component, low, high, expected }
                }
                None => DistError::Unsupported { name, space: space.to_string(), expected },
            }
        })
    }
}

/// The names of the distributions that act on a space, comma separated.
fn acting_on(space: &Space) -> String {
    let acts = |entry: &&DistEntry| (entry.config)().try_build(space).is_some();
    let names: Vec<&str> = DISTRIBUTIONS.iter().filter(acts).map(|entry| entry.name).collect();
    names.join(", ")
}

/// The first continuous component without a finite interval, and its bounds.
fn unbounded(space: &Space) -> Option<(usize, f32, f32)> {
    let (low, high) = space.action_bounds();
    let mut bounds = low.into_iter().zip(high).enumerate();
    bounds.find_map(|(k, (l, h))| (!(h - l).is_finite()).then_some((k, l, h)))
}

/// The same space with all bounds at 1.
fn bounded(space: &Space) -> Space {
    match space {
        Space::Box { low, .. } => Space::uniform_box(low.len(), -1.0, 1.0),
        Space::Dict(entries) => Space::Dict(
            entries.iter().map(|(name, space)| (name.clone(), bounded(space))).collect(),
        ),
        Space::Tuple(entries) => Space::Tuple(entries.iter().map(bounded).collect()),
        other => other.clone(),
    }
}

/// A computation that is generic over the distribution; see [`AnyDist::visit`].
pub trait DistVisitor<R: Real> {
    /// What the computation returns.
    type Output;
    /// Run it with a concrete distribution, so that its inner loops are monomorphised.
    fn run<D: Distribution<R>>(self, dist: &D) -> Self::Output;
}

impl AnyDist {
    /// Run a computation with the concrete distribution inside: one match, then static calls.
    pub fn visit<R: Real, V: DistVisitor<R>>(&self, visitor: V) -> V::Output {
        dispatch!(self, d => visitor.run(d))
    }

    /// For a network with so many hidden features, if the distribution reads any
    /// ([`Head::features`]).
    #[must_use]
    pub fn with_features(self, features: usize) -> Self {
        match self {
            Self::Gsde(gsde) => Self::Gsde(super::Gsde { features, ..gsde }),
            other => other,
        }
    }

    /// [`Distribution::apply_mask`] row by row: masks of [`Widths::mask`] entries onto `y`,
    /// `[rows, params]`.
    pub fn mask_rows<'a, R: Real>(&self, masks: impl Iterator<Item = &'a [bool]>, y: &mut [R]) {
        for (mask, y) in masks.zip(y.chunks_exact_mut(self.params())) {
            self.apply_mask(mask, y);
        }
    }
}

impl Widths for AnyDist {
    fn params(&self) -> usize {
        dispatch!(self, d => d.params())
    }
    fn discrete(&self) -> usize {
        dispatch!(self, d => d.discrete())
    }
    fn continuous(&self) -> usize {
        dispatch!(self, d => d.continuous())
    }
    fn mask(&self) -> usize {
        dispatch!(self, d => d.mask())
    }
    fn samples_are_actions(&self) -> bool {
        dispatch!(self, d => d.samples_are_actions())
    }
    fn redraw_every(&self) -> u64 {
        dispatch!(self, d => d.redraw_every())
    }
    fn head(&self) -> Head {
        dispatch!(self, d => d.head())
    }
}

/// One match per row: convenient outside loops; inside, use [`AnyDist::visit`].
impl<R: Real> Distribution<R> for AnyDist {
    fn apply_mask(&self, mask: &[bool], y: &mut [R]) {
        dispatch!(self, d => d.apply_mask(mask, y));
    }
    fn to_space(&self, sample: &[R], action: &mut [R]) {
        dispatch!(self, d => d.to_space(sample, action));
    }
    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        dispatch!(self, d => d.sample(y, rng, a));
    }
    fn sample_rows(
        &self,
        y: &[R],
        rngs: &mut [Stream],
        a: ActionRowsMut<'_, R>,
        log_prob: &mut [R],
        work: &mut [R],
    ) {
        dispatch!(self, d => d.sample_rows(y, rngs, a, log_prob, work));
    }
    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        dispatch!(self, d => d.mode(y, a));
    }
    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        dispatch!(self, d => d.log_prob(y, a))
    }
    fn entropy(&self, y: &[R]) -> R {
        dispatch!(self, d => d.entropy(y))
    }
    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        dispatch!(self, d => d.kl(y_old, y_new))
    }
    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        dispatch!(self, d => d.add_log_prob_grad(y, a, scale, dy));
    }
    fn add_entropy_grad(&self, y: &[R], scale: R, dy: &mut [R]) {
        dispatch!(self, d => d.add_entropy_grad(y, scale, dy));
    }
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        dispatch!(self, d => d.add_kl_grad(y_old, y_new, scale, dy_new));
    }
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        dispatch!(self, d => d.add_fisher_product(y, v, scale, out));
    }
    fn evaluate(&self, y: &[R], a: ActionRows<'_, R>, work: &mut [R], out: &mut [Evaluated<R>]) {
        dispatch!(self, d => d.evaluate(y, a, work, out));
    }
    fn turn_into_grad(
        &self,
        y: &[R],
        a: ActionRow<'_, R>,
        evaluated: Evaluated<R>,
        d_log_prob: R,
        d_entropy: R,
        work: &mut [R],
    ) {
        dispatch!(self, d => d.turn_into_grad(y, a, evaluated, d_log_prob, d_entropy, work));
    }
}
