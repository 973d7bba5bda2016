//! A finite problem as a Markov chain with actions.

use gradwerk_env::Mdp;
use std::collections::BTreeMap;

/// One outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Probability given node and action.
    pub probability: f64,
    /// The node that follows; its observation is what is seen last where the episode ends here.
    pub next: usize,
    /// Reward of the step.
    pub reward: f64,
    /// Whether the task ends.
    pub terminated: bool,
}

/// An [`Mdp`] whose nodes are the reachable pairs of a state and the observation shown of it, so
/// that a policy of observations is a policy of nodes, partially observed or not.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Number of actions A.
    pub actions: usize,
    /// Number of observations O.
    pub observations: usize,
    /// The observation of each node.
    pub obs: Vec<usize>,
    /// The state of each node.
    pub state: Vec<usize>,
    /// `p(x_0)` of each node.
    pub start: Vec<f64>,
    /// Outcomes of action `a` in node `x` at `x * actions + a`.
    pub outcomes: Vec<Vec<Outcome>>,
    /// Steps after which an episode is truncated.
    pub horizon: Option<u32>,
}

/// Numbers the pairs (state, observation) in the order in which they are met.
#[derive(Default)]
struct Nodes {
    index: BTreeMap<(usize, usize), usize>,
    pairs: Vec<(usize, usize)>,
}

impl Nodes {
    fn of(&mut self, pair: (usize, usize)) -> usize {
        let pairs = &mut self.pairs;
        *self.index.entry(pair).or_insert_with(|| {
            pairs.push(pair);
            pairs.len() - 1
        })
    }
}

/// What may be shown of `state`, with probabilities above 0.
fn shown(mdp: &Mdp, state: usize, emitted: Option<&[f64]>) -> Vec<(usize, f64)> {
    match (mdp.shown(state), emitted) {
        (Some(observation), _) => vec![(observation, 1.0)],
        (None, Some(p)) => p.iter().copied().enumerate().filter(|(_, p)| *p > 0.0).collect(),
        (None, None) => Vec::new(),
    }
}

impl World {
    /// The reachable part of a valid process.
    #[must_use]
    pub fn of(mdp: &Mdp) -> Self {
        let mut nodes = Nodes::default();
        let mut start = Vec::new();
        for state in (0..mdp.states).filter(|&s| mdp.start[s] > 0.0) {
            for (obs, p) in shown(mdp, state, mdp.emitted_first(state)) {
                nodes.of((state, obs));
                start.push(mdp.start[state] * p);
            }
        }
        let mut outcomes = Vec::new();
        let mut node = 0;
        // Later nodes are appended while earlier ones are visited.
        while node < nodes.pairs.len() {
            let (state, _) = nodes.pairs[node];
            for action in 0..mdp.actions {
                outcomes.push(outcomes_of(mdp, &mut nodes, state, action));
            }
            node += 1;
        }
        start.resize(nodes.pairs.len(), 0.0);
        Self {
            actions: mdp.actions,
            observations: mdp.observations(),
            obs: nodes.pairs.iter().map(|pair| pair.1).collect(),
            state: nodes.pairs.iter().map(|pair| pair.0).collect(),
            start,
            outcomes,
            horizon: mdp.horizon,
        }
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.obs.len()
    }

    /// The outcomes of an action in a node.
    #[must_use]
    pub fn row(&self, node: usize, action: usize) -> &[Outcome] {
        &self.outcomes[node * self.actions + action]
    }
}

fn outcomes_of(mdp: &Mdp, nodes: &mut Nodes, state: usize, action: usize) -> Vec<Outcome> {
    let mut row = Vec::new();
    for t in mdp.row(state, action).iter().filter(|t| t.probability > 0.0) {
        for (obs, p) in shown(mdp, t.next, mdp.emitted_after(action, t.next)) {
            row.push(Outcome {
                probability: t.probability * p,
                next: nodes.of((t.next, obs)),
                reward: t.reward,
                terminated: t.terminated,
            });
        }
    }
    row
}
