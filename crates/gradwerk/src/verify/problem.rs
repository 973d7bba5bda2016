//! The problems of the default set.

use super::quadratic::{BOXED, CHOICE, PLANE, QuadraticProblem, SEEN};
use crate::Error;
use gradwerk_env::exact_gaussian::{CONDITIONING, QuadraticBandit, REGULATOR};
use gradwerk_env::finite::{Mdp, problems};

/// A finite problem and the discounts under which it is verified.
#[derive(Debug)]
pub struct Problem {
    /// How rows call it.
    pub name: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// Where its numbers come from.
    pub source: Source,
    /// Discount factors.
    pub gammas: &'static [f64],
    /// The policy class with which every estimator and baseline is tried; see [`super::POLICIES`].
    pub policy: &'static str,
    /// Whether its trajectories are few enough to visit all batches.
    pub enumerable: bool,
}

/// What is known exactly of a problem.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Its table.
    Finite(fn() -> Mdp),
    /// The gradient of a Gaussian policy in closed form.
    Gaussian(GaussianProblem),
    /// The objective of any policy with known moments in closed form.
    Quadratic(&'static QuadraticProblem),
}

/// A continuous problem on which a linear Gaussian policy has a gradient in closed form.
#[derive(Clone, Copy, Debug)]
pub struct GaussianProblem {
    /// The environment's name.
    pub env: &'static str,
    /// The parameter of the mean that the formula is about; the mean's other one is 0.
    pub mean: &'static str,
    /// Its value, and `ln sigma`.
    pub at: [f64; 2],
    /// `[dJ / d mean parameter, dJ / d ln sigma]` at a mean parameter and a sigma; no other
    /// parameter of the policy has a gradient.
    pub gradient: fn(f64, f64) -> [f64; 2],
}

/// Every problem, from the smallest on.
pub const PROBLEMS: &[Problem] = &[
    Problem {
        name: "one-state",
        summary: "the homework's: action 0 pays 1 and stays, action 1 ends; no horizon",
        source: Source::Finite(|| problems::ONE_STATE.table().as_ref().clone()),
        gammas: &[1.0, 0.9],
        policy: "probability",
        enumerable: true,
    },
    Problem {
        name: "sparse",
        summary: "the homework's sparse variant: four times action 0, then 1 is paid",
        source: Source::Finite(|| problems::ONE_STATE_SPARSE.table().as_ref().clone()),
        gammas: &[1.0],
        policy: "probability",
        enumerable: true,
    },
    Problem {
        name: "bandit",
        summary: "three arms, one step",
        source: Source::Finite(|| problems::BANDIT.table().as_ref().clone()),
        gammas: &[1.0],
        policy: "softmax-table",
        enumerable: true,
    },
    Problem {
        name: "fork",
        summary: "three states, one to three steps, always terminates: a value function can be exact",
        source: Source::Finite(fork),
        gammas: &[1.0, 0.8],
        policy: "softmax-table",
        enumerable: true,
    },
    Problem {
        name: "chain-2",
        summary: "a corridor cut after 2 steps: truncation bootstraps",
        source: Source::Finite(|| problems::chain(2)),
        gammas: &[0.9],
        policy: "softmax-table",
        enumerable: true,
    },
    Problem {
        name: "chain-3",
        summary: "a corridor cut after 4 steps: for policy classes",
        source: Source::Finite(|| problems::chain(3)),
        gammas: &[0.9],
        policy: "softmax-mlp",
        enumerable: true,
    },
    Problem {
        name: "tiger-3",
        summary: "partially observed, cut after 3 steps: observations replace states",
        source: Source::Finite(|| Mdp {
            horizon: Some(3),
            ..problems::TIGER.table().as_ref().clone()
        }),
        gammas: &[0.95],
        policy: "softmax-table",
        enumerable: true,
    },
    Problem {
        name: "switches",
        summary: "four actions, which may be two choices: for policies of several parts",
        source: Source::Finite(switches),
        gammas: &[0.9],
        policy: "multi-categorical",
        enumerable: true,
    },
    Problem {
        name: "gridworld",
        summary: "11 cells, up to 100 steps: too many trajectories, so samples",
        source: Source::Finite(|| problems::GRID_WORLD.table().as_ref().clone()),
        gammas: &[0.95],
        policy: "softmax-table",
        enumerable: false,
    },
    Problem {
        name: "frozen-lake",
        summary: "FrozenLake-v1, slippery, up to 100 steps: samples",
        source: Source::Finite(|| problems::FROZEN_LAKE.table().as_ref().clone()),
        gammas: &[0.99],
        policy: "softmax-table",
        enumerable: false,
    },
    Problem {
        name: "gaussian-bandit",
        summary: "one step, r = -(a - 1/2)^2",
        source: Source::Gaussian(GaussianProblem {
            env: "gaussian/bandit",
            mean: "policy.0.bias",
            at: [0.25, -0.5],
            gradient: |mean, sigma| QuadraticBandit { target: 0.5 }.gradient(mean, sigma),
        }),
        gammas: &[1.0],
        policy: "gaussian-linear",
        enumerable: false,
    },
    Problem {
        name: "lqr",
        summary: "the scalar linear-quadratic regulator, 10 steps",
        source: Source::Gaussian(GaussianProblem {
            env: "gaussian/lqr",
            mean: "policy.0.weight",
            at: [-1.25, -0.75],
            gradient: |gain, sigma| REGULATOR.gradient(gain, sigma),
        }),
        gammas: &[1.0],
        policy: "gaussian-linear",
        enumerable: false,
    },
    Problem {
        name: "conditioning",
        summary: "the lecture's poor conditioning: r = -s^2 - a^2, s' = s + a, 10 steps",
        source: Source::Gaussian(GaussianProblem {
            env: "gaussian/conditioning",
            mean: "policy.0.weight",
            at: [-0.5, -1.5],
            gradient: |gain, sigma| CONDITIONING.gradient(gain, sigma),
        }),
        gammas: &[1.0],
        policy: "gaussian-linear",
        enumerable: false,
    },
    Problem {
        name: "quadratic",
        summary: "one step, two numbers, a quadratic reward",
        source: Source::Quadratic(&PLANE),
        gammas: &[1.0],
        policy: "full-gaussian",
        enumerable: false,
    },
    Problem {
        name: "quadratic-box",
        summary: "the same with bounds",
        source: Source::Quadratic(&BOXED),
        gammas: &[1.0],
        policy: "squashed-gaussian",
        enumerable: false,
    },
    Problem {
        name: "quadratic-choice",
        summary: "the same with a choice between two quadratic rewards",
        source: Source::Quadratic(&CHOICE),
        gammas: &[1.0],
        policy: "composite-gaussian",
        enumerable: false,
    },
    Problem {
        name: "quadratic-seen",
        summary: "quadratic, with an observation that is not 0",
        source: Source::Quadratic(&SEEN),
        gammas: &[1.0],
        policy: "gsde",
        enumerable: false,
    },
];

impl Problem {
    /// The problem of that name.
    ///
    /// # Panics
    /// If there is none: names of the registry are written in it.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        let found = PROBLEMS.iter().find(|p| p.name == name);
        found.unwrap_or_else(|| panic!("unknown problem `{name}`"))
    }
}

impl Source {
    /// The table of a finite problem.
    ///
    /// # Errors
    /// If it is not one.
    pub fn table(&self) -> Result<Mdp, Error> {
        match self {
            Self::Finite(table) => Ok(table()),
            Self::Gaussian(_) | Self::Quadratic(_) => {
                Err(Error::Usage("verify: a continuous problem has no table".into()))
            }
        }
    }
}

/// State 0 leads to 1 or 2, 1 may lead to 2, all end. Rewards and probabilities have no symmetry
/// that could hide a mistake.
fn fork() -> Mdp {
    let mut mdp = Mdp::new("fork", 3, 2);
    mdp.start = vec![0.75, 0.25, 0.0];
    mdp.goes((0, 0), 0.8, 1, 0.0);
    mdp.goes((0, 0), 0.2, 2, -0.3);
    mdp.goes((0, 1), 1.0, 2, 0.5);
    mdp.ends((1, 0), 1.0, 1, 1.0);
    mdp.goes((1, 1), 1.0, 2, -0.2);
    mdp.ends((2, 0), 0.3, 2, 2.0);
    mdp.ends((2, 0), 0.7, 2, -1.0);
    mdp.ends((2, 1), 1.0, 2, 0.1);
    mdp
}

/// State 0 leads to 1, 2 or 3, or ends; all others end. Rewards are not sums over two choices.
fn switches() -> Mdp {
    let mut mdp = Mdp::new("switches", 4, 4);
    mdp.start = vec![1.0, 0.0, 0.0, 0.0];
    mdp.goes((0, 0), 1.0, 1, 0.2);
    mdp.goes((0, 1), 1.0, 2, -0.1);
    mdp.goes((0, 2), 1.0, 3, 0.0);
    mdp.ends((0, 3), 1.0, 0, 0.6);
    let rewards = [[1.0, -0.5, 0.3, 0.8], [-0.4, 0.9, 0.1, -1.2], [0.5, 0.7, -0.6, 1.1]];
    for (state, rewards) in (1..4).zip(rewards) {
        for (action, reward) in rewards.into_iter().enumerate() {
            mdp.ends((state, action), 1.0, state, reward);
        }
    }
    mdp
}
