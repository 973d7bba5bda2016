//! Fisher information and the natural gradient.

use super::{ExactError, Matrix, PolicyTable, World, visits};

/// The Fisher information of a policy on a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Fisher {
    /// `E_tau[grad log p(tau) grad log p(tau)^T]`, `[P, P]`. As scores of different steps are
    /// uncorrelated, it is the sum over the steps.
    pub per_trajectory: Matrix,
    /// Expected length of a trajectory in steps.
    pub length: f64,
}

/// The Fisher information under the undiscounted occupancy.
///
/// # Errors
/// If episodes do not end.
pub fn fisher(world: &World, policy: &PolicyTable) -> Result<Fisher, ExactError> {
    let mut sum = Matrix::zeros(policy.params);
    let occupancy = visits(world, policy, 1.0)?;
    for (node, &visits) in occupancy.iter().enumerate().filter(|(_, v)| **v > 0.0) {
        let obs = world.obs[node];
        for a in 0..world.actions {
            // 0 times a score that is not finite must not poison the sum.
            let weight = visits * policy.prob(obs, a);
            if weight > 0.0 {
                sum.add_outer(weight, policy.score(obs, a));
            }
        }
    }
    Ok(Fisher { per_trajectory: sum, length: occupancy.iter().sum() })
}

impl Fisher {
    /// The mean over the visited states, which npg and trpo use:
    /// `F = E_{s,a}[grad log pi grad log pi^T]` = the one per trajectory / its expected length.
    #[must_use]
    pub fn per_state(&self) -> Matrix {
        self.per_trajectory.scaled(1.0 / self.length)
    }

    /// `F^+ grad` with the matrix per trajectory: the shortest direction of steepest ascent under
    /// the KL divergence (Kakade 2001).
    #[must_use]
    pub fn natural_gradient(&self, grad: &[f64]) -> Vec<f64> {
        self.per_trajectory.pseudo_solve(grad)
    }
}
