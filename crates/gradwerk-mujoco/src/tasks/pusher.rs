//! Pusher-v5.

use super::{add_uniform, between, control_cost, length, place};
use crate::find::Missing;
use crate::model::Model;
use crate::simulation::Simulation;
use crate::task::{Facts, Row, Task};
use gradwerk_env::Stream;
use std::sync::Arc;

/// Places of bodies among the fields.
const XPOS: usize = 0;
/// The object starts further than this from the goal.
const APART: f64 = 0.17;

/// Push an object to a goal with an arm of seven joints. Never terminates.
///
/// Reward: -|object - goal| - 0.5 |object - fingertip| - 0.1 |action|^2.
pub struct Pusher {
    tip: usize,
    object: usize,
    goal: usize,
}

impl Pusher {
    fn at(sim: &Simulation, body: usize) -> [f64; 3] {
        place(sim.field(XPOS), body)
    }

    fn distance(sim: &Simulation, a: usize, b: usize) -> f64 {
        length(&between(Self::at(sim, a), Self::at(sim, b)))
    }
}

impl Task for Pusher {
    const FACTS: Facts = Facts {
        id: "Pusher-v5",
        summary: "push an object to a goal; 23 observations, 7 torques in [-2, 2]; needs MuJoCo",
        model: "pusher_v5.xml",
        frame_skip: 5,
        observation: 23,
        controls: 7,
        bound: 2.0,
        time_limit: 100,
        solved_at: Some(0.0),
        fields: &["xpos"],
    };

    fn new(model: &Arc<Model>) -> Result<Self, Missing> {
        let [tip, object, goal] = ["tips_arm", "object", "goal"].map(|name| model.body(name));
        Ok(Self { tip: tip?, object: object?, goal: goal? })
    }

    /// The last four positions are the object's and the goal's, two each.
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        let (arm, moving) = (qpos.len() - 4, qvel.len() - 4);
        add_uniform(&mut qvel[..moving], 0.005, rng);
        let (object, goal) = qpos[arm..].split_at_mut(2);
        goal.fill(0.0);
        loop {
            object.copy_from_slice(&[rng.uniform_in(-0.3, 0.0), rng.uniform_in(-0.2, 0.2)]);
            if length(object) > APART {
                break;
            }
        }
    }

    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        obs.all(&sim.qpos()[..7]);
        obs.all(&sim.qvel()[..7]);
        [self.tip, self.object, self.goal].iter().for_each(|body| obs.all(&Self::at(sim, *body)));
    }

    fn judge(&self, sim: &Simulation, action: &[f32], _: f64) -> (f64, bool) {
        let near = -0.5 * Self::distance(sim, self.object, self.tip);
        let far = -Self::distance(sim, self.object, self.goal);
        (far - control_cost(0.1, action) + near, false)
    }
}
