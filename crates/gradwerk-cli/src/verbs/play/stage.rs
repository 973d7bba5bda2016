//! One copy of an environment and whoever plays it.

use super::actor::Actor;
use gradwerk::Error;
use gradwerk_env::picture::Scene;
use gradwerk_env::{
    Actions, End, EnvFactory, EnvSettings, EpisodeKeys, StepRows, VecEnv, WithPrevious,
};

/// A finished episode.
#[derive(Clone, Copy)]
pub struct Played {
    /// Its return.
    pub total: f64,
    /// Its steps.
    pub length: u64,
}

/// The environment in its current episode.
pub struct Stage {
    factory: WithPrevious<'static>,
    settings: EnvSettings,
    seed: u64,
    actor: Actor,
    env: Box<dyn VecEnv>,
    obs: Vec<f32>,
    episode: u64,
    length: u64,
    total: f64,
    reward: f64,
    end: End,
    /// What was done last, for people.
    did: String,
}

impl Stage {
    /// Before the first episode.
    pub fn new(
        factory: WithPrevious<'static>,
        settings: EnvSettings,
        seed: u64,
        actor: Actor,
    ) -> Self {
        let env = open(&factory, settings, seed, 0);
        let obs = vec![0.0; env.observation_space().width()];
        let mut stage = Self {
            factory,
            settings,
            seed,
            actor,
            env,
            obs,
            episode: 0,
            length: 0,
            total: 0.0,
            reward: 0.0,
            end: End::Continue,
            did: String::new(),
        };
        stage.begin(0);
        stage
    }

    /// Start an episode, which its number and the seed decide.
    pub fn begin(&mut self, episode: u64) {
        // A batch of its own: the last picture of an episode is not that of the next one's start.
        self.env = open(&self.factory, self.settings, self.seed, episode);
        self.env.reset(&mut self.obs);
        (self.episode, self.length, self.total, self.reward) = (episode, 0, 0.0, 0.0);
        (self.end, self.did) = (End::Continue, "start".into());
    }

    /// Take a step; false if the player leaves.
    ///
    /// # Errors
    /// If an observation or a reward is not finite, or keys cannot be read.
    pub fn step(&mut self) -> Result<bool, Error> {
        let names = self.env.action_names();
        let space = self.env.action_space();
        let mut mask = vec![true; self.env.mask_width()];
        self.env.masks(&mut mask);
        let (episode, time) = (self.episode, self.length);
        let Some(action) = self.actor.act(&self.obs, &mask, space, names, episode, time)? else {
            return Ok(false);
        };
        let (mut reward, mut end) = ([0.0], [End::Continue]);
        let mut final_obs = self.obs.clone();
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut reward,
            end: &mut end,
            final_obs: &mut final_obs,
        };
        let actions = Actions { discrete: &action.discrete, continuous: &action.continuous };
        self.env.step(actions, &[true], &mut rows);
        if end[0].is_end() {
            self.obs = final_obs;
        }
        (self.reward, self.end) = (reward[0], end[0]);
        self.length += 1;
        self.total += self.reward;
        self.did = words(&action.discrete, &action.continuous, names);
        self.check()
    }

    /// A NaN or an infinity ends the play.
    fn check(&self) -> Result<bool, Error> {
        let numbers = self.obs.iter().map(|x| f64::from(*x)).chain([self.reward]);
        match numbers.enumerate().find(|(_, x)| !x.is_finite()) {
            None => Ok(true),
            Some((k, value)) => Err(Error::NonFinite {
                what: if k < self.obs.len() {
                    format!("observation entry {k}")
                } else {
                    "reward".into()
                },
                value,
                place: format!("episode {}, step {}", self.episode, self.length),
            }),
        }
    }

    /// Whether the environment can be seen.
    pub fn has_pictures(&self) -> bool {
        self.picture().is_some()
    }

    /// How things stand; at the end of an episode, how it ended.
    pub fn picture(&self) -> Option<&Scene> {
        self.env.picture(0)
    }

    /// The observation.
    pub fn obs(&self) -> &[f32] {
        &self.obs
    }

    /// Whether the episode has ended.
    pub fn is_over(&self) -> bool {
        self.end.is_end()
    }

    /// The episode so far.
    pub fn played(&self) -> Played {
        Played { total: self.total, length: self.length }
    }

    /// The environment's name.
    pub fn env_id(&self) -> &str {
        self.factory.id()
    }

    /// Who plays.
    pub fn player(&self) -> &'static str {
        self.actor.name()
    }

    /// What the discrete actions do.
    pub fn action_names(&self) -> &'static [&'static str] {
        self.env.action_names()
    }

    /// One line about the last step.
    pub fn line(&self) -> String {
        let end = match self.end {
            End::Continue => "",
            End::Terminated => ", terminated",
            End::Truncated => ", time is up",
        };
        format!(
            "episode {}, step {}: {}, reward {:.3}, return {:.3}{end}",
            self.episode, self.length, self.did, self.reward, self.total
        )
    }
}

/// One slot that plays this episode first, with pictures.
fn open(
    factory: &dyn EnvFactory,
    settings: EnvSettings,
    seed: u64,
    episode: u64,
) -> Box<dyn VecEnv> {
    let keys = EpisodeKeys::Evaluation { first: episode, stride: 1 };
    let mut env = factory.make(seed, keys, 1, &settings);
    env.film();
    env
}

/// An action for people.
fn words(discrete: &[u32], continuous: &[f32], names: &[&str]) -> String {
    let name = |a: &u32| match names.get(*a as usize) {
        Some(name) => (*name).to_owned(),
        None => format!("action {a}"),
    };
    let numbers = continuous.iter().map(|x| format!("{x:.2}"));
    discrete.iter().map(name).chain(numbers).collect::<Vec<_>>().join(" ")
}
