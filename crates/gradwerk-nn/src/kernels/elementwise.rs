//! One pass over numbers: activations, their derivatives, sums over rows.

use gradwerk_math::simd::{Elementary, Job, Simd};
use gradwerk_math::{Kernel, Real};

use crate::{Activation, Engine};

/// `target[i] = f(source[i], target[i])` for `i < len`; source and target may be the same.
///
/// # Safety
/// Both must have `len` numbers; `_proof` proves the instruction set.
#[inline(always)]
unsafe fn pass<S: Simd>(
    _proof: S,
    source: *const S::E,
    target: *mut S::E,
    len: usize,
    f: impl Fn(S, S) -> S,
) {
    let whole = len - len % S::LANES;
    // SAFETY: all indices are below `len`.
    unsafe {
        for i in (0..whole).step_by(S::LANES) {
            f(S::load(source.add(i)), S::load(target.add(i))).store(target.add(i));
        }
        if whole < len {
            let (s, t, rest) = (source.add(whole), target.add(whole), len - whole);
            f(S::load_part(s, rest), S::load_part(t, rest)).store_part(t, rest);
        }
    }
}

#[inline(always)]
fn constant<S: Simd>(like: S, x: f64) -> S {
    like.lift(S::E::from_f64(x))
}

/// The normal distribution function at `z`.
#[inline(always)]
fn normal_cdf<S: Elementary>(z: S) -> S {
    let half = constant(z, 0.5);
    z.mul(constant(z, std::f64::consts::FRAC_1_SQRT_2)).erf().mul_add(half, half)
}

/// The normal density at `z`.
#[inline(always)]
fn normal_density<S: Elementary>(z: S) -> S {
    // 1 / sqrt(2 pi)
    z.mul(z).mul(constant(z, -0.5)).exp().mul(constant(z, 0.398_942_280_401_432_7))
}

struct Activate<E> {
    activation: Activation,
    z: *const E,
    h: *mut E,
    len: usize,
}

impl<E: Engine> Job<E> for Activate<E> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, zero: S) {
        // SAFETY: the two makers of this job took the pointers and `len` from slices.
        unsafe {
            match self.activation {
                Activation::Tanh => pass(zero, self.z, self.h, self.len, |z, _| z.tanh()),
                // `z <= 0` is false for NaN, which therefore stays.
                Activation::Relu => {
                    pass(zero, self.z, self.h, self.len, |z, _| S::select(z.le(zero), zero, z));
                }
                Activation::Gelu => {
                    pass(zero, self.z, self.h, self.len, |z, _| z.mul(normal_cdf(z)));
                }
                Activation::Silu => {
                    pass(zero, self.z, self.h, self.len, |z, _| z.mul(z.sigmoid()));
                }
            }
        }
    }
}

/// `h = activation(z)`.
///
/// # Panics
/// If `z` is shorter than `h`.
pub fn activate<E: Engine>(kernel: Kernel, activation: Activation, z: &[E], h: &mut [E]) {
    assert!(z.len() >= h.len(), "z is too short");
    let len = h.len();
    E::run(kernel, Activate { activation, z: z.as_ptr(), h: h.as_mut_ptr(), len });
}

/// `h = activation(h)`.
pub fn activate_in_place<E: Engine>(kernel: Kernel, activation: Activation, h: &mut [E]) {
    let (len, h) = (h.len(), h.as_mut_ptr());
    E::run(kernel, Activate { activation, z: h, h, len });
}

struct MultiplyDerivative<'a, E> {
    activation: Activation,
    kept: &'a [E],
    d: &'a mut [E],
}

impl<E: Engine> Job<E> for MultiplyDerivative<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, zero: S) {
        let one = zero.lift(E::ONE);
        let (kept, d, len) = (self.kept.as_ptr(), self.d.as_mut_ptr(), self.d.len());
        // SAFETY: both slices have `len` numbers, by the assertion of the maker of this job.
        unsafe {
            match self.activation {
                // tanh' = 1 - tanh^2, from the output h.
                Activation::Tanh => {
                    pass(zero, kept, d, len, |h, d: S| d.mul(h.neg().mul_add(h, one)));
                }
                // From the output h: 0 where h <= 0; a NaN is not <= 0.
                Activation::Relu => {
                    pass(zero, kept, d, len, |h, d| S::select(h.le(zero), zero, d));
                }
                // Phi(z) + z phi(z), from the input z.
                Activation::Gelu => pass(zero, kept, d, len, |z, d: S| {
                    d.mul(z.mul_add(normal_density(z), normal_cdf(z)))
                }),
                // s + z s (1 - s) with s = sigmoid(z), from the input z.
                Activation::Silu => pass(zero, kept, d, len, |z, d: S| {
                    let s = z.sigmoid();
                    d.mul(z.mul(s).mul_add(one.sub(s), s))
                }),
            }
        }
    }
}

/// `d *= activation'`, from what the forward pass kept: the output for tanh and relu, the input
/// for gelu and silu.
///
/// # Panics
/// If `kept` is shorter than `d`.
pub fn multiply_derivative<E: Engine>(
    kernel: Kernel,
    activation: Activation,
    kept: &[E],
    d: &mut [E],
) {
    assert!(kept.len() >= d.len(), "what was kept is too short");
    E::run(kernel, MultiplyDerivative { activation, kept, d });
}

struct Add<'a, E> {
    source: &'a [E],
    target: &'a mut [E],
}

impl<E: Engine> Job<E> for Add<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, zero: S) {
        let (source, target) = (self.source.as_ptr(), self.target.as_mut_ptr());
        // SAFETY: both slices have the target's length, by the assertion of the maker of this job.
        unsafe { pass(zero, source, target, self.target.len(), |s, t: S| t.add(s)) }
    }
}

/// `target += source`.
///
/// # Panics
/// If `source` is shorter than `target`.
pub fn add<E: Engine>(kernel: Kernel, source: &[E], target: &mut [E]) {
    assert!(source.len() >= target.len(), "the source is too short");
    E::run(kernel, Add { source, target });
}

struct SumRows<'a, E> {
    rows: usize,
    source: &'a [E],
    stride: usize,
    sums: &'a mut [E],
}

impl<E: Engine> Job<E> for SumRows<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, _: S) {
        let cols = self.sums.len();
        for j in (0..cols).step_by(S::LANES) {
            let width = (cols - j).min(S::LANES);
            let target = &mut self.sums[j..];
            // SAFETY: `j + width <= cols`, and the maker of this job checked the last row.
            unsafe {
                let mut sum = S::load_part(target.as_ptr(), width);
                for i in 0..self.rows {
                    let row = self.source.as_ptr().add(i * self.stride + j);
                    sum = sum.add(S::load_part(row, width));
                }
                sum.store_part(target.as_mut_ptr(), width);
            }
        }
    }
}

/// `sums[j] += sum over i of source[i * stride + j]`, i in increasing order.
///
/// # Panics
/// If a row would leave `source`.
pub fn sum_rows<E: Engine>(
    kernel: Kernel,
    rows: usize,
    source: &[E],
    stride: usize,
    sums: &mut [E],
) {
    if rows > 0 {
        assert!((rows - 1) * stride + sums.len() <= source.len(), "the source is too short");
        E::run(kernel, SumRows { rows, source, stride, sums });
    }
}
