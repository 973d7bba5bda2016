//! The rules that a description spells out.

use super::part::Pick;
use crate::simulation::Simulation;
use crate::sum::sum_of;
use crate::task::{Row, Rules};
use crate::tasks::{add_normal, add_uniform, control_cost};
use gradwerk_env::{Fact, Stream};
use gradwerk_math::Real;

/// What is added to each number of a start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// Nothing.
    None,
    /// U[-scale, scale).
    Uniform(f64),
    /// Scale times a standard normal.
    Normal(f64),
}

impl Noise {
    fn add(self, xs: &mut [f64], rng: &mut Stream) {
        match self {
            Self::None => {}
            Self::Uniform(scale) => add_uniform(xs, scale, rng),
            Self::Normal(scale) => add_normal(xs, scale, rng),
        }
    }
}

/// What is done to each number before it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// Nothing.
    Nothing,
    /// Its sine.
    Sin,
    /// Its cosine.
    Cos,
}

/// Numbers that are seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub pick: Pick,
    pub apply: Apply,
    /// Largest absolute value.
    pub clip: f64,
}

impl Seen {
    fn write(&self, sim: &Simulation, obs: &mut Row<'_>) {
        let xs = self.pick.of(sim);
        match self.apply {
            Apply::Nothing => obs.clipped(xs, self.clip),
            Apply::Sin => xs.iter().for_each(|x| obs.one(Real::sin(*x))),
            Apply::Cos => xs.iter().for_each(|x| obs.one(Real::cos(*x))),
        }
    }
}

/// Numbers that must lie between two bounds, and on neither.
#[derive(Clone, Debug, PartialEq)]
pub struct Healthy {
    pub pick: Pick,
    pub low: f64,
    pub high: f64,
}

impl Healthy {
    fn holds(&self, sim: &Simulation) -> bool {
        self.pick.of(sim).iter().all(|x| self.low < *x && *x < self.high)
    }
}

/// A term of the reward.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// `weight` times the velocity of a coordinate.
    Velocity { weight: f64, coordinate: usize },
    /// `weight` times a number.
    Value { weight: f64, pick: Pick },
    /// `weight` while all is healthy.
    Healthy { weight: f64 },
    /// -`weight` |action|^2, in single precision.
    ControlCost { weight: f32 },
    /// -`weight` |numbers|^2, each clipped before; at most `most` is charged.
    SquareCost { weight: f64, pick: Pick, clip: f64, most: f64 },
    /// -`weight` times the distance between two places.
    DistanceCost { weight: f64, between: [Pick; 2] },
}

/// What a term looks at, besides the simulation.
struct Moment<'a> {
    sim: &'a Simulation,
    action: &'a [f32],
    velocity: &'a [f64],
    healthy: bool,
}

impl Term {
    fn value(&self, now: &Moment<'_>) -> f64 {
        match self {
            Self::Velocity { weight, coordinate } => weight * now.velocity[*coordinate],
            Self::Value { weight, pick } => weight * pick.of(now.sim)[0],
            Self::Healthy { weight } => weight * f64::from(now.healthy),
            Self::ControlCost { weight } => -control_cost(*weight, now.action),
            Self::SquareCost { weight, pick, clip, most } => {
                let square = |x: f64| x.clamp(-clip, *clip) * x.clamp(-clip, *clip);
                -(weight * sum_of(pick.of(now.sim), square)).min(*most)
            }
            Self::DistanceCost { weight, between: [a, b] } => {
                let pairs = a.of(now.sim).iter().zip(b.of(now.sim));
                let square = pairs.fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
                -weight * square.sqrt()
            }
        }
    }
}

/// The rules that a description spells out.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Noise on positions and velocities.
    pub start: [Noise; 2],
    pub seen: Vec<Seen>,
    /// Coordinates whose velocities are asked for.
    pub coordinates: Vec<Pick>,
    pub reward: Vec<Term>,
    pub healthy: Vec<Healthy>,
    /// Whether an episode ends when something is not healthy.
    pub terminate: bool,
    /// What is told to rewards of the user's own, and where it is.
    pub facts: Vec<Fact>,
    pub told: Vec<Pick>,
}

impl Rules for Described {
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        self.start[0].add(qpos, rng);
        self.start[1].add(qvel, rng);
    }

    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        self.seen.iter().for_each(|seen| seen.write(sim, obs));
    }

    fn coordinates(&self) -> usize {
        self.coordinates.len()
    }

    fn locate(&self, sim: &Simulation, at: &mut [f64]) {
        at.iter_mut().zip(&self.coordinates).for_each(|(at, pick)| *at = pick.of(sim)[0]);
    }

    fn judge(&self, sim: &Simulation, action: &[f32], velocity: &[f64]) -> (f64, bool) {
        let healthy = self.healthy.iter().all(|part| part.holds(sim));
        let now = Moment { sim, action, velocity, healthy };
        let reward = self.reward.iter().fold(0.0, |sum, term| sum + term.value(&now));
        (reward, self.terminate && !healthy)
    }

    fn facts(&self) -> &[Fact] {
        &self.facts
    }

    fn tell(&self, sim: &Simulation, mut facts: &mut [f64]) {
        for pick in &self.told {
            let (own, rest) = facts.split_at_mut(pick.len());
            own.copy_from_slice(pick.of(sim));
            facts = rest;
        }
    }
}
