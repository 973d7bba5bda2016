//! Rigid parts by sequential impulses, as Box2D 2.3 does it.
//!
//! The method is that of E. Catto's lectures: impulses at hinges and contacts, applied one after
//! the other until velocities agree (*Iterative Dynamics with Temporal Coherence*, 2005;
//! *Modeling and Solving Constraints*, 2009); then places moved, again one after the other, until
//! pins and surfaces meet; then those parts that passed through the ground on the way put back to
//! where they met it, alone (*Continuous Collision*, 2013). Order and constants are Box2D 2.3's,
//! because what a policy learns depends on them.
//!
//! The ground does not move, and parts meet the ground, not one another.

mod body;
mod contact;
mod hinge;
mod impact;
mod manifold;
mod outline;
mod row;
mod solve;
mod stop;
mod vector;
mod world;

pub(super) use body::Body;
pub(super) use hinge::{Hinge, Motor};
pub(super) use outline::Outline;
pub(super) use vector::Vector;
pub(super) use world::World;

/// The skins of a part and of the ground together. They weigh nothing.
const SKIN: f64 = 0.02;
/// How deep skins may overlap, and pins may miss one another, and hinges leave their range.
const SLOP: f64 = 0.005;
const ANGLE_SLOP: f64 = 2.0 / 180.0 * std::f64::consts::PI;
/// The most by which one correction moves or turns a part.
const MAX_CORRECTION: f64 = 0.2;
const MAX_ANGLE_CORRECTION: f64 = 8.0 / 180.0 * std::f64::consts::PI;
/// The most by which a step moves and turns a part.
const MAX_MOVE: f64 = 2.0;
const MAX_TURN: f64 = 0.5 * std::f64::consts::PI;
/// Air around the boxes within which contacts are looked for.
const AIR: f64 = 0.1;
/// How often a step goes through impulses at most, and how little they change in all where they
/// are found: less than single precision tells, in which Box2D counts, and goes on.
const IMPULSES: usize = 180;
const NOTHING: f64 = 1e-7;

/// Apply impulses until they change no more; `apply` goes through them once and says how much
/// they did.
fn until_found(mut apply: impl FnMut() -> f64) {
    let _ = (0..IMPULSES).any(|_| apply() < NOTHING);
}
