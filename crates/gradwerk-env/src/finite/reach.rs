//! Which states an episode can visit, and from which it can end.

use super::Mdp;

/// What policies of full support do to a process.
pub(super) struct Reach {
    /// States in which an episode can act.
    pub acted: Vec<bool>,
    /// States that an episode can enter, terminal ones included.
    pub entered: Vec<bool>,
}

impl Reach {
    /// Follow every transition of positive probability from the start distribution.
    pub fn of(mdp: &Mdp) -> Self {
        let mut acted: Vec<bool> = mdp.start.iter().map(|&p| p > 0.0).collect();
        let mut entered = acted.clone();
        let mut open: Vec<usize> = (0..mdp.states).filter(|&s| acted[s]).collect();
        while let Some(state) = open.pop() {
            for t in possible(mdp, state) {
                entered[t.next] = true;
                if !t.terminated && !acted[t.next] {
                    acted[t.next] = true;
                    open.push(t.next);
                }
            }
        }
        Self { acted, entered }
    }
}

fn possible(mdp: &Mdp, state: usize) -> impl Iterator<Item = &super::Transition> {
    (0..mdp.actions).flat_map(move |a| mdp.row(state, a)).filter(|t| t.probability > 0.0)
}

/// The first acted state from which no sequence of actions ends the episode.
///
/// If there is none, a policy that gives every action a probability of at least some constant
/// above 0 ends with probability 1: from each of finitely many states it ends within S steps with
/// a probability bounded away from 0. If there is one, it is visited with positive probability,
/// and such an episode never ends.
pub(super) fn never_ends(mdp: &Mdp, acted: &[bool]) -> Option<usize> {
    let mut ends = vec![false; mdp.states];
    loop {
        let finds = |s: &usize| {
            acted[*s] && !ends[*s] && possible(mdp, *s).any(|t| t.terminated || ends[t.next])
        };
        let found: Vec<usize> = (0..mdp.states).filter(finds).collect();
        if found.is_empty() {
            return (0..mdp.states).find(|&s| acted[s] && !ends[s]);
        }
        found.into_iter().for_each(|s| ends[s] = true);
    }
}
