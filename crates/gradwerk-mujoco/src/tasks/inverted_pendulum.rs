//! InvertedPendulum-v5.

use super::{USUAL, add_uniform};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

/// Hold a pole upright on a cart. Terminates when it leans by more than 0.2.
///
/// Reward: 1 while it stands.
pub struct InvertedPendulum;

impl Task for InvertedPendulum {
    const FACTS: Facts = Facts {
        id: "InvertedPendulum-v5",
        summary: "hold a pole on a cart; 4 observations, force in [-3, 3]; needs MuJoCo",
        model: "inverted_pendulum.xml",
        frame_skip: 2,
        observation: 4,
        controls: 1,
        bound: 3.0,
        solved_at: Some(950.0),
        ..USUAL
    };

    fn new(_: &Arc<Model>) -> Result<Self, Missing> {
        Ok(Self)
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, 0.01, rng);
        add_uniform(qvel, 0.01, rng);
    }

    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        obs.all(sim.qpos());
        obs.all(sim.qvel());
    }

    fn judge(&self, sim: &Simulation, _: &[f32], _: f64) -> (f64, bool) {
        let finite = sim.qpos().iter().chain(sim.qvel()).all(|x| x.is_finite());
        let stands = finite && sim.qpos()[1].abs() <= 0.2;
        (f64::from(stands), !stands)
    }
}
