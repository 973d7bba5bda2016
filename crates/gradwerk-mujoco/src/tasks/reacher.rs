//! Reacher-v5.

use super::{USUAL, add_uniform, between, control_cost, length, place};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use gradwerk_math::Real;
use std::sync::Arc;

/// The target lies within this distance of the shoulder.
const REACH: f64 = 0.2;
/// Places of bodies among the fields.
const XPOS: usize = 0;

/// Move the fingertip of an arm with two links to a target. Never terminates.
///
/// Reward: -|fingertip - target| - |action|^2.
pub struct Reacher {
    fingertip: usize,
    target: usize,
}

impl Reacher {
    fn offset(&self, sim: &Simulation) -> [f64; 3] {
        let at = |body| place(sim.field(XPOS), body);
        between(at(self.fingertip), at(self.target))
    }
}

impl Task for Reacher {
    const FACTS: Facts = Facts {
        id: "Reacher-v5",
        summary: "touch a target with an arm; 10 observations, 2 torques; needs MuJoCo",
        model: "reacher.xml",
        frame_skip: 2,
        observation: 10,
        controls: 2,
        time_limit: 50,
        solved_at: Some(-3.75),
        fields: &["xpos"],
        ..USUAL
    };

    fn new(model: &Arc<Model>) -> Result<Self, Missing> {
        Ok(Self { fingertip: model.body("fingertip")?, target: model.body("target")? })
    }

    /// The last two positions are the target's.
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        let (arm, target) = qpos.split_at_mut(2);
        add_uniform(arm, 0.1, rng);
        add_uniform(&mut qvel[..2], 0.005, rng);
        loop {
            target.copy_from_slice(&[0, 1].map(|_| rng.uniform_in(-REACH, REACH)));
            if length(target) < REACH {
                break;
            }
        }
    }

    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        let (angles, target) = sim.qpos().split_at(2);
        angles.iter().for_each(|angle| obs.one(Real::cos(*angle)));
        angles.iter().for_each(|angle| obs.one(Real::sin(*angle)));
        obs.all(target);
        obs.all(&sim.qvel()[..2]);
        obs.all(&self.offset(sim)[..2]);
    }

    fn judge(&self, sim: &Simulation, action: &[f32], _: f64) -> (f64, bool) {
        (-length(&self.offset(sim)) - control_cost(1.0, action), false)
    }
}
