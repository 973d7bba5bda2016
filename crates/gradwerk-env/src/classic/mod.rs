//! The classic control tasks, as Gymnasium 1.4 defines them.
//!
//! Each is compared with Gymnasium step by step (`tests/python/test_parity.py`) and with
//! recorded traces (`tests/traces.rs`). Time limits are in the list, not in the dynamics.

mod acrobot;
mod cart_pole;
mod mountain_car;
mod mountain_car_continuous;
mod pendulum;

pub use acrobot::Acrobot;
pub use cart_pole::CartPole;
pub use mountain_car::MountainCar;
pub use mountain_car_continuous::MountainCarContinuous;
pub use pendulum::Pendulum;

use crate::picture::Color;

// Colours of the pictures.
const WHITE: Color = Color(255, 255, 255);
const INK: Color = Color(34, 34, 34);
const SOFT: Color = Color(190, 190, 190);
const BLUE: Color = Color(0, 114, 178);
const ORANGE: Color = Color(213, 94, 0);
