//! One pass over numbers: activations, their derivatives, sums over rows.

use std::marker::PhantomData;

use gradwerk_math::simd::{Elementary, Job, Simd};
use gradwerk_math::{Kernel, Real};

use crate::{Activation, Engine};

/// `f(source, target)`. A trait and not a closure, because only `#[inline(always)]` makes sure
/// that the formula is compiled for the instruction set.
trait Formula {
    fn apply<S: Elementary>(source: S, target: S) -> S;
}

/// `target[i] = f(source[i], target[i])` for `i < len`; source and target may be the same slice.
struct Pass<E, F> {
    source: *const E,
    target: *mut E,
    len: usize,
    formula: PhantomData<F>,
}

impl<E: Engine, F: Formula> Pass<E, F> {
    fn run(kernel: Kernel, source: &[E], target: &mut [E]) {
        assert!(source.len() >= target.len(), "the source is too short");
        let (len, formula) = (target.len(), PhantomData);
        E::run(kernel, Self { source: source.as_ptr(), target: target.as_mut_ptr(), len, formula });
    }

    fn in_place(kernel: Kernel, target: &mut [E]) {
        let (len, formula) = (target.len(), PhantomData);
        let target = target.as_mut_ptr();
        E::run(kernel, Self { source: target, target, len, formula });
    }
}

impl<E: Engine, F: Formula> Job<E> for Pass<E, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, _: S) {
        let whole = self.len - self.len % S::LANES;
        // SAFETY: the two makers of this job took the pointers and `len` from slices.
        unsafe {
            for i in (0..whole).step_by(S::LANES) {
                let target = self.target.add(i);
                F::apply(S::load(self.source.add(i)), S::load(target)).store(target);
            }
            if whole < self.len {
                let (rest, target) = (self.len - whole, self.target.add(whole));
                let source = S::load_part(self.source.add(whole), rest);
                F::apply(source, S::load_part(target, rest)).store_part(target, rest);
            }
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

/// `h = tanh z`.
struct Tanh;
impl Formula for Tanh {
    #[inline(always)]
    fn apply<S: Elementary>(z: S, _: S) -> S {
        z.tanh()
    }
}

/// `h = max(z, 0)`; `z <= 0` is false for NaN, which therefore stays.
struct Relu;
impl Formula for Relu {
    #[inline(always)]
    fn apply<S: Elementary>(z: S, _: S) -> S {
        let zero = constant(z, 0.0);
        S::select(z.le(zero), zero, z)
    }
}

/// `h = z Phi(z)`.
struct Gelu;
impl Formula for Gelu {
    #[inline(always)]
    fn apply<S: Elementary>(z: S, _: S) -> S {
        z.mul(normal_cdf(z))
    }
}

/// `h = z sigmoid(z)`.
struct Silu;
impl Formula for Silu {
    #[inline(always)]
    fn apply<S: Elementary>(z: S, _: S) -> S {
        z.mul(z.sigmoid())
    }
}

/// `d (1 - h^2)`, from the output.
struct TanhDerivative;
impl Formula for TanhDerivative {
    #[inline(always)]
    fn apply<S: Elementary>(h: S, d: S) -> S {
        d.mul(h.neg().mul_add(h, constant(h, 1.0)))
    }
}

/// `d` where the output is positive (or NaN), else 0.
struct ReluDerivative;
impl Formula for ReluDerivative {
    #[inline(always)]
    fn apply<S: Elementary>(h: S, d: S) -> S {
        let zero = constant(h, 0.0);
        S::select(h.le(zero), zero, d)
    }
}

/// `d (Phi(z) + z phi(z))`, from the input.
struct GeluDerivative;
impl Formula for GeluDerivative {
    #[inline(always)]
    fn apply<S: Elementary>(z: S, d: S) -> S {
        d.mul(z.mul_add(normal_density(z), normal_cdf(z)))
    }
}

/// `d (s + z s (1 - s))` with `s = sigmoid(z)`, from the input.
struct SiluDerivative;
impl Formula for SiluDerivative {
    #[inline(always)]
    fn apply<S: Elementary>(z: S, d: S) -> S {
        let s = z.sigmoid();
        d.mul(z.mul(s).mul_add(constant(z, 1.0).sub(s), s))
    }
}

/// `cos x`.
struct Cos;
impl Formula for Cos {
    #[inline(always)]
    fn apply<S: Elementary>(x: S, _: S) -> S {
        x.sin_cos().1
    }
}

/// `e^x`.
struct Exp;
impl Formula for Exp {
    #[inline(always)]
    fn apply<S: Elementary>(x: S, _: S) -> S {
        x.exp()
    }
}

/// `target + source`.
struct Sum;
impl Formula for Sum {
    #[inline(always)]
    fn apply<S: Elementary>(source: S, target: S) -> S {
        target.add(source)
    }
}

/// `h = activation(z)`.
///
/// # Panics
/// If `z` is shorter than `h`.
pub fn activate<E: Engine>(kernel: Kernel, activation: Activation, z: &[E], h: &mut [E]) {
    match activation {
        Activation::Tanh => Pass::<E, Tanh>::run(kernel, z, h),
        Activation::Relu => Pass::<E, Relu>::run(kernel, z, h),
        Activation::Gelu => Pass::<E, Gelu>::run(kernel, z, h),
        Activation::Silu => Pass::<E, Silu>::run(kernel, z, h),
    }
}

/// `h = activation(h)`.
pub fn activate_in_place<E: Engine>(kernel: Kernel, activation: Activation, h: &mut [E]) {
    match activation {
        Activation::Tanh => Pass::<E, Tanh>::in_place(kernel, h),
        Activation::Relu => Pass::<E, Relu>::in_place(kernel, h),
        Activation::Gelu => Pass::<E, Gelu>::in_place(kernel, h),
        Activation::Silu => Pass::<E, Silu>::in_place(kernel, h),
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
    match activation {
        Activation::Tanh => Pass::<E, TanhDerivative>::run(kernel, kept, d),
        Activation::Relu => Pass::<E, ReluDerivative>::run(kernel, kept, d),
        Activation::Gelu => Pass::<E, GeluDerivative>::run(kernel, kept, d),
        Activation::Silu => Pass::<E, SiluDerivative>::run(kernel, kept, d),
    }
}

/// `x = cos x`.
pub fn cos<E: Engine>(kernel: Kernel, x: &mut [E]) {
    Pass::<E, Cos>::in_place(kernel, x);
}

/// `x = e^x`.
pub fn exp<E: Engine>(kernel: Kernel, x: &mut [E]) {
    Pass::<E, Exp>::in_place(kernel, x);
}

/// `target += source`.
///
/// # Panics
/// If `source` is shorter than `target`.
pub fn add<E: Engine>(kernel: Kernel, source: &[E], target: &mut [E]) {
    Pass::<E, Sum>::run(kernel, source, target);
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
    fn run<S: Elementary<E = E>>(mut self, zero: S) {
        let cols = self.sums.len();
        let wide = cols - cols % (4 * S::LANES);
        // Four vectors at once: one sum alone would wait for each addition to finish.
        for j in (0..wide).step_by(4 * S::LANES) {
            self.columns::<S, 4>(zero, j, S::LANES);
        }
        for j in (wide..cols).step_by(S::LANES) {
            self.columns::<S, 1>(zero, j, (cols - j).min(S::LANES));
        }
    }
}

impl<E: Engine> SumRows<'_, E> {
    /// `V` vectors of columns from `j` on, `width` columns each (all lanes if `V > 1`).
    #[inline(always)]
    fn columns<S: Elementary<E = E>, const V: usize>(&mut self, zero: S, j: usize, width: usize) {
        let target = self.sums[j..].as_mut_ptr();
        // SAFETY: columns `j..j + V * width` exist, and the maker of this job checked the last row.
        unsafe {
            let mut sums = [zero; V];
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = load::<S>(target.add(v * S::LANES), width);
            }
            for i in 0..self.rows {
                let row = self.source.as_ptr().add(i * self.stride + j);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(load::<S>(row.add(v * S::LANES), width));
                }
            }
            for (v, sum) in sums.into_iter().enumerate() {
                sum.store_part(target.add(v * S::LANES), width);
            }
        }
    }
}

/// `count` numbers, without a mask where all lanes are wanted.
#[inline(always)]
unsafe fn load<S: Simd>(source: *const S::E, count: usize) -> S {
    // SAFETY: the caller's promise.
    unsafe { if count == S::LANES { S::load(source) } else { S::load_part(source, count) } }
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
