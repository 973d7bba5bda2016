//! A policy as a table, with its derivatives.

use super::Agent;
use crate::dist::{ActionRow, Distribution};
use gradwerk_nn::Memory;

/// `pi(a|o)` and the scores `grad log pi(a|o)` of a model on a finite problem.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyTable {
    /// Number of observations O.
    pub observations: usize,
    /// Number of actions A.
    pub actions: usize,
    /// Number of parameters P.
    pub params: usize,
    prob: Vec<f64>,
    score: Vec<f64>,
}

impl PolicyTable {
    /// Head outputs, distribution and vjp of the agent, for every observation and action.
    #[must_use]
    pub fn of(agent: &Agent<f64>) -> Self {
        let (observations, actions) = (agent.observations(), agent.choices().count());
        let params = agent.learner.model.layout().len();
        let mut table = Self {
            observations,
            actions,
            params,
            prob: Vec::with_capacity(observations * actions),
            score: vec![0.0; observations * actions * params],
        };
        for (row, score) in table.score.chunks_exact_mut(params).enumerate() {
            table.prob.push(score_row(agent, row / actions, row % actions, score));
        }
        table
    }

    /// `pi(a|o)`.
    #[must_use]
    pub fn prob(&self, obs: usize, action: usize) -> f64 {
        self.prob[obs * self.actions + action]
    }

    /// `grad log pi(a|o)`, `[P]`.
    #[must_use]
    pub fn score(&self, obs: usize, action: usize) -> &[f64] {
        let row = obs * self.actions + action;
        &self.score[row * self.params..(row + 1) * self.params]
    }
}

/// Probability of one action; its score is written to `score` `[P]`.
fn score_row(agent: &Agent<f64>, obs: usize, action: usize, score: &mut [f64]) -> f64 {
    let (learner, x) = (&agent.learner, agent.features(obs));
    let (model, params, kernel) = (&learner.model, learner.weights.params(), learner.kernel());
    let mut y = vec![0.0; model.head_width()];
    let mut v = vec![0.0; usize::from(model.has_critic())];
    let mut cache = vec![0.0; model.net.cache_len(1)];
    let mut scratch = vec![0.0; model.net.scratch_len(1)];
    model.net.forward(kernel, params, x, 1.into(), Memory::none(), &mut cache, &mut y, &mut v);
    agent.choices().apply_mask(&model.dist, obs, &mut y);
    let a = ActionRow { discrete: agent.choices().parts(action), continuous: &[] };
    let mut dy = vec![0.0; y.len()];
    model.dist.add_log_prob_grad(&y, a, 1.0, &mut dy);
    model.net.vjp(kernel, params, x, 1.into(), &cache, &dy, &[], score, &mut scratch);
    gradwerk_math::Real::exp(model.dist.log_prob(&y, a))
}
