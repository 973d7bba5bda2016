//! The explicit Markov decision process.

use crate::Fingerprint;

/// One outcome of taking an action in a state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// `p(next, reward, terminated | s, a)`.
    pub probability: f64,
    /// The state that follows. After a termination nothing happens there any more.
    pub next: usize,
    /// The reward `r` of the step.
    pub reward: f64,
    /// Whether the task ends with this step.
    pub terminated: bool,
}

/// What the agent sees of the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// The index of the state.
    State,
    /// A function of the state: several states may look the same.
    Aggregated {
        /// Number of observations.
        observations: usize,
        /// The observation of each state, `[S]`.
        of: Vec<usize>,
    },
    /// The index of an observation that is drawn: the process is partially observed.
    Emitted(Emission),
}

/// Probabilities of the observations of a partially observed process.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    /// Number of observations.
    pub observations: usize,
    /// `p(o | s)` of the observation shown at the start, `[states, observations]`.
    pub first: Vec<f64>,
    /// `p(o | a, s')` of the one shown after action `a` led to `s'`,
    /// `[actions, states, observations]`.
    pub after: Vec<f64>,
}

/// A Markov decision process as a table.
///
/// The fields are public so that a problem can be written down as data; call [`Mdp::validate`]
/// once before use.
#[derive(Clone, Debug, PartialEq)]
pub struct Mdp {
    /// What it is called.
    pub name: String,
    /// Number of states S.
    pub states: usize,
    /// Number of actions A, the same in every state.
    pub actions: usize,
    /// `p(s_0)`, `[S]`.
    pub start: Vec<f64>,
    /// The outcomes of action `a` in state `s` at index `s * actions + a`; empty where no
    /// episode ever acts (a state that is only entered by a termination).
    pub transitions: Vec<Vec<Transition>>,
    /// What is shown of the state.
    pub observation: Observation,
    /// Steps after which an episode is cut. To an environment this is its time limit (the last
    /// step is truncated, not terminated); the exact objective sums this many rewards.
    pub horizon: Option<u32>,
    /// The discount in (0, 1] that the problem is meant to be solved with, if any.
    pub discount: Option<f64>,
    /// Whether states that no episode reaches are fine. Tables that number states by a formula
    /// (Taxi, Blackjack) have some; in a table written by hand they are usually a mistake.
    pub allow_unreachable: bool,
}

impl Mdp {
    /// A process without transitions that starts in state 0 and shows its state.
    #[must_use]
    pub fn new(name: impl Into<String>, states: usize, actions: usize) -> Self {
        let mut start = vec![0.0; states];
        if let Some(first) = start.first_mut() {
            *first = 1.0;
        }
        Self {
            name: name.into(),
            states,
            actions,
            start,
            transitions: vec![Vec::new(); states * actions],
            observation: Observation::State,
            horizon: None,
            discount: None,
            allow_unreachable: false,
        }
    }

    /// The outcomes of an action.
    #[must_use]
    pub fn row(&self, state: usize, action: usize) -> &[Transition] {
        &self.transitions[state * self.actions + action]
    }

    /// Append an outcome that goes on.
    pub fn goes(&mut self, (state, action): (usize, usize), p: f64, next: usize, reward: f64) {
        let outcome = Transition { probability: p, next, reward, terminated: false };
        self.transitions[state * self.actions + action].push(outcome);
    }

    /// Append an outcome that ends the episode.
    pub fn ends(&mut self, (state, action): (usize, usize), p: f64, next: usize, reward: f64) {
        let outcome = Transition { probability: p, next, reward, terminated: true };
        self.transitions[state * self.actions + action].push(outcome);
    }

    /// Number of different observations: the states if they are shown.
    #[must_use]
    pub fn observations(&self) -> usize {
        match &self.observation {
            Observation::State => self.states,
            Observation::Aggregated { observations, .. } => *observations,
            Observation::Emitted(emission) => emission.observations,
        }
    }

    /// `p(. | s)` at the start of an episode under [`Observation::Emitted`], `[observations]`.
    #[must_use]
    pub fn emitted_first(&self, state: usize) -> Option<&[f64]> {
        let Observation::Emitted(e) = &self.observation else { return None };
        Some(&e.first[state * e.observations..(state + 1) * e.observations])
    }

    /// `p(. | a, s')` of [`Observation::Emitted`], `[observations]`; `None` where the
    /// observation is a function of the state ([`Mdp::shown`]).
    #[must_use]
    pub fn emitted_after(&self, action: usize, next: usize) -> Option<&[f64]> {
        let Observation::Emitted(e) = &self.observation else { return None };
        let row = action * self.states + next;
        Some(&e.after[row * e.observations..(row + 1) * e.observations])
    }

    /// The observation of a state where it is a function of the state; `None` where it is drawn.
    #[must_use]
    pub fn shown(&self, state: usize) -> Option<usize> {
        match &self.observation {
            Observation::State => Some(state),
            Observation::Aggregated { of, .. } => Some(of[state]),
            Observation::Emitted(_) => None,
        }
    }

    /// A 52-bit fingerprint of everything that decides how episodes run (FNV-1a): a snapshot of
    /// one process must not be loaded into another.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fingerprint::default();
        hash.count(self.states);
        hash.count(self.actions);
        self.start.iter().for_each(|&p| hash.number(p));
        for row in &self.transitions {
            hash.count(row.len());
            for t in row {
                hash.number(t.probability);
                hash.count(t.next);
                hash.number(t.reward);
                hash.count(usize::from(t.terminated));
            }
        }
        hash.count(self.observations());
        match &self.observation {
            Observation::State => {}
            Observation::Aggregated { of, .. } => of.iter().for_each(|&o| hash.count(o)),
            Observation::Emitted(e) => {
                e.first.iter().chain(&e.after).for_each(|&p| hash.number(p));
            }
        }
        hash.finish()
    }
}
