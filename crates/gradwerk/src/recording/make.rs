//! Making a recording: keyed episodes, as evaluation plays them, with all that happens in them.

use super::{About, Behaviour, Recording};
use crate::evaluate::EvalOptions;
use crate::play::{Game, Player, PolicyPlayer, play};
use crate::policy::{ActionBatch, Policy};
use crate::{Error, Pool};
use gradwerk_env::{EnvFactory, Space};
use gradwerk_math::{Real, Stream};
use std::sync::atomic::AtomicBool;

/// Record `options.episodes` episodes of a policy, with the environment's settings that it was
/// trained with; `None` if `interrupt` was set before the last one ended.
///
/// # Errors
/// If the policy does not fit the environment, or the environment yields a NaN.
pub fn record(
    policy: &Policy,
    env: &dyn EnvFactory,
    options: EvalOptions,
    pool: &Pool,
    interrupt: &AtomicBool,
) -> Result<Option<Recording>, Error> {
    policy.check_env(env)?;
    let (settings, _) = policy.episode_settings(env);
    let game = Game { env, settings, episodes: options.episodes, seed: options.seed, keep: true };
    let player = PolicyPlayer { policy: policy.clone(), stochastic: options.stochastic };
    let behaviour =
        if options.stochastic { Behaviour::Stochastic } else { Behaviour::Deterministic };
    let config = policy.config();
    let maker = format!(
        "policy of {} on {}, seed {}; episodes of seed {}",
        config.algo.name(),
        config.env.id,
        config.seed,
        options.seed
    );
    record_with(&player, &game, behaviour, maker, pool, interrupt)
}

/// Record anything that plays; `None` if `interrupt` was set before the last episode ended.
///
/// # Errors
/// If the environment yields a NaN, or the player's rows are not what `behaviour` and the spaces
/// ask for.
pub fn record_with<P: Player>(
    player: &P,
    game: &Game<'_>,
    behaviour: Behaviour,
    maker: impl Into<String>,
    pool: &Pool,
    interrupt: &AtomicBool,
) -> Result<Option<Recording>, Error> {
    let game = Game { keep: true, ..*game };
    let mut recording = Recording::new(About {
        frame_skip: game.settings.frame_skip,
        observation_space: game.env.observation_space(),
        action_space: game.env.action_space(),
        ..About::new(game.env.id(), behaviour, maker)
    })?;
    let Some(played) = play(&game, player, pool, interrupt)? else { return Ok(None) };
    for episode in played {
        recording.push(&episode.trajectory)?;
    }
    Ok(Some(recording))
}

/// Plays every action with the same probability: a behaviour that leaves nothing out.
#[derive(Clone, Debug)]
pub struct Uniform {
    space: Space,
    log_mu: f32,
}

impl Uniform {
    /// Over the actions of a space.
    ///
    /// # Errors
    /// If the space is unbounded: names the component; or if it is one of images.
    pub fn new(space: &Space) -> Result<Self, Error> {
        space.validate()?;
        let volume = match space {
            Space::Discrete { n } => Real::ln(*n as f64),
            Space::Box { low, high } => {
                let width = |(&l, &h): (&f32, &f32)| f64::from(h) - f64::from(l);
                let widths = || low.iter().zip(high).map(width);
                if let Some(at) = widths().position(|w| !w.is_finite() || w == 0.0) {
                    return Err(Error::Usage(format!(
                        "action component {at} lies in [{}, {}]: no uniform distribution there",
                        low[at], high[at]
                    )));
                }
                widths().map(Real::ln).sum()
            }
            Space::Image { .. } => {
                return Err(Error::Usage(format!("no actions in {space}, only observations")));
            }
        };
        Ok(Self { space: space.clone(), log_mu: -volume as f32 })
    }
}

impl Player for Uniform {
    fn act(&mut self, _: &[f32], streams: &[Stream]) -> (ActionBatch, Vec<f32>) {
        let mut actions = ActionBatch::default();
        for stream in streams {
            let mut rng = stream.clone();
            match &self.space {
                Space::Discrete { n } => actions.discrete.push(rng.below(*n as u32)),
                Space::Box { low, high } => actions
                    .continuous
                    .extend(low.iter().zip(high).map(|(&l, &h)| l + (h - l) * rng.uniform())),
                Space::Image { .. } => unreachable!("refused by new"),
            }
        }
        (actions, vec![self.log_mu; streams.len()])
    }
}
