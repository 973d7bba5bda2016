//! The settings that ship inside the program: one file and one line each.

use super::document::{self, Leaf};
use super::{LayerError, Origin, suggest};

/// A settings file embedded in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// `<environment>-<algorithm>`, with `/` in the environment's name written as `-`; what is
    /// behind that (`-fourier`) marks a preset that only its name selects.
    pub name: &'static str,
    /// The TOML text.
    pub text: &'static str,
}

macro_rules! embedded {
    ($folder:literal: $($name:literal,)*) => {
        &[$(Preset {
            name: $name,
            text: include_str!(concat!("../../../../presets/", $folder, $name, ".toml")),
        },)*]
    };
}

/// Tuned settings per environment and algorithm.
pub static PRESETS: &[Preset] = embedded! { "":
    "CartPole-v1-ppo",
    "CartPole-v1-a2c",
    "CartPole-v1-reinforce",
    "CartPole-v1-off_policy_pg",
    "Acrobot-v1-ppo",
    "MountainCar-v0-ppo",
    "MountainCarContinuous-v0-ppo",
    "Pendulum-v1-ppo",
    "CartPole-v1-a2c-fourier",
    "MountainCar-v0-a2c-tile-coding",
    "Pendulum-v1-ppo-rbf",
    "Pendulum-v1-ppo-polynomial",
    "Pendulum-v1-ppo-beta",
    "Pendulum-v1-ppo-squashed-gaussian",
    "Pendulum-v1-ppo-gsde",
    "FrozenLake-v1-ppo",
    "FrozenLake-v1-reinforce",
    "CliffWalking-v1-ppo",
    "Taxi-v4-ppo",
    "hybrid-platform-ppo",
    "hybrid-platform-no-velocity-ppo",
    "CartPole-v1-npg",
    "CartPole-v1-trpo",
    "Acrobot-v1-npg",
    "Acrobot-v1-trpo",
    "MountainCarContinuous-v0-npg",
    "MountainCarContinuous-v0-trpo",
    "Pendulum-v1-npg",
    "Pendulum-v1-trpo",
    "CartPoleNoVel-v1-ppo",
    "CartPoleNoVel-v1-ppo-stack",
    "PendulumNoVel-v1-ppo",
    "memory-t-maze-50-ppo",
    "memory-repeat-copy-ppo",
    "games-bricks-ppo",
    "games-collector-ppo",
    "games-crossing-ppo",
    "games-shooter-ppo",
    "games-bricks-pixels-ppo",
    "grid-empty-8-ppo",
    "grid-door-key-5-ppo",
    "grid-door-key-8-ppo",
    "grid-four-rooms-11-ppo",
    "cards-pyramid-ppo",
    "LunarLander-v3-ppo",
    "LunarLanderContinuous-v3-ppo",
    "BipedalWalker-v3-ppo",
    "HalfCheetah-v5-ppo",
    "Hopper-v5-ppo",
    "Walker2d-v5-ppo",
    "InvertedPendulum-v5-ppo",
    "ALE-Breakout-v5-ppo",
    "ALE-Pong-v5-ppo",
    "InvertedDoublePendulum-v5-ppo",
    "Swimmer-v5-ppo",
    "Reacher-v5-ppo",
    "Pusher-v5-ppo",
    "HalfCheetah-v5-reinforce",
    "Hopper-v5-reinforce",
};

/// What an algorithm changes in the defaults, whatever the environment.
pub static ALGORITHM_DEFAULTS: &[Preset] = embedded! { "algorithms/":
    "reinforce",
    "a2c",
    "ppo",
    "npg",
    "trpo",
    "off_policy_pg",
    "bc",
};

impl Preset {
    /// The preset of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The preset of that name.
    ///
    /// # Errors
    /// If there is none: lists the names and suggests the nearest.
    pub fn named(name: &str) -> Result<&'static Self, LayerError> {
        let names = || PRESETS.iter().map(|preset| preset.name).chain(["auto", "none"]);
        Self::find(name).ok_or_else(|| {
            LayerError::new(format!("unknown preset {name}: {}", suggest::expected(name, names())))
        })
    }

    /// The preset made for this environment and algorithm, if there is one.
    #[must_use]
    pub fn matching(env: &str, algo: &str) -> Option<&'static Self> {
        Self::find(&format!("{}-{algo}", env.replace('/', "-")))
    }

    /// The first comment line of the file: what the preset reaches.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.text.lines().next().and_then(|line| line.strip_prefix('#')).unwrap_or("").trim()
    }

    /// Its settings.
    ///
    /// # Errors
    /// If the text is not TOML.
    pub fn leaves(&self) -> Result<Vec<Leaf>, LayerError> {
        let origin = |line| Origin::Preset(self.name.to_owned(), line);
        document::parse(self.text, &format!("preset {}", self.name), origin)
    }
}

/// The defaults of an algorithm; empty for one without.
///
/// # Errors
/// If the embedded text is not TOML.
pub fn algorithm_leaves(algo: &str) -> Result<Vec<Leaf>, LayerError> {
    let Some(found) = ALGORITHM_DEFAULTS.iter().find(|preset| preset.name == algo) else {
        return Ok(Vec::new());
    };
    let origin = |_| Origin::Algorithm(algo.to_owned());
    document::parse(found.text, &format!("defaults of {algo}"), origin)
}
