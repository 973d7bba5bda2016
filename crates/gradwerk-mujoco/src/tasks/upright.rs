//! What the tasks of walking upright in a plane have in common.

use super::{add_uniform, control_cost};
use crate::simulation::Simulation;
use crate::task::Row;
use gradwerk_env::Stream;

/// Start near the model's own pose.
pub fn start(qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
    add_uniform(qpos, 5e-3, rng);
    add_uniform(qvel, 5e-3, rng);
}

/// Positions without the place along the way, and velocities, clipped.
pub fn observe(sim: &Simulation, obs: &mut Row<'_>) {
    obs.all(&sim.qpos()[1..]);
    obs.clipped(sim.qvel(), 10.0);
}

/// Velocity + 1 while it stands - 0.001 |action|^2; the end of a fall.
pub fn judge(stands: bool, action: &[f32], velocity: f64) -> (f64, bool) {
    (velocity + f64::from(stands) - control_cost(1e-3, action), !stands)
}
