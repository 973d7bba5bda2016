//! The walkers and landers that Gymnasium simulates with Box2D.
//!
//! Gymnasium's engine is Box2D 2.3.10; `rigid` solves as it does, in double precision. Bodies,
//! terrain, forces, observations, rewards, ends and limits are Gymnasium's too. What that is worth
//! is measured by transfer (`benchmarks/box2d.py`).

pub mod bipedal_walker;
pub mod lunar_lander;
mod rigid;
mod simulation;
mod terrain;

pub use bipedal_walker::BipedalWalker;
pub use lunar_lander::{Conditions, LunarLander, Wind};

/// Pixels of Gymnasium's window per unit of length, by which its lengths are given.
const SCALE: f64 = 30.0;
/// Steps per second.
const FPS: f64 = 50.0;
/// Size of Gymnasium's window in units of length.
const VIEW: [f64; 2] = [600.0 / SCALE, 400.0 / SCALE];

/// Lengths from pixels.
fn units<const N: usize>(pixels: [[f64; 2]; N]) -> [[f64; 2]; N] {
    pixels.map(|point| point.map(|x| x / SCALE))
}
