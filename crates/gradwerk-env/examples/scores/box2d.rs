//! A rule for the lander, which `tests/python/test_box2d.py` has too: lean towards the pad, brake
//! the more the lower.

use super::Rule;

const NOTHING: u32 = 0;
const LEFT: u32 = 1;
const MAIN: u32 = 2;
const RIGHT: u32 = 3;

pub fn rule(id: &str) -> Option<Rule> {
    (id == "LunarLander-v3").then(|| -> Rule { Box::new(|obs, _| (vec![act(obs)], vec![])) })
}

fn act(obs: &[f32]) -> u32 {
    let [x, y, vx, vy, angle, spin, left, right] = *obs else { panic!("{} numbers", obs.len()) };
    let on_ground = left + right > 0.0;
    let lean = (0.6 * x + vx).clamp(-0.35, 0.35);
    let turn = if on_ground { 0.0 } else { 0.6 * (lean - angle) - spin };
    let aim = if on_ground { 0.0 } else { 0.6 * x.abs() - y };
    let lift = 0.5 * (aim - vy);
    match () {
        () if lift > turn.abs().max(0.05) => MAIN,
        () if turn < -0.05 => RIGHT,
        () if turn > 0.05 => LEFT,
        () => NOTHING,
    }
}
