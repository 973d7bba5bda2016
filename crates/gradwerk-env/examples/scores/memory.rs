//! Rules for the problems that need a memory.

use super::Rule;

pub fn rule(id: &str) -> Option<Rule> {
    match id {
        "memory/t-maze-10" | "memory/t-maze-50" => Some(t_maze()),
        "memory/repeat-copy" => Some(repeat_copy()),
        "CartPoleNoVel-v1" => Some(cart_pole()),
        "PendulumNoVel-v1" => Some(pendulum()),
        _ => None,
    }
}

/// Walk on, and turn at the junction as the sign said.
fn t_maze() -> Rule {
    let mut sign = 0.0;
    Box::new(move |obs, first| {
        if first {
            sign = obs[0];
        }
        let action = if obs[1] == 0.0 { 0 } else { 1 + u32::from(sign < 0.0) };
        (vec![action], vec![])
    })
}

/// Write the symbols down and read them out, over and over.
fn repeat_copy() -> Rule {
    let (mut symbols, mut said): (Vec<u32>, usize) = (vec![], 0);
    Box::new(move |obs, first| {
        if first {
            (symbols, said) = (vec![], 0);
        }
        match obs[..4].iter().position(|x| *x == 1.0) {
            Some(symbol) => symbols.push(symbol as u32),
            None => said += 1,
        }
        (vec![symbols[said.saturating_sub(1) % symbols.len()]], vec![])
    })
}

/// Push to the side that the pole falls to; velocities are differences.
fn cart_pole() -> Rule {
    let mut before = [0.0; 2];
    Box::new(move |obs, first| {
        let now = [obs[0], obs[1]];
        let speed = |k: usize| if first { 0.0 } else { (now[k] - before[k]) / 0.02 };
        let lean = now[1] + 0.5 * speed(1) + 0.05 * now[0] + 0.1 * speed(0);
        before = now;
        (vec![u32::from(lean > 0.0)], vec![])
    })
}

/// Pump energy in until the pendulum is up, then balance it.
fn pendulum() -> Rule {
    let mut before = 0.0;
    Box::new(move |obs, first| {
        let angle = libm::atan2f(obs[1], obs[0]);
        let turn = std::f32::consts::TAU;
        let change = if first { 0.0 } else { angle - before };
        let speed = (change - turn * (change / turn).round()) / 0.05;
        before = angle;
        // Energy of a rod: l^2/6 speed^2 + g/2 cos(angle), g = 10, l = 1; upright it is 5.
        let missing = 5.0 - (speed * speed / 6.0 + 5.0 * obs[0]);
        let torque = if angle.abs() < 0.6 { -10.0 * angle - 2.0 * speed } else { missing * speed };
        (vec![], vec![torque.clamp(-2.0, 2.0)])
    })
}
