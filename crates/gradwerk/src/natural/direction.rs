//! The natural-gradient direction of a batch, and steps along it.

use super::conjugate_gradient::{ConjugateGradient, Stop, dot};
use crate::Error;
use crate::config::{Config, Invalid, require};
use crate::learner::{Batch, Comparison, Learner, Objective, Terms};
use crate::loss::Surrogate;
use gradwerk_math::Pool;
use gradwerk_nn::Engine;

/// How `F^-1 g` is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NaturalGradient {
    /// Added to the diagonal of F, at least 0.
    pub damping: f64,
    /// When the conjugate gradients end.
    pub stop: Stop,
}

impl NaturalGradient {
    /// Check the settings of an algorithm that they come from, and that its policy has its
    /// parameters for itself.
    ///
    /// # Errors
    /// The first one that is out of range or impossible here.
    pub fn check(&self, config: &Config) -> Result<(), Invalid> {
        let (damping, Stop { iterations, tolerance }) = (self.damping, self.stop);
        let fine = |x: f64| x >= 0.0 && x.is_finite();
        require(fine(damping), "algo.damping", damping, "must be finite and not negative")?;
        require(iterations > 0, "algo.cg_iterations", iterations, "must be at least 1")?;
        let small = (0.0..1.0).contains(&tolerance);
        require(small, "algo.cg_tolerance", tolerance, "must be in [0, 1)")?;
        check_trunk(config)
    }
}

/// Refuse a trunk that policy and value function share: the value function is fitted after the
/// policy's step and would move the policy out of the region that the step was made for.
///
/// # Errors
/// If the network has one and there is a value function.
fn check_trunk(config: &Config) -> Result<(), Invalid> {
    let shared = config.network.is_shared();
    require(!(shared && config.has_critic()), "network.shared", true, TRUNK)
}

/// Why a shared trunk is refused.
const TRUNK: &str = "npg and trpo fit the value function after the policy's step, which would \
                     change a policy that shares its layers: set network.shared = false (or \
                     algo.kind = \"ppo\", or an estimator without a value function)";

/// What the natural gradient of an update reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NaturalStats {
    /// Iterations of the conjugate gradients.
    pub cg_iterations: u32,
    /// Their relative residual.
    pub cg_residual: f64,
    /// Exact `KL(pi_old || pi)` after the step, mean over the batch's states, nats.
    pub kl: f64,
    /// Times the line search shortened the step.
    pub backtracks: u32,
    /// Factor of `F^-1 g` in the step that was taken; 0 if the parameters stayed.
    pub step_size: f64,
}

/// `x = F^-1 g` of a batch with the parameters where it starts, and its memory.
#[derive(Clone, Debug)]
pub struct NaturalDirection<E> {
    /// Gradient of the surrogate `mean(ratio A)`, to be ascended.
    gradient: Vec<E>,
    /// `F^-1 g`.
    direction: Vec<E>,
    /// The policy's parameters when the direction was computed.
    start: Vec<E>,
    solver: ConjugateGradient<E>,
    /// Norm of the gradient.
    pub grad_norm: f64,
    /// `g^T F^-1 g`: twice the KL divergence of a step of size 1, to second order.
    pub square: f64,
    /// The surrogate at the start.
    pub surrogate: f64,
    /// Iterations of the conjugate gradients.
    pub cg_iterations: u32,
    /// Their relative residual.
    pub cg_residual: f64,
}

impl<E: Engine> NaturalDirection<E> {
    /// Memory for a policy of `len` parameters ([`Learner::policy_len`]).
    #[must_use]
    pub fn new(len: usize) -> Self {
        let zeros = || vec![E::ZERO; len];
        Self {
            gradient: zeros(),
            direction: zeros(),
            start: zeros(),
            solver: ConjugateGradient::new(len),
            grad_norm: 0.0,
            square: 0.0,
            surrogate: 0.0,
            cg_iterations: 0,
            cg_residual: 0.0,
        }
    }

    /// Get memory now, also the learner's, for batches of up to `rows` rows.
    pub fn reserve(&mut self, learner: &mut Learner<E>, rows: usize) {
        learner.reserve_natural(rows);
        if self.start.len() != learner.policy_len() {
            *self = Self::new(learner.policy_len());
        }
    }

    /// Compute the direction of a batch at the present parameters, and keep the policy's heads
    /// for the divergence of later ones.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if loss, gradient or direction is not finite; [`Error::Usage`] if the
    /// policy shares parameters with the value function.
    pub fn solve(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        settings: NaturalGradient,
    ) -> Result<(), Error> {
        if learner.shares_trunk() {
            return Err(Error::Usage(TRUNK.into()));
        }
        self.reserve(learner, batch.rows.len());
        self.start.copy_from_slice(&learner.weights.theta[..learner.policy_len()]);
        learner.keep_heads(pool, batch);
        self.take_gradient(learner, pool, batch)?;
        let product =
            |p: &[E], out: &mut [E]| learner.fisher_product(pool, batch, settings.damping, p, out);
        let solution =
            self.solver.solve(product, &self.gradient, &mut self.direction, settings.stop);
        (self.cg_iterations, self.cg_residual) = (solution.iterations, solution.residual);
        self.square = dot(&self.gradient, &self.direction);
        let check = self.cg_residual + self.square;
        if check.is_finite() { Ok(()) } else { Err(non_finite("natural gradient", check)) }
    }

    fn take_gradient(
        &mut self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
    ) -> Result<(), Error> {
        let objective = Objective {
            surrogate: Surrogate::Ratio,
            entropy_coef: E::ZERO,
            value_coef: E::ZERO,
            value_clip: None,
            divisor: None,
        };
        let sums = learner.gradient_of(Terms::Policy, pool, batch, batch.rows, &objective)?;
        self.surrogate = Comparison { sums: sums.policy, kl: 0.0 }.surrogate();
        // The learner's gradient is that of the loss; the surrogate is ascended.
        for (g, &loss) in self.gradient.iter_mut().zip(learner.last_gradient()) {
            *g = -loss;
        }
        self.grad_norm = dot(&self.gradient, &self.gradient).sqrt();
        if self.grad_norm.is_finite() { Ok(()) } else { Err(learner.gradient_error()) }
    }

    /// The size of the step whose KL divergence is `kl` to second order,
    /// `sqrt(2 kl / g^T F^-1 g)` (Schulman et al. 2015, appendix C); 0 without a gradient.
    #[must_use]
    pub fn size_for(&self, kl: f64) -> f64 {
        if self.square > 0.0 { (2.0 * kl / self.square).sqrt() } else { 0.0 }
    }

    /// Put the policy at the start plus `size` times the direction, and compare the two.
    pub fn step(
        &self,
        learner: &mut Learner<E>,
        pool: &Pool,
        batch: &Batch<'_, E>,
        size: f64,
    ) -> Comparison {
        learner.set_policy(&self.start, &self.direction, size);
        learner.compare(pool, batch)
    }

    /// What to report of a step of that size.
    #[must_use]
    pub fn stats(&self, step_size: f64, backtracks: u32, kl: f64) -> NaturalStats {
        let Self { cg_iterations, cg_residual, .. } = *self;
        NaturalStats { cg_iterations, cg_residual, kl, backtracks, step_size }
    }
}

fn non_finite(what: &str, value: f64) -> Error {
    let place = "the conjugate gradients: F is singular or the heads are extreme; raise \
                 algo.damping";
    Error::NonFinite { what: what.into(), value, place: place.into() }
}
