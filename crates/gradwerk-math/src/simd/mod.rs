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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation of two vectors, by number.
    struct Operation<'a> {
        number: usize,
        a: &'a [f32; 16],
        b: &'a [f32; 16],
    }

    impl Job<f32> for Operation<'_> {
        type Out = Vec<f32>;
        #[inline(always)]
        fn run<S: Elementary<E = f32>>(self, zero: S) -> Vec<f32> {
            let mut out = vec![7.0; S::LANES];
            // SAFETY: `zero` proves the hardware; no vector has more than 16 lanes.
            unsafe {
                let (a, b) = (S::load(self.a.as_ptr()), S::load(self.b.as_ptr()));
                let y = match self.number {
                    0 => a.add(b),
                    1 => a.sub(b),
                    2 => a.mul(b),
                    3 => a.div(b),
                    4 => a.neg(),
                    5 => a.min(b),
                    6 => a.max(b),
                    7 => a.abs(),
                    8 => a.sqrt(),
                    9 => S::select(a.lt(b), a, zero.lift(9.0)),
                    10 => S::select(a.le(b), a, zero.lift(9.0)),
                    11 => a.mul_add(zero.lift(2.0), b),
                    _ => S::splat(self.b[3]),
                };
                y.store(out.as_mut_ptr());
            }
            out
        }
    }

    /// What operation `number` must give in one lane.
    fn expected(number: usize, a: f32, b: f32, b3: f32) -> f32 {
        match number {
            0 => a + b,
            1 => a - b,
            2 => a * b,
            3 => a / b,
            4 => -a,
            5 => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            6 => {
                if a > b {
                    a
                } else {
                    b
                }
            }
            7 => a.abs(),
            8 => a.sqrt(),
            9 => {
                if a < b {
                    a
                } else {
                    9.0
                }
            }
            10 => {
                if a <= b {
                    a
                } else {
                    9.0
                }
            }
            // Doubling is exact, so that fusing makes no difference.
            11 => 2.0 * a + b,
            _ => b3,
        }
    }

    const SPECIAL: [f32; 16] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MIN_POSITIVE,
        1e-42,
        -1e-42,
        3.5,
        -2.25,
        1e30,
        -1e30,
        0.1,
        -0.3,
    ];

    #[test]
    fn every_operation_agrees_with_its_scalar_twin() {
        for kernel in Kernel::available() {
            for shift in 0..16 {
                let mut b = SPECIAL;
                b.rotate_left(shift);
                for number in 0..=12 {
                    let got = kernel.run(Operation { number, a: &SPECIAL, b: &b });
                    for (i, y) in got.into_iter().enumerate() {
                        let e = expected(number, SPECIAL[i], b[i], b[3]);
                        let same = y.to_bits() == e.to_bits() || (y.is_nan() && e.is_nan());
                        let (x, z) = (SPECIAL[i], b[i]);
                        assert!(same, "{kernel}, operation {number} of {x} and {z}: {y}, not {e}");
                    }
                }
            }
        }
    }

    struct Parts<'a>(usize, &'a [f32], &'a mut [f32]);

    impl Job<f32> for Parts<'_> {
        type Out = (usize, f32);
        #[inline(always)]
        fn run<S: Elementary<E = f32>>(self, _: S) -> (usize, f32) {
            let count = self.0.min(S::LANES);
            // SAFETY: both slices have `count` numbers; the parameter proves the hardware.
            unsafe {
                let x = S::load_part(self.1.as_ptr(), count);
                x.store_part(self.2.as_mut_ptr(), count);
                (count, x.sum())
            }
        }
    }

    #[test]
    fn partial_vectors_touch_nothing_else_and_sum_to_their_total() {
        let source: Vec<f32> = (1..=16).map(|i| i as f32).collect();
        for kernel in Kernel::available() {
            for count in 0..=16 {
                let mut target = [-1.0; 16];
                let (count, sum) = kernel.run(Parts(count, &source[..count], &mut target));
                assert_eq!(target[..count], source[..count], "{kernel}");
                assert!(target[count..].iter().all(|&x| x == -1.0), "{kernel} wrote outside");
                // 1 + 2 + ... + n = n (n + 1) / 2, exact in single precision.
                assert_eq!(sum, (count * (count + 1) / 2) as f32, "{kernel}");
            }
        }
    }
}
