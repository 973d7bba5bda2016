//! The scalar that every formula of gradwerk is written in.
//!
//! `f32` is the engine, `f64` the reference that proves it: both run the same generic code.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::simd::{Elementary, Portable};

/// A real number: `f32` (engine) or `f64` (reference).
///
/// The transcendental functions come from this crate, never from the system's C library, so
/// that the same input gives the same bits on every machine.
pub trait Real:
    Copy
    + Send
    + Sync
    + Debug
    + Display
    + Default
    + PartialOrd
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Distance from 1 to the next larger number.
    const EPSILON: Self;

    /// The nearest number to `x`.
    fn from_f64(x: f64) -> Self;
    /// The same number as `f64` (exact).
    fn to_f64(self) -> f64;
    /// The nearest number to the single-precision `x` (exact in both types).
    fn from_f32(x: f32) -> Self;
    /// The nearest single-precision number.
    fn to_f32(self) -> f32;
    /// `e^self`.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + self)`, accurate near 0.
    fn ln_1p(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Logistic function `1 / (1 + e^-self)`.
    fn sigmoid(self) -> Self {
        // Two forms, so that the exponential never overflows.
        let e = (-self.abs()).exp();
        if self < Self::ZERO { e / (Self::ONE + e) } else { Self::ONE / (Self::ONE + e) }
    }
    /// Error function `2 / sqrt(pi) * integral of e^(-t^2) over [0, self]`.
    fn erf(self) -> Self;
    /// Sine (radians).
    fn sin(self) -> Self;
    /// Cosine (radians).
    fn cos(self) -> Self;
    /// `e^x` of every number, with the bits of [`Real::exp`] but several at once.
    fn exp_all(numbers: &mut [Self]) {
        numbers.iter_mut().for_each(|x| *x = x.exp());
    }
    /// Natural logarithm of every number, with the bits of [`Real::ln`] but several at once.
    fn ln_all(numbers: &mut [Self]) {
        numbers.iter_mut().for_each(|x| *x = x.ln());
    }
    /// Sine of every angle in its place and the cosines beside them, with the bits of [`Real::sin`]
    /// and [`Real::cos`] but several at once.
    ///
    /// # Panics
    /// If there is no place for a cosine.
    fn sin_cos_all(angles: &mut [Self], cosines: &mut [Self]) {
        for (i, x) in angles.iter_mut().enumerate() {
            (*x, cosines[i]) = (x.sin(), x.cos());
        }
    }
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// The larger of two numbers; NaN if either is NaN, so that a fault is never hidden.
    #[inline]
    #[allow(clippy::eq_op)] // the comparison with itself finds NaN
    fn maximum(self, other: Self) -> Self {
        if self > other || self != self { self } else { other }
    }
    /// The smaller of two numbers; NaN if either is NaN.
    #[inline]
    #[allow(clippy::eq_op)] // the comparison with itself finds NaN
    fn minimum(self, other: Self) -> Self {
        if self < other || self != self { self } else { other }
    }
    /// `self` limited to `[low, high]`; NaN stays NaN.
    fn clip(self, low: Self, high: Self) -> Self {
        self.maximum(low).minimum(high)
    }
}

/// Numbers that are computed at once where the compiler does not see by itself that it may.
const LANES: usize = 8;

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const EPSILON: Self = f32::EPSILON;

    #[inline]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline]
    fn from_f32(x: f32) -> Self {
        x
    }
    #[inline]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline]
    fn exp(self) -> Self {
        Portable([self]).exp().0[0]
    }
    #[inline]
    fn ln(self) -> Self {
        Portable([self]).ln().0[0]
    }
    fn ln_1p(self) -> Self {
        Portable([self]).ln_1p().0[0]
    }
    fn tanh(self) -> Self {
        Portable([self]).tanh().0[0]
    }
    fn sigmoid(self) -> Self {
        Portable([self]).sigmoid().0[0]
    }
    fn erf(self) -> Self {
        Portable([self]).erf().0[0]
    }
    fn sin(self) -> Self {
        Portable([self]).sin_cos().0.0[0]
    }
    fn cos(self) -> Self {
        Portable([self]).sin_cos().1.0[0]
    }
    fn sin_cos_all(angles: &mut [Self], cosines: &mut [Self]) {
        for (angles, cosines) in angles.chunks_mut(LANES).zip(cosines.chunks_mut(LANES)) {
            let mut x = [0.0; LANES];
            x[..angles.len()].copy_from_slice(angles);
            let (sin, cos) = Portable(x).sin_cos();
            angles.copy_from_slice(&sin.0[..angles.len()]);
            cosines[..angles.len()].copy_from_slice(&cos.0[..angles.len()]);
        }
    }
    #[inline]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const EPSILON: Self = f64::EPSILON;

    fn from_f64(x: f64) -> Self {
        x
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn from_f32(x: f32) -> Self {
        f64::from(x)
    }
    fn to_f32(self) -> f32 {
        self as f32
    }
    fn exp(self) -> Self {
        libm::exp(self)
    }
    fn ln(self) -> Self {
        libm::log(self)
    }
    fn ln_1p(self) -> Self {
        libm::log1p(self)
    }
    fn tanh(self) -> Self {
        libm::tanh(self)
    }
    fn erf(self) -> Self {
        libm::erf(self)
    }
    fn sin(self) -> Self {
        libm::sin(self)
    }
    fn cos(self) -> Self {
        libm::cos(self)
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn abs(self) -> Self {
        f64::abs(self)
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Angles in and beyond the range of the fast path, in numbers that fill no whole vector.
    #[test]
    fn many_at_once_have_the_bits_of_one() {
        fn check<R: Real>(len: u16) {
            let angles: Vec<R> =
                (0..len).map(|i| R::from_f64(f64::from(i) * 1717.17 - 9000.0)).collect();
            let (mut sin, mut cos) = (angles.clone(), vec![R::ZERO; angles.len()]);
            R::sin_cos_all(&mut sin, &mut cos);
            for (i, x) in angles.into_iter().enumerate() {
                assert_eq!((sin[i], cos[i]), (x.sin(), x.cos()), "{x}");
            }
        }
        for len in [0, 1, 7, 8, 19] {
            check::<f32>(len);
            check::<f64>(len);
        }
    }
}
