//! `J`, its gradient, values and occupancy by dynamic programming.

use super::linear::Lu;
use super::{ExactError, PolicyTable, World};

/// What is maximised.
#[derive(Clone, Copy, Debug)]
pub struct Objective<'a> {
    /// Discount factor gamma.
    pub gamma: f64,
    /// `V(o)` of what follows a truncated step, `[O]`; none counts as 0. It is a constant of the
    /// objective, as the bootstrapped value is to an estimator.
    pub tail: Option<&'a [f64]>,
}

/// Exact quantities of one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// `J(theta) = E[sum_t gamma^t r_t]` (plus `gamma^H V(o_H)` of truncated episodes).
    pub j: f64,
    /// `grad J`, `[P]`.
    pub grad: Vec<f64>,
    /// Expected return from each node at the start of an episode, `[nodes]`.
    pub value: Vec<f64>,
}

/// Solve Bellman's equation and its derivative with respect to theta,
/// `V = sum_a pi (r + gamma P V)`,
/// `grad V = sum_a pi (grad log pi Q + gamma P grad V)`:
/// by recursion from the horizon, or as a linear system without one.
///
/// # Errors
/// If the value is infinite.
pub fn solve(
    world: &World,
    policy: &PolicyTable,
    objective: Objective<'_>,
) -> Result<Solution, ExactError> {
    let (value, d_value) = match world.horizon {
        Some(horizon) => recursion(world, policy, objective, horizon),
        None => linear_system(world, policy, objective.gamma)?,
    };
    let mut grad = vec![0.0; policy.params];
    let mut j = 0.0;
    for (node, &p) in world.start.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        j += p * value[node];
        let d = &d_value[node * policy.params..(node + 1) * policy.params];
        grad.iter_mut().zip(d).for_each(|(g, d)| *g += p * d);
    }
    Ok(Solution { j, grad, value })
}

/// `Q(x, a) = sum p (r + gamma V(x'))`, no value after a termination.
fn action_value(world: &World, gamma: f64, value: &[f64], node: usize, action: usize) -> f64 {
    let follows = |next: usize, terminated| if terminated { 0.0 } else { gamma * value[next] };
    let term = |o: &super::Outcome| o.probability * (o.reward + follows(o.next, o.terminated));
    world.row(node, action).iter().map(term).sum()
}

/// `horizon` backups from the values of what is seen last.
fn recursion(
    world: &World,
    policy: &PolicyTable,
    objective: Objective<'_>,
    horizon: u32,
) -> (Vec<f64>, Vec<f64>) {
    let (nodes, params, gamma) = (world.nodes(), policy.params, objective.gamma);
    let tail = |&obs: &usize| objective.tail.map_or(0.0, |tail| tail[obs]);
    let mut value: Vec<f64> = world.obs.iter().map(tail).collect();
    let mut d_value = vec![0.0; nodes * params];
    for _ in 0..horizon {
        let mut new = vec![0.0; nodes];
        let mut d_new = vec![0.0; nodes * params];
        for node in 0..nodes {
            let d_node = &mut d_new[node * params..(node + 1) * params];
            for action in 0..world.actions {
                let pi = policy.prob(world.obs[node], action);
                let q = action_value(world, gamma, &value, node, action);
                new[node] += pi * q;
                add_scaled(d_node, pi * q, policy.score(world.obs[node], action));
                for o in world.row(node, action).iter().filter(|o| !o.terminated) {
                    let from = &d_value[o.next * params..(o.next + 1) * params];
                    add_scaled(d_node, pi * gamma * o.probability, from);
                }
            }
        }
        (value, d_value) = (new, d_new);
    }
    (value, d_value)
}

fn add_scaled(out: &mut [f64], scale: f64, x: &[f64]) {
    out.iter_mut().zip(x).for_each(|(o, x)| *o += scale * x);
}

/// `(I - gamma P) V = r` and `(I - gamma P) grad V = sum_a pi grad log pi Q`.
fn linear_system(
    world: &World,
    policy: &PolicyTable,
    gamma: f64,
) -> Result<(Vec<f64>, Vec<f64>), ExactError> {
    let (nodes, params) = (world.nodes(), policy.params);
    let lu = Lu::of(nodes, bellman_matrix(world, policy, gamma))
        .map_err(|(node, pivot)| ExactError::Singular { what: "value", node, pivot })?;
    let zero = vec![0.0; nodes];
    let mean_reward = |node: usize| -> f64 {
        let term = |a| policy.prob(world.obs[node], a) * action_value(world, gamma, &zero, node, a);
        (0..world.actions).map(term).sum()
    };
    let value = lu.solve(&(0..nodes).map(mean_reward).collect::<Vec<_>>());
    let mut rhs = vec![0.0; nodes * params];
    for (node, row) in rhs.chunks_exact_mut(params).enumerate() {
        for a in 0..world.actions {
            let q = action_value(world, gamma, &value, node, a);
            let obs = world.obs[node];
            add_scaled(row, policy.prob(obs, a) * q, policy.score(obs, a));
        }
    }
    let mut d_value = vec![0.0; nodes * params];
    for p in 0..params {
        let column: Vec<f64> = (0..nodes).map(|node| rhs[node * params + p]).collect();
        for (node, x) in lu.solve(&column).into_iter().enumerate() {
            d_value[node * params + p] = x;
        }
    }
    Ok((value, d_value))
}

/// `I - gamma P`, row-major.
fn bellman_matrix(world: &World, policy: &PolicyTable, gamma: f64) -> Vec<f64> {
    let nodes = world.nodes();
    let mut matrix = vec![0.0; nodes * nodes];
    for node in 0..nodes {
        matrix[node * nodes + node] += 1.0;
        for action in 0..world.actions {
            let pi = policy.prob(world.obs[node], action);
            for o in world.row(node, action).iter().filter(|o| !o.terminated) {
                matrix[node * nodes + o.next] -= gamma * pi * o.probability;
            }
        }
    }
    matrix
}

/// The distribution over nodes one step later; what terminates is gone.
pub(super) fn advance(world: &World, policy: &PolicyTable, from: &[f64]) -> Vec<f64> {
    let mut to = vec![0.0; from.len()];
    for (node, &p) in from.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        for action in 0..world.actions {
            let pi = policy.prob(world.obs[node], action);
            for o in world.row(node, action).iter().filter(|o| !o.terminated) {
                to[o.next] += p * pi * o.probability;
            }
        }
    }
    to
}

/// Occupancy `sum_t gamma^t P(x_t = x)`, `[nodes]`; with gamma = 1 the expected visits.
///
/// # Errors
/// If it is infinite.
pub fn visits(world: &World, policy: &PolicyTable, gamma: f64) -> Result<Vec<f64>, ExactError> {
    let nodes = world.nodes();
    let Some(horizon) = world.horizon else {
        let matrix = bellman_matrix(world, policy, gamma);
        let transposed = (0..nodes * nodes).map(|k| matrix[k % nodes * nodes + k / nodes]);
        let lu = Lu::of(nodes, transposed.collect())
            .map_err(|(node, pivot)| ExactError::Singular { what: "occupancy", node, pivot })?;
        return Ok(lu.solve(&world.start));
    };
    let (mut present, mut sum, mut weight) = (world.start.clone(), vec![0.0; nodes], 1.0);
    for _ in 0..horizon {
        add_scaled(&mut sum, weight, &present);
        present = advance(world, policy, &present);
        weight *= gamma;
    }
    Ok(sum)
}
