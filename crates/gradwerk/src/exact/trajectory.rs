//! Every trajectory with its probability.

use super::{ExactError, PolicyTable, World};
use gradwerk_env::End;

/// Most trajectories that are enumerated.
pub const MAX_TRAJECTORIES: usize = 1_000_000;

/// An infinite horizon is cut where `P(longer than L) (L + 1)^4` is below this: squares of an
/// estimate grow with the fourth power of the length at most (a sum of L scores times a sum of L
/// rewards), so that the tail of mean and variance is of this relative size.
const TAIL: f64 = 1e-17;

/// One step of a trajectory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visit {
    /// Index of the observation acted on.
    pub obs: u32,
    /// The action.
    pub action: u32,
    /// Its reward.
    pub reward: f64,
    /// What follows.
    pub end: End,
}

/// One possible episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// `p_theta(tau)`.
    pub probability: f64,
    /// Its steps.
    pub visits: Vec<Visit>,
    /// The observation after the last step.
    pub last: usize,
}

struct Walk<'a> {
    world: &'a World,
    policy: &'a PolicyTable,
    longest: usize,
    path: Vec<Visit>,
    found: Vec<Trajectory>,
}

/// All trajectories of positive probability. With a horizon, the last step is truncated there;
/// without one, trajectories longer than a length that nothing depends on are left out.
///
/// # Errors
/// If there are more than `limit`, or the episodes of an infinite horizon do not end.
pub fn enumerate(
    world: &World,
    policy: &PolicyTable,
    limit: usize,
) -> Result<Vec<Trajectory>, ExactError> {
    let longest = match world.horizon {
        Some(horizon) => horizon as usize,
        None => tail_length(world, policy)?,
    };
    let mut walk = Walk { world, policy, longest, path: Vec::new(), found: Vec::new() };
    for node in 0..world.nodes() {
        walk.from(node, world.start[node], limit)?;
    }
    Ok(walk.found)
}

impl Walk<'_> {
    fn from(&mut self, node: usize, probability: f64, limit: usize) -> Result<(), ExactError> {
        if probability == 0.0 {
            return Ok(());
        }
        let obs = self.world.obs[node];
        let cut = self.path.len() + 1 == self.longest;
        for action in 0..self.world.actions {
            let p = probability * self.policy.prob(obs, action);
            for outcome in self.world.row(node, action) {
                let end = match (outcome.terminated, cut) {
                    (true, _) => End::Terminated,
                    (false, true) => End::Truncated,
                    (false, false) => End::Continue,
                };
                let (obs, action) = (obs as u32, action as u32);
                self.path.push(Visit { obs, action, reward: outcome.reward, end });
                let p = p * outcome.probability;
                match end {
                    End::Continue => self.from(outcome.next, p, limit)?,
                    _ => self.keep(p, outcome.next, limit)?,
                }
                self.path.pop();
            }
        }
        Ok(())
    }

    fn keep(&mut self, probability: f64, next: usize, limit: usize) -> Result<(), ExactError> {
        let ended = self.path.last().is_some_and(|v| v.end == End::Terminated);
        // Without a horizon nothing is truncated: what is left there is the tail.
        if probability == 0.0 || (!ended && self.world.horizon.is_none()) {
            return Ok(());
        }
        if self.found.len() == limit {
            return Err(ExactError::TooMany { limit, longest: self.longest });
        }
        let last = self.world.obs[next];
        self.found.push(Trajectory { probability, visits: self.path.clone(), last });
        Ok(())
    }
}

/// The length beyond which the tail is negligible.
fn tail_length(world: &World, policy: &PolicyTable) -> Result<usize, ExactError> {
    const LONGEST: usize = 10_000;
    let mut alive = world.start.clone();
    for length in 1..=LONGEST {
        alive = super::dynamic::advance(world, policy, &alive);
        let left: f64 = alive.iter().sum();
        let l = (length + 1) as f64;
        if left * l * l * l * l < TAIL {
            return Ok(length);
        }
    }
    Err(ExactError::TooMany { limit: MAX_TRAJECTORIES, longest: LONGEST })
}
