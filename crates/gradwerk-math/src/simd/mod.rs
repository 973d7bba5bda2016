//! Vectors of numbers: one trait, one implementation per instruction set.
//!
//! A vector value is the proof that the processor has the instructions: only *making* one from
//! nothing is `unsafe`, computing with it is safe. Generic code therefore takes a vector (or gets
//! one through [`Job::run`]) and lifts its constants with [`Simd::lift`].

mod elementary;
mod kernel;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use elementary::Elementary;
pub use kernel::{Kernel, UnknownKernel};
pub use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

use crate::Real;

/// A vector of [`Simd::LANES`] numbers.
///
/// Every method is meant to be inlined into a function compiled for the instruction set.
pub trait Simd: Copy {
    /// The number in one lane.
    type E: Real;
    /// The outcome of a comparison, one truth value per lane.
    type Mask: Copy;
    /// How many numbers a vector holds.
    const LANES: usize;
    /// Rows of the register block of a matrix product (how many accumulators fit).
    const BLOCK_ROWS: usize;
    /// Vectors per row of the register block of a matrix product.
    const BLOCK_VECTORS: usize;

    /// `x` in every lane.
    ///
    /// # Safety
    /// The processor must have the instruction set of this type.
    unsafe fn splat(x: Self::E) -> Self;
    /// The [`Simd::LANES`] numbers from `source` on (no alignment needed).
    ///
    /// # Safety
    /// As [`Simd::splat`]; all lanes must be readable.
    unsafe fn load(source: *const Self::E) -> Self;
    /// The first `count <= LANES` numbers from `source` on, 0 in the other lanes.
    ///
    /// # Safety
    /// As [`Simd::splat`]; the first `count` lanes must be readable.
    unsafe fn load_part(source: *const Self::E, count: usize) -> Self;
    /// Write all lanes to `target`.
    ///
    /// # Safety
    /// All lanes must be writable.
    unsafe fn store(self, target: *mut Self::E);
    /// Write the first `count <= LANES` lanes to `target`.
    ///
    /// # Safety
    /// The first `count` lanes must be writable.
    unsafe fn store_part(self, target: *mut Self::E, count: usize);

    /// `x` in every lane.
    #[must_use]
    fn lift(self, x: Self::E) -> Self;
    /// `self + b`.
    #[must_use]
    fn add(self, b: Self) -> Self;
    /// `self - b`.
    #[must_use]
    fn sub(self, b: Self) -> Self;
    /// `self * b`.
    #[must_use]
    fn mul(self, b: Self) -> Self;
    /// `self / b`.
    #[must_use]
    fn div(self, b: Self) -> Self;
    /// `-self`.
    #[must_use]
    fn neg(self) -> Self;
    /// `self * b + c`, rounded once where the hardware can.
    #[must_use]
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// The smaller; `b` if either is NaN, so `bound.min(x)` keeps a NaN in `x`.
    #[must_use]
    fn min(self, b: Self) -> Self;
    /// The larger; `b` if either is NaN, so `bound.max(x)` keeps a NaN in `x`.
    #[must_use]
    fn max(self, b: Self) -> Self;
    /// Absolute value.
    #[must_use]
    fn abs(self) -> Self;
    /// Square root, correctly rounded.
    #[must_use]
    fn sqrt(self) -> Self;
    /// `target[j, i] = source[i, j]` for a block of 8 by 8, rows `source_stride` and
    /// `target_stride` apart.
    ///
    /// # Safety
    /// As [`Simd::splat`]; all of both blocks must be accessible, and they must not overlap.
    #[inline(always)]
    unsafe fn transpose_8x8(
        source: *const Self::E,
        source_stride: usize,
        target: *mut Self::E,
        target_stride: usize,
    ) {
        for i in 0..8 {
            for j in 0..8 {
                // SAFETY: the caller promises both blocks.
                unsafe { *target.add(j * target_stride + i) = *source.add(i * source_stride + j) };
            }
        }
    }
    /// The sum of the lanes, halves added to halves until one number is left.
    fn sum(self) -> Self::E;
    /// `self < b`; false where either is NaN.
    fn lt(self, b: Self) -> Self::Mask;
    /// `self <= b`; false where either is NaN.
    fn le(self, b: Self) -> Self::Mask;
    /// `yes` where `mask` holds, else `no`.
    #[must_use]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
}

/// A vector of `f32` whose bits can be worked on: what exp and ln are made of.
pub trait Bits: Simd<E = f32> {
    /// The number with the given bits in every lane.
    #[must_use]
    fn lift_bits(self, bits: u32) -> Self;
    /// Bitwise and.
    #[must_use]
    fn and(self, b: Self) -> Self;
    /// Bitwise or.
    #[must_use]
    fn or(self, b: Self) -> Self;
    /// Bitwise exclusive or.
    #[must_use]
    fn xor(self, b: Self) -> Self;
    /// Shift the bits of every lane left by `N`.
    #[must_use]
    fn shift_left<const N: i32>(self) -> Self;
    /// Shift the bits of every lane right by `N`, filling with zeros.
    #[must_use]
    fn shift_right<const N: i32>(self) -> Self;
}

/// A computation written once for every vector type.
///
/// `run` must be `#[inline(always)]`, and so must everything it calls: it is inlined into a
/// function compiled for the instruction set.
pub trait Job<E> {
    /// What the computation returns.
    type Out;
    /// Compute with vectors of the type of `zero` (which holds zeros and proves the hardware).
    fn run<S: Elementary<E = E>>(self, zero: S) -> Self::Out;
}
