//! Swimmer-v5.

use super::{USUAL, add_uniform, control_cost};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

/// Swim in a thick fluid with three links. Never terminates.
///
/// Reward: velocity - 0.0001 |action|^2.
pub struct Swimmer;

impl Task for Swimmer {
    const FACTS: Facts = Facts {
        id: "Swimmer-v5",
        summary: "swim with three links; 8 observations, 2 torques; needs MuJoCo",
        model: "swimmer.xml",
        frame_skip: 4,
        observation: 8,
        controls: 2,
        solved_at: Some(360.0),
        ..USUAL
    };

    fn new(_: &Arc<Model>) -> Result<Self, Missing> {
        Ok(Self)
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, 0.1, rng);
        add_uniform(qvel, 0.1, rng);
    }

    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        obs.all(&sim.qpos()[2..]);
        obs.all(sim.qvel());
    }

    fn position(&self, sim: &Simulation) -> f64 {
        sim.qpos()[0]
    }

    fn judge(&self, _: &Simulation, action: &[f32], velocity: f64) -> (f64, bool) {
        (velocity - control_cost(1e-4, action), false)
    }
}
