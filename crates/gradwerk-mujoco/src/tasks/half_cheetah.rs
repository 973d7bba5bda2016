//! HalfCheetah-v5.

use super::{USUAL, add_normal, add_uniform, control_cost};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

/// Run with two legs, in a plane. Never terminates.
///
/// Reward: velocity of the torso - 0.1 |action|^2.
pub struct HalfCheetah;

impl Task for HalfCheetah {
    const FACTS: Facts = Facts {
        id: "HalfCheetah-v5",
        summary: "run with two legs; 17 observations, 6 torques; needs MuJoCo",
        model: "half_cheetah.xml",
        frame_skip: 5,
        observation: 17,
        controls: 6,
        solved_at: Some(4800.0),
        ..USUAL
    };

    fn new(_: &Arc<Model>) -> Result<Self, Missing> {
        Ok(Self)
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, 0.1, rng);
        add_normal(qvel, 0.1, rng);
    }

    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        obs.all(&sim.qpos()[1..]);
        obs.all(sim.qvel());
    }

    fn position(&self, sim: &Simulation) -> f64 {
        sim.qpos()[0]
    }

    fn judge(&self, _: &Simulation, action: &[f32], velocity: f64) -> (f64, bool) {
        (velocity - control_cost(0.1, action), false)
    }
}
