//! The environment that plays a process.

use super::Mdp;
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;
use std::sync::Arc;

/// Plays episodes of an [`Mdp`].
///
/// Observation: the index of the state (or of the emitted observation) as one number of
/// [`Space::Discrete`]; whoever trains on it encodes it. The horizon is the time limit that
/// `EnvFactory::default_settings` sets, not this type's business.
#[derive(Clone, Debug)]
pub struct MdpEnv {
    mdp: Arc<Mdp>,
    fingerprint: u64,
    state: usize,
}

impl MdpEnv {
    /// One copy, to be reset before use.
    ///
    /// The process must be valid ([`Mdp::validate`]); otherwise episodes may panic.
    #[must_use]
    pub fn new(mdp: Arc<Mdp>) -> Self {
        let fingerprint = mdp.fingerprint();
        Self { mdp, fingerprint, state: 0 }
    }

    /// Write the observation: drawn from `emitted`, or that of the state.
    fn show(&self, emitted: Option<&[f64]>, rng: &mut Stream, obs: &mut [f32]) {
        let drawn = emitted.map(|p| draw(p.iter().copied(), rng));
        let shown = drawn.or_else(|| self.mdp.shown(self.state));
        obs[0] = shown.expect("an observation is drawn or a function of the state") as f32;
    }

    /// The process.
    #[must_use]
    pub fn mdp(&self) -> &Arc<Mdp> {
        &self.mdp
    }
}

/// The first index at which the cumulated probabilities exceed a uniform number; the last
/// possible one where rounding leaves a gap below 1.
fn draw(p: impl Iterator<Item = f64> + Clone, rng: &mut Stream) -> usize {
    let mut left = rng.uniform_f64();
    let chosen = p.clone().position(|p| {
        left -= p;
        left < 0.0
    });
    chosen.or_else(|| last_possible(p)).expect("a valid row has a positive probability")
}

fn last_possible(p: impl Iterator<Item = f64>) -> Option<usize> {
    p.enumerate().filter(|(_, p)| *p > 0.0).map(|(k, _)| k).last()
}

impl Env for MdpEnv {
    fn observation_space(&self) -> Space {
        Space::Discrete { n: self.mdp.observations() }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: self.mdp.actions }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.state = draw(self.mdp.start.iter().copied(), rng);
        self.show(self.mdp.emitted_first(self.state), rng, obs);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let action = action.discrete[0] as usize;
        let row = self.mdp.row(self.state, action);
        let outcome = row[draw(row.iter().map(|t| t.probability), rng)];
        self.state = outcome.next;
        let emitted = self.mdp.emitted_after(action, self.state);
        self.show(emitted, rng, obs);
        let end = if outcome.terminated { End::Terminated } else { End::Continue };
        Step { reward: outcome.reward, end }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[self.fingerprint as f64, self.state as f64]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [fingerprint, state] = snapshot::decode(snapshot)?;
        if fingerprint != self.fingerprint as f64 {
            let name = &self.mdp.name;
            return Err(EnvError(format!("the state belongs to another table than `{name}` now")));
        }
        match (0..self.mdp.states).find(|&s| s as f64 == state) {
            Some(s) => self.state = s,
            None => {
                let n = self.mdp.states;
                return Err(EnvError(format!("state {state}, expected one of 0..{n}")));
            }
        }
        Ok(())
    }
}
