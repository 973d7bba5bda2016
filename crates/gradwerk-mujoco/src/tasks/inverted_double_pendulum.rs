//! InvertedDoublePendulum-v5.

use super::{USUAL, add_normal, add_uniform};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use gradwerk_math::Real;
use std::sync::Arc;

/// Place of the tip (the only site) among the fields.
const SITE_XPOS: usize = 0;
/// Forces of limits and contacts among the fields.
const QFRC_CONSTRAINT: usize = 1;

/// Hold two poles upright on a cart. Terminates when the tip is not above 1.
///
/// Reward: 10 while it stands - 0.01 x^2 - (y - 2)^2 of the tip - 0.001 w1^2 - 0.005 w2^2 of the
/// poles' velocities.
pub struct InvertedDoublePendulum;

impl Task for InvertedDoublePendulum {
    const FACTS: Facts = Facts {
        id: "InvertedDoublePendulum-v5",
        summary: "hold two poles on a cart; 9 observations, 1 force; needs MuJoCo",
        model: "inverted_double_pendulum.xml",
        frame_skip: 5,
        observation: 9,
        controls: 1,
        solved_at: Some(9100.0),
        fields: &["site_xpos", "qfrc_constraint"],
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
        let (cart, poles) = sim.qpos().split_at(1);
        obs.all(cart);
        poles.iter().for_each(|angle| obs.one(Real::sin(*angle)));
        poles.iter().for_each(|angle| obs.one(Real::cos(*angle)));
        obs.clipped(sim.qvel(), 10.0);
        obs.clipped(&sim.field(QFRC_CONSTRAINT)[..1], 10.0);
    }

    fn judge(&self, sim: &Simulation, _: &[f32], _: f64) -> (f64, bool) {
        let (x, y) = (sim.field(SITE_XPOS)[0], sim.field(SITE_XPOS)[2]);
        let (w1, w2) = (sim.qvel()[1], sim.qvel()[2]);
        let fell = y <= 1.0;
        let alive = if fell { 0.0 } else { 10.0 };
        let distance = 0.01 * (x * x) + (y - 2.0) * (y - 2.0);
        let speed = 0.001 * (w1 * w1) + 0.005 * (w2 * w2);
        (alive - distance - speed, fell)
    }
}
