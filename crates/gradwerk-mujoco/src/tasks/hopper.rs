//! Hopper-v5.

use super::{USUAL, upright};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

/// Hop on one leg, in a plane. Terminates when it falls or its state gets out of hand.
///
/// Reward: velocity + 1 while it stands - 0.001 |action|^2.
pub struct Hopper;

impl Hopper {
    fn stands(sim: &Simulation) -> bool {
        let (z, angle) = (sim.qpos()[1], sim.qpos()[2]);
        let mut state = sim.qpos()[2..].iter().chain(sim.qvel());
        state.all(|x| x.abs() < 100.0) && z > 0.7 && angle.abs() < 0.2
    }
}

impl Task for Hopper {
    const FACTS: Facts = Facts {
        id: "Hopper-v5",
        summary: "hop on one leg; 11 observations, 3 torques; needs MuJoCo",
        model: "hopper.xml",
        frame_skip: 4,
        observation: 11,
        controls: 3,
        solved_at: Some(3800.0),
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
