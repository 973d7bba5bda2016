//! Humanoid-v5.

use super::{USUAL, add_uniform};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::sum::{sum_of, sum_of_squares};
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

// The fields, in the order of `Facts::fields`.
const XIPOS: usize = 0; // centres of mass of bodies
const CINERT: usize = 1; // inertias, ten numbers a body
const CVEL: usize = 2; // velocities, six numbers a body
const QFRC_ACTUATOR: usize = 3; // forces of the motors
const CFRC_EXT: usize = 4; // forces of contacts, six numbers a body

/// Walk upright. Terminates when the torso is too low or too high.
///
/// Reward: 1.25 velocity of the centre of mass + 5 while it stands - 0.1 |action|^2
/// - min(5e-7 |forces|^2, 10).
pub struct Humanoid {
    mass: Vec<f64>,
    total_mass: f64,
}

impl Humanoid {
    fn stands(sim: &Simulation) -> bool {
        let z = sim.qpos()[2];
        1.0 < z && z < 2.0
    }
}

impl Task for Humanoid {
    const FACTS: Facts = Facts {
        id: "Humanoid-v5",
        summary: "walk upright; 348 observations, 17 torques in [-0.4, 0.4]; needs MuJoCo",
        model: "humanoid.xml",
        frame_skip: 5,
        observation: 348,
        controls: 17,
        bound: 0.4,
        fields: &["xipos", "cinert", "cvel", "qfrc_actuator", "cfrc_ext"],
        ..USUAL
    };

    fn new(model: &Arc<Model>) -> Result<Self, Missing> {
        let mass = model.body_mass()?;
        let total_mass = sum_of(&mass, |m| m);
        Ok(Self { mass, total_mass })
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, 0.01, rng);
        add_uniform(qvel, 0.01, rng);
    }

    /// The world (body 0) and the six motors that the root does not have are left out.
    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        obs.all(&sim.qpos()[2..]);
        obs.all(sim.qvel());
        obs.all(&sim.field(CINERT)[10..]);
        obs.all(&sim.field(CVEL)[6..]);
        obs.all(&sim.field(QFRC_ACTUATOR)[6..]);
        obs.all(&sim.field(CFRC_EXT)[6..]);
    }

    fn position(&self, sim: &Simulation) -> f64 {
        let x = sim.field(XIPOS).iter().step_by(3);
        let moment = self.mass.iter().zip(x).fold(0.0, |total, (m, x)| total + m * x);
        moment / self.total_mass
    }

    fn judge(&self, sim: &Simulation, _: &[f32], velocity: f64) -> (f64, bool) {
        let stands = Self::stands(sim);
        let alive = if stands { 5.0 } else { 0.0 };
        let contact = (5e-7 * sum_of_squares(sim.field(CFRC_EXT))).min(10.0);
        let costs = 0.1 * sum_of_squares(sim.ctrl()) + contact;
        (1.25 * velocity + alive - costs, !stands)
    }
}
