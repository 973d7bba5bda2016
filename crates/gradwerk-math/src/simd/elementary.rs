//! Elementary functions of vectors.

use super::{Portable, Simd};
use crate::Real;

/// Elementary functions, lane by lane.
pub trait Elementary: Simd {
    /// `e^x`.
    #[must_use]
    fn exp(self) -> Self;
    /// Natural logarithm.
    #[must_use]
    fn ln(self) -> Self;
    /// `ln(1 + x)`, accurate near 0.
    #[must_use]
    fn ln_1p(self) -> Self;
    /// Hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;
    /// Logistic function `1 / (1 + e^-x)`.
    #[must_use]
    fn sigmoid(self) -> Self;
    /// Error function `2 / sqrt(pi) * integral of e^(-t^2) over [0, x]`.
    #[must_use]
    fn erf(self) -> Self;
    /// Sine and cosine of an angle in radians.
    #[must_use]
    fn sin_cos(self) -> (Self, Self);
}

impl<const N: usize> Elementary for Portable<f64, N> {
    #[inline(always)]
    fn exp(self) -> Self {
        self.map(libm::exp)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.map(libm::log)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.map(libm::log1p)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        self.map(libm::tanh)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        self.map(Real::sigmoid)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        self.map(libm::erf)
    }
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        (self.map(libm::sin), self.map(libm::cos))
    }
}

/// Lane by lane through the scalar functions.
#[inline(always)]
fn lanes<S: super::Bits>(x: S, f: impl Fn(f32) -> f32) -> S {
    let mut lane = [0.0; 16];
    // SAFETY: no vector has more than 16 lanes, and `x` proves the instruction set.
    unsafe {
        x.store(lane.as_mut_ptr());
        for v in &mut lane[..S::LANES] {
            *v = f(*v);
        }
        S::load(lane.as_ptr())
    }
}

impl<S: super::Bits> Elementary for S {
    #[inline(always)]
    fn exp(self) -> Self {
        lanes(self, libm::expf)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        lanes(self, libm::logf)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        lanes(self, libm::log1pf)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        lanes(self, libm::tanhf)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        lanes(self, Real::sigmoid)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        lanes(self, libm::erff)
    }
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        (lanes(self, libm::sinf), lanes(self, libm::cosf))
    }
}
