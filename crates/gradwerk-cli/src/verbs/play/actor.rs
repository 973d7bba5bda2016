//! Who chooses the actions.

use super::keys;
use console::Term;
use gradwerk::policy::ActionBatch;
use gradwerk::{Error, Policy};
use gradwerk_env::{EnvFactory, Space};
use gradwerk_math::{Purpose, Stream};

/// A player.
pub enum Actor {
    /// A trained policy; a seed if it samples its actions.
    Policy(Box<Policy>, Option<u64>),
    /// Chance, from this seed.
    Random(u64),
    /// Whoever sits at the terminal.
    Human(Term),
}

impl Actor {
    /// A policy's most probable actions, or samples.
    pub fn policy(policy: Policy, stochastic: bool, seed: u64) -> Self {
        Self::Policy(Box::new(policy), stochastic.then_some(seed))
    }

    /// Actions that are uniform over their space.
    pub fn random(seed: u64) -> Self {
        Self::Random(seed)
    }

    /// Keys of the terminal.
    ///
    /// # Errors
    /// If there is no terminal, or keys cannot say the actions.
    pub fn human(env: &dyn EnvFactory) -> Result<Self, Error> {
        keys::check(env)?;
        let term = Term::stderr();
        if !term.is_term() {
            return Err(Error::Usage("--human needs a terminal to read keys from".into()));
        }
        Ok(Self::Human(term))
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Policy(..) => "policy",
            Self::Random(_) => "random actions",
            Self::Human(_) => "human",
        }
    }

    /// The next action, among those that `mask` allows; nothing if the player leaves.
    ///
    /// # Errors
    /// If keys cannot be read, or nothing is allowed.
    pub fn act(
        &mut self,
        obs: &[f32],
        mask: &[bool],
        space: &Space,
        names: &[&str],
        episode: u64,
        time: u64,
    ) -> Result<Option<ActionBatch>, Error> {
        let stream = |seed: u64, time: u64| Stream::new(seed, Purpose::EvalAction, episode, time);
        if let (Self::Policy(policy, _), 0) = (&mut *self, time) {
            policy.forget();
        }
        match self {
            Self::Policy(policy, None) => policy.predict_masked(obs, mask).map(Some),
            Self::Policy(policy, Some(seed)) => {
                let time = policy.noise_step(time);
                policy.sample_masked(obs, mask, &[stream(*seed, time)]).map(Some)
            }
            Self::Random(seed) => {
                let (discrete, continuous) = space.sample(mask, &mut stream(*seed, time));
                Ok(Some(ActionBatch { discrete, continuous }))
            }
            Self::Human(term) => keys::read(term, space, mask, names),
        }
    }
}
