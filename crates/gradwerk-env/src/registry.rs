//! The list of environments, and how to make batches of them by name.

use crate::batch::has_masks;
use crate::{
    Env, EnvBatch, EnvError, EnvSettings, EpisodeKeys, Mdp, Space, VecEnv, box2d, cards, classic,
    exact_gaussian,
    finite::{self, MdpFactory, file, problems},
    games, grid, hybrid, memory,
    probe::{self, ProbeSolution},
    tree::FileError,
};
use gradwerk_math::pool::shares;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The facts about a built-in environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnvSpec {
    /// The name users type, e.g. `CartPole-v1`.
    pub id: &'static str,
    /// One line for `gradwerk list envs`.
    pub summary: &'static str,
    /// Inner steps after which an episode is truncated.
    pub time_limit: Option<u32>,
    /// Mean return of 100 episodes from which the task counts as solved.
    pub solved_at: Option<f64>,
}

/// An environment of the list: its facts and how to build one.
pub trait BuiltIn: Env + 'static {
    /// The facts.
    const SPEC: EnvSpec;
    /// One copy, to be reset before use.
    fn new() -> Self;
    /// The known values and best actions under this discount, for probes.
    fn solution(discount: f64) -> Option<ProbeSolution> {
        let _ = discount;
        None
    }
    /// A batch ([`EnvFactory::make`]): copies stepped one after another, unless the environment
    /// has a faster way to the same bits ([`columns::batch`](crate::columns::batch)).
    fn batch(
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv>
    where
        Self: Sized,
    {
        Box::new(EnvBatch::new(Arc::new(Self::new), seed, keys, num_envs, settings))
    }
}

/// How the slots of a run may be cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// Into any number of batches, which may be stepped on several threads.
    Free,
    /// All in one batch (the environment lives behind a lock, or is a batch already).
    Whole {
        /// Most slots that an evaluation may have.
        evaluation: usize,
    },
}

impl Batching {
    /// `(first, count)` of the batches that `n` slots are cut into for so many threads: at most
    /// one for each, and their sizes differ by at most one.
    pub fn shards(self, n: usize, threads: usize) -> impl ExactSizeIterator<Item = (usize, usize)> {
        let shards = if self == Self::Free { threads.min(n) } else { 1 };
        shares(n, shards).map(|slots| (slots.start, slots.len()))
    }
}

/// Makes batches of one environment.
pub trait EnvFactory: Send + Sync {
    /// The name.
    fn id(&self) -> &str;
    /// One line about it.
    fn summary(&self) -> &str {
        ""
    }
    /// The time limit it is usually played with, in inner steps.
    fn default_time_limit(&self) -> Option<u32>;
    /// Mean return of 100 episodes from which it counts as solved.
    fn solved_at(&self) -> Option<f64> {
        None
    }
    /// The space of observations.
    fn observation_space(&self) -> Space;
    /// The space of actions.
    fn action_space(&self) -> Space;
    /// `num_envs` slots whose episodes are keyed by `(seed, keys)`, to be reset before use.
    ///
    /// # Panics
    /// If `num_envs` is 0 or the settings are invalid ([`EnvSettings::validate`]).
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv>;
    /// Whether the environment masks actions ([`Env::action_mask`]).
    fn has_masks(&self) -> bool {
        false
    }
    /// How the slots of a run may be cut into batches.
    fn batching(&self) -> Batching {
        Batching::Free
    }
    /// Whether the reset of an episode takes a step of its own ([`VecEnv::resetting`]).
    fn has_reset_rows(&self) -> bool {
        false
    }
    /// Whether a saved batch goes on bit for bit as if it had not been interrupted.
    fn exact_resume(&self) -> bool {
        true
    }
    /// Whether batches can be made now: an environment that stands on something outside says what
    /// is missing and how to get it. [`find`] asks.
    ///
    /// # Errors
    /// If something is missing.
    fn ready(&self) -> Result<(), EnvError> {
        Ok(())
    }
    /// The simulator outside that it stands on, with its release: trajectories may differ from
    /// one release to the next.
    fn simulator(&self) -> Option<String> {
        None
    }
    /// Whether it was made with the options of the run's settings (`env.options`).
    fn takes_options(&self) -> bool {
        false
    }
    /// How whoever brings the environment shows values of its spaces, in words of its own: kept
    /// in the files of policies that were trained on it.
    fn interface(&self) -> Option<String> {
        None
    }
    /// The known values and best actions under this discount (probes have them).
    fn solution(&self, discount: f64) -> Option<ProbeSolution> {
        let _ = discount;
        None
    }
    /// The table of a finite problem.
    fn mdp(&self) -> Option<&Arc<Mdp>> {
        None
    }
    /// The usual time limit and no frame skip.
    fn default_settings(&self) -> EnvSettings {
        EnvSettings { time_limit: self.default_time_limit(), frame_skip: 1 }
    }
}

/// The factory of a [`BuiltIn`] environment.
struct BuiltInFactory<E>(PhantomData<fn() -> E>);

impl<E: BuiltIn> EnvFactory for BuiltInFactory<E> {
    fn id(&self) -> &str {
        E::SPEC.id
    }
    fn summary(&self) -> &str {
        E::SPEC.summary
    }
    fn default_time_limit(&self) -> Option<u32> {
        E::SPEC.time_limit
    }
    fn solved_at(&self) -> Option<f64> {
        E::SPEC.solved_at
    }
    fn observation_space(&self) -> Space {
        E::new().observation_space()
    }
    fn action_space(&self) -> Space {
        E::new().action_space()
    }
    fn has_masks(&self) -> bool {
        has_masks(E::new())
    }
    fn solution(&self, discount: f64) -> Option<ProbeSolution> {
        E::solution(discount)
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        E::batch(seed, keys, num_envs, settings)
    }
}

/// Makes the environment of a name with parameters in it (`games/bricks-pixels`), if the name is
/// one of the family's.
pub(crate) type Family = fn(&str) -> Option<Box<dyn EnvFactory>>;

/// Declares the list: one line per environment, `types` that implement [`BuiltIn`], `tables`
/// that are played by [`MdpEnv`](crate::MdpEnv), and `families` with those of their names that
/// are listed.
macro_rules! envs {
    (
        types { $($env:ty,)* } tables { $($table:path,)* }
        families { $($family:path: [$($id:literal,)*],)* }
    ) => {
        fn built_in() -> Vec<&'static dyn EnvFactory> {
            let of = |family: Family, id| -> &'static dyn EnvFactory {
                Box::leak(family(id).expect("a listed name is one of its family"))
            };
            vec![
                $(&BuiltInFactory::<$env>(PhantomData),)*
                $(&$table,)*
                $($(of($family, $id),)*)*
            ]
        }
        static FAMILIES: &[Family] = &[$($family,)*];
    };
}

envs! {
    types {
        classic::CartPole,
        classic::MountainCar,
        classic::MountainCarContinuous,
        classic::Acrobot,
        classic::Pendulum,
        probe::ConstantReward,
        probe::ObservationReward,
        probe::TwoStepDiscount,
        probe::ActionReward,
        probe::ActionRewardContinuous,
        probe::All,
        probe::AllContinuous,
        probe::TruncationChain,
        probe::Masked,
        probe::Hybrid,
        probe::Pixel,
        exact_gaussian::QuadraticBanditEnv,
        exact_gaussian::RegulatorEnv,
        exact_gaussian::ConditioningEnv,
        cards::Pyramid,
        hybrid::Platform,
        memory::RepeatCopy,
        memory::WithoutVelocity<classic::CartPole>,
        memory::WithoutVelocity<classic::Pendulum>,
        memory::WithoutVelocity<hybrid::Platform>,
    }
    tables {
        problems::FROZEN_LAKE,
        problems::FROZEN_LAKE_NOT_SLIPPERY,
        problems::FROZEN_LAKE_8X8,
        problems::FROZEN_LAKE_8X8_NOT_SLIPPERY,
        problems::CLIFF_WALKING,
        problems::CLIFF_WALKING_SLIPPERY,
        problems::TAXI,
        problems::BLACKJACK,
        problems::CHAIN_5,
        problems::BANDIT,
        problems::GRID_WORLD,
        problems::ONE_STATE,
        problems::ONE_STATE_SPARSE,
        problems::TIGER,
    }
    families {
        box2d::lunar_lander::family: [
            "LunarLander-v3",
            "LunarLanderContinuous-v3",
            "LunarLanderWindy-v3",
            "LunarLanderContinuousWindy-v3",
        ],
        box2d::bipedal_walker::family: ["BipedalWalker-v3", "BipedalWalkerHardcore-v3",],
        games::family: [
            "games/bricks",
            "games/bricks-pixels",
            "games/collector",
            "games/collector-pixels",
            "games/crossing",
            "games/crossing-pixels",
            "games/shooter",
            "games/shooter-pixels",
        ],
        grid::family: [
            "grid/empty-8",
            "grid/door-key-5",
            "grid/door-key-8",
            "grid/four-rooms-11",
        ],
        memory::family: ["memory/t-maze-10", "memory/t-maze-50",],
    }
}

/// The list, made at its first use.
static ENVS: OnceLock<Vec<&'static dyn EnvFactory>> = OnceLock::new();
/// Environments that adapters bring, for the end of the list.
static GUESTS: Mutex<Vec<&'static dyn EnvFactory>> = Mutex::new(Vec::new());

/// All environments: the built-in ones in their order, then those of [`extend`].
#[must_use]
pub fn all() -> &'static [&'static dyn EnvFactory] {
    ENVS.get_or_init(|| {
        let guests = GUESTS.lock().unwrap_or_else(PoisonError::into_inner);
        built_in().into_iter().chain(guests.iter().copied()).collect()
    })
}

/// Append environments to the list, for adapters to simulators outside. A program does so before
/// it uses the list.
///
/// # Panics
/// If the list was used already, which would not have had them.
pub fn extend(envs: &[&'static dyn EnvFactory]) {
    let mut guests = GUESTS.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(ENVS.get().is_none(), "the list of environments is in use: extend it at the start");
    guests.extend_from_slice(envs);
}

/// Environments that files describe, told by the ending of the file's name.
#[derive(Clone, Copy)]
pub struct FileKind {
    /// The ending, as `.mdp.toml`.
    pub ending: &'static str,
    /// The environment that the file of this name describes now.
    pub load: fn(&str) -> Result<&'static dyn EnvFactory, FindError>,
}

/// Kinds of files that adapters bring.
static GUEST_FILES: Mutex<Vec<FileKind>> = Mutex::new(Vec::new());

/// Read environments from files of another kind too, for adapters to simulators outside.
pub fn extend_files(kind: FileKind) {
    GUEST_FILES.lock().unwrap_or_else(PoisonError::into_inner).push(kind);
}

fn guest_file(id: &str) -> Option<FileKind> {
    let kinds = GUEST_FILES.lock().unwrap_or_else(PoisonError::into_inner);
    kinds.iter().copied().find(|kind| id.ends_with(kind.ending))
}

/// Whether the name of an environment is that of a file which describes it.
#[must_use]
pub fn is_file(id: &str) -> bool {
    file::is_mdp_file(id) || guest_file(id).is_some()
}

/// A name that is not in the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown environment `{id}`{}, expected one of {}", did_you_mean(.suggestion), .known.join(", "))]
pub struct UnknownEnv {
    /// The name that was asked for.
    pub id: String,
    /// The most similar known name, if one is similar.
    pub suggestion: Option<&'static str>,
    /// All known names.
    pub known: Vec<&'static str>,
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(String::new, |s| format!(" (did you mean `{s}`?)"))
}

/// A name that does not lead to an environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// It is not in the list.
    #[error(transparent)]
    Unknown(#[from] UnknownEnv),
    /// It is the name of a file, in which something is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// It needs something that is missing ([`EnvFactory::ready`]).
    #[error(transparent)]
    NotReady(#[from] EnvError),
}

/// The environment of that name: one of the list, one of a family with parameters in its names
/// (a chain `mdp/chain-N` of any length, a game `games/bricks-exact`, ...), or what a file describes:
/// a finite problem if the name ends in `.mdp.toml` or `.mdp.json`, or of a kind of
/// [`extend_files`].
///
/// # Errors
/// If there is none: the error lists the names and suggests the nearest, or says what is wrong
/// with the file, or what the environment lacks.
pub fn find(id: &str) -> Result<&'static dyn EnvFactory, FindError> {
    if let Some(env) = all().iter().copied().find(|env| env.id() == id) {
        env.ready()?;
        return Ok(env);
    }
    if file::is_mdp_file(id) {
        let mdp = file::load(Path::new(id))?;
        return Ok(finite::intern(MdpFactory::of(id.into(), mdp)));
    }
    if let Some(kind) = guest_file(id) {
        return (kind.load)(id);
    }
    if let Some(n) = chain_length(id) {
        return Ok(finite::intern(MdpFactory::of(id.into(), problems::chain(n))));
    }
    if let Some(made) = FAMILIES.iter().find_map(|family| family(id)) {
        return Ok(intern(made));
    }
    let known: Vec<&'static str> = all().iter().map(|env| env.id()).collect();
    Err(UnknownEnv { id: id.into(), suggestion: nearest(id, &known), known }.into())
}

/// Environments of families that are not listed and that somebody has asked for.
static ASKED_FOR: Mutex<Vec<&'static dyn EnvFactory>> = Mutex::new(Vec::new());

/// The one factory of this name, kept (leaked) once.
fn intern(made: Box<dyn EnvFactory>) -> &'static dyn EnvFactory {
    let mut known = ASKED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.iter().find(|env| env.id() == made.id()) {
        return *found;
    }
    let kept: &'static dyn EnvFactory = Box::leak(made);
    known.push(kept);
    kept
}

/// N of `mdp/chain-N`, if it is from 2 to 1000.
fn chain_length(id: &str) -> Option<usize> {
    let digits = id.strip_prefix("mdp/chain-")?;
    let n: usize = digits.parse().ok()?;
    ((2..=1000).contains(&n) && n.to_string() == digits).then_some(n)
}

/// The known name at the smallest edit distance (ignoring case), if that is at most two fifths of
/// its length (enough for `cart-pole`, which lacks the version too).
fn nearest(id: &str, known: &[&'static str]) -> Option<&'static str> {
    let id = id.to_lowercase();
    let distance = |name: &&&'static str| edit_distance(&id, &name.to_lowercase());
    let best = known.iter().min_by_key(distance)?;
    (distance(&best) * 5 <= best.len() * 2).then_some(*best)
}

/// Levenshtein distance: insertions, deletions and substitutions from `a` to `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The facts about an environment that is made at run time.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub id: String,
    pub summary: String,
    pub time_limit: Option<u32>,
    pub solved_at: Option<f64>,
}

/// The factory of an environment that is made at run time: a user's own, or one of a family.
struct MadeFactory<E, F> {
    facts: Facts,
    maker: Arc<F>,
    made: PhantomData<fn() -> E>,
}

/// A factory for your own environment: `maker` builds one copy, to be reset before use.
///
/// Episodes are truncated after `time_limit` steps unless the settings say otherwise.
#[must_use]
pub fn custom<E: Env + 'static>(
    id: impl Into<String>,
    time_limit: Option<u32>,
    maker: impl Fn() -> E + Send + Sync + 'static,
) -> Box<dyn EnvFactory> {
    let summary = "a user's own environment".into();
    made(Facts { id: id.into(), summary, time_limit, solved_at: None }, maker)
}

/// A factory with the given facts: `maker` builds one copy.
pub(crate) fn made<E: Env + 'static>(
    facts: Facts,
    maker: impl Fn() -> E + Send + Sync + 'static,
) -> Box<dyn EnvFactory> {
    Box::new(MadeFactory { facts, maker: Arc::new(maker), made: PhantomData })
}

impl<E: Env + 'static, F: Fn() -> E + Send + Sync + 'static> EnvFactory for MadeFactory<E, F> {
    fn id(&self) -> &str {
        &self.facts.id
    }
    fn summary(&self) -> &str {
        &self.facts.summary
    }
    fn default_time_limit(&self) -> Option<u32> {
        self.facts.time_limit
    }
    fn solved_at(&self) -> Option<f64> {
        self.facts.solved_at
    }
    fn observation_space(&self) -> Space {
        (self.maker)().observation_space()
    }
    fn action_space(&self) -> Space {
        (self.maker)().action_space()
    }
    fn has_masks(&self) -> bool {
        has_masks((self.maker)())
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        Box::new(EnvBatch::new(self.maker.clone(), seed, keys, num_envs, settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_unique_and_found() {
        for (i, env) in all().iter().enumerate() {
            assert_eq!(find(env.id()).unwrap().id(), env.id());
            assert!(all()[..i].iter().all(|other| other.id() != env.id()), "{} twice", env.id());
            assert!(!env.summary().is_empty());
        }
    }

    #[test]
    fn an_unknown_id_gets_a_suggestion() {
        let unknown = |id: &str| match find(id) {
            Err(FindError::Unknown(error)) => error,
            other => panic!("{id}: {:?}", other.map(EnvFactory::id)),
        };
        assert_eq!(unknown("cart-pole").suggestion, Some("CartPole-v1"));
        let error = unknown("cartpole");
        assert_eq!(error.suggestion, Some("CartPole-v1"));
        let text = error.to_string();
        assert!(text.starts_with(
            "unknown environment `cartpole` (did you mean `CartPole-v1`?), expected one of CartPole-v1"
        ));
        assert_eq!(unknown("Go").suggestion, None);
    }

    #[test]
    fn edit_distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3); // k->s, e->i, +g
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
    }
}
