//! Ant-v5.

use super::{USUAL, add_normal, add_uniform, control_cost};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::sum::sum_of;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

/// The number of the torso among the bodies; 0 is the world.
const TORSO: usize = 1;
/// Contact forces are clipped to plus and minus this.
const MOST_FORCE: f64 = 1.0;
/// Places of bodies among the fields.
const XPOS: usize = 0;
/// Forces of contacts on bodies among the fields, six numbers a body.
const CFRC_EXT: usize = 1;

/// Walk on four legs. Terminates when the torso is too low or too high.
///
/// Reward: velocity of the torso + 1 while it stands - 0.5 |action|^2 - 0.0005 |forces|^2.
pub struct Ant;

impl Ant {
    fn stands(sim: &Simulation) -> bool {
        let z = sim.qpos()[2];
        let finite = sim.qpos().iter().chain(sim.qvel()).all(|x| x.is_finite());
        finite && (0.2..=1.0).contains(&z)
    }

    fn contact_cost(sim: &Simulation) -> f64 {
        let square = |force: f64| {
            let force = force.clamp(-MOST_FORCE, MOST_FORCE);
            force * force
        };
        5e-4 * sum_of(sim.field(CFRC_EXT), square)
    }
}

impl Task for Ant {
    const FACTS: Facts = Facts {
        id: "Ant-v5",
        summary: "walk on four legs; 105 observations, 8 torques; needs MuJoCo",
        model: "ant.xml",
        frame_skip: 5,
        observation: 105,
        controls: 8,
        solved_at: Some(6000.0),
        fields: &["xpos", "cfrc_ext"],
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
        obs.all(&sim.qpos()[2..]);
        obs.all(sim.qvel());
        obs.clipped(&sim.field(CFRC_EXT)[6..], MOST_FORCE);
    }

    fn position(&self, sim: &Simulation) -> f64 {
        sim.field(XPOS)[3 * TORSO]
    }

    fn judge(&self, sim: &Simulation, action: &[f32], velocity: f64) -> (f64, bool) {
        let stands = Self::stands(sim);
        let costs = control_cost(0.5, action) + Self::contact_cost(sim);
        (velocity + f64::from(stands) - costs, !stands)
    }
}
