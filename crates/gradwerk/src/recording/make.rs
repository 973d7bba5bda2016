//! Making a recording: keyed episodes, as evaluation plays them, with all that happens in them.

use super::check::SAMPLES;
use super::{About, Behaviour, Recording};
use crate::dist::Widths;
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
    let env = &policy.as_seen(env)?;
    let dist = &policy.model().dist;
    if options.stochastic && !dist.samples_are_actions() {
        return Err(Error::Usage(format!("{} policy, stochastic: {SAMPLES}", dist.name())));
    }
    let (settings, _) = policy.episode_settings(env);
    let game = Game { env, settings, episodes: options.episodes, seed: options.seed, keep: true };
    let player = PolicyPlayer::new(policy, options.stochastic);
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
        masks: game.env.has_masks(),
        ..About::new(game.env.id(), behaviour, maker)
    })?;
    let Some(played) = play(&game, player, pool, interrupt)? else { return Ok(None) };
    for episode in played {
        recording.push(&episode.trajectory)?;
    }
    Ok(Some(recording))
}

/// Plays every valid action with the same probability: a behaviour that leaves nothing out.
#[derive(Clone, Debug)]
pub struct Uniform {
    space: Space,
    choices: Vec<usize>,
    /// Logarithm of the volume of the continuous components.
    log_volume: f64,
}

impl Uniform {
    /// Over the actions of a space.
    ///
    /// # Errors
    /// If the space is unbounded: names the component; or if it has no actions.
    pub fn new(space: &Space) -> Result<Self, Error> {
        space.validate()?;
        if space.action_widths() == (0, 0) {
            return Err(Error::Usage(format!("no actions in {space}, only observations")));
        }
        let (low, high) = space.action_bounds();
        let width = |(&l, &h): (&f32, &f32)| f64::from(h) - f64::from(l);
        let widths = || low.iter().zip(&high).map(width);
        if let Some(at) = widths().position(|w| !w.is_finite() || w == 0.0) {
            return Err(Error::Usage(format!(
                "action component {at} lies in [{}, {}]: no uniform distribution there",
                low[at], high[at]
            )));
        }
        let (choices, log_volume) = (space.choices(), widths().map(Real::ln).sum());
        Ok(Self { space: space.clone(), choices, log_volume })
    }

    /// How many discrete actions a mask allows, as a logarithm; an empty mask allows all.
    fn log_count(&self, mask: &[bool]) -> f64 {
        let mut rest = mask;
        let count = |&n: &usize| {
            let (own, later) = rest.split_at(n.min(rest.len()));
            rest = later;
            if own.is_empty() { n } else { own.iter().filter(|valid| **valid).count() }
        };
        self.choices.iter().map(count).map(|n| Real::ln(n as f64)).sum()
    }
}

impl Player for Uniform {
    fn act(
        &mut self,
        _: &[f32],
        masks: &[bool],
        streams: &[Stream],
    ) -> Result<(ActionBatch, Vec<f32>), Error> {
        let (mut actions, mut log_mu) = (ActionBatch::default(), Vec::new());
        let width = masks.len() / streams.len();
        for (i, stream) in streams.iter().enumerate() {
            let mask = &masks[i * width..(i + 1) * width];
            let (discrete, continuous) = self.space.sample(mask, &mut stream.clone());
            actions.discrete.extend(discrete);
            actions.continuous.extend(continuous);
            log_mu.push(-(self.log_count(mask) + self.log_volume) as f32);
        }
        Ok((actions, log_mu))
    }
}
