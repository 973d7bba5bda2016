//! Walker2d-v5.

use super::{USUAL, upright};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

/// Walk on two legs, in a plane. Terminates when it falls.
///
/// Reward: velocity + 1 while it stands - 0.001 |action|^2.
pub struct Walker2d;

impl Walker2d {
    fn stands(sim: &Simulation) -> bool {
        let (z, angle) = (sim.qpos()[1], sim.qpos()[2]);
        0.8 < z && z < 2.0 && angle.abs() < 1.0
    }
}

impl Task for Walker2d {
    const FACTS: Facts = Facts {
        id: "Walker2d-v5",
        summary: "walk on two legs; 17 observations, 6 torques; needs MuJoCo",
        model: "walker2d_v5.xml",
        frame_skip: 4,
        observation: 17,
        controls: 6,
        ..USUAL
    };

    fn new(_: &Arc<Model>) -> Result<Self, Missing> {
        Ok(Self)
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        upright::start(qpos, qvel, rng);
    }

    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        upright::observe(sim, obs);
    }

    fn position(&self, sim: &Simulation) -> f64 {
        sim.qpos()[0]
    }

    fn judge(&self, sim: &Simulation, action: &[f32], velocity: f64) -> (f64, bool) {
        upright::judge(Self::stands(sim), action, velocity)
    }
}
