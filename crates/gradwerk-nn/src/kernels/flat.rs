//! Passes over the whole parameter vector: length, scaling, and the optimizers' updates.

use gradwerk_math::simd::{Elementary, Job};
use gradwerk_math::{Kernel, Real};

use crate::Engine;

/// Numbers whose squares are summed in `E` before the sum goes on in double precision.
const BLOCK: usize = 256;

struct SquareSum<'a, E>(&'a [E]);

impl<E: Engine> Job<E> for SquareSum<'_, E> {
    type Out = f64;
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, zero: S) -> f64 {
        self.0.chunks(BLOCK).map(|block| square_sum(zero, block)).sum()
    }
}

/// The sum of squares of one block: by lanes, then over the lanes in order.
#[inline(always)]
fn square_sum<S: Elementary>(zero: S, block: &[S::E]) -> f64 {
    let mut sum = zero;
    let whole = block.len() - block.len() % S::LANES;
    // SAFETY: all loads end at or before the end of `block`; `zero` proves the hardware.
    unsafe {
        for i in (0..whole).step_by(S::LANES) {
            let x = S::load(block.as_ptr().add(i));
            sum = x.mul_add(x, sum);
        }
        let x = S::load_part(block.as_ptr().add(whole), block.len() - whole);
        sum = x.mul_add(x, sum);
    }
    let mut lanes = [S::E::ZERO; 16];
    // SAFETY: no vector has more than 16 lanes.
    unsafe { sum.store(lanes.as_mut_ptr()) };
    lanes[..S::LANES].iter().map(|x| x.to_f64()).sum()
}

/// Euclidean length, summed in a fixed order (blocks of 256 in `E`, the blocks in double precision).
#[must_use]
pub fn norm<E: Engine>(kernel: Kernel, x: &[E]) -> f64 {
    E::run(kernel, SquareSum(x)).sqrt()
}

/// An elementwise rule: `(slices[0][i], ...) = update(grad[i], slices[0][i], ...)`.
pub(crate) trait Update<E> {
    /// The new values of the slices from the gradient and the old values.
    fn update<S: Elementary<E = E>>(&self, grad: S, old: [S; 3]) -> [S; 3];
}

struct Pass<'a, E, U> {
    update: U,
    grad: Option<&'a [E]>,
    slices: [&'a mut [E]; 3],
}

impl<E: Engine, U: Update<E>> Job<E> for Pass<'_, E, U> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(mut self, zero: S) {
        let len = self.slices[0].len();
        let whole = len - len % S::LANES;
        // SAFETY: all indices are below `len`; every other slice has this length too or is unused.
        unsafe {
            // Masked stores cost an AMD processor some 20 cycles: only the rest gets one.
            for i in (0..whole).step_by(S::LANES) {
                self.vector::<S, false>(zero, i, S::LANES);
            }
            if whole < len {
                self.vector::<S, true>(zero, whole, len - whole);
            }
        }
    }
}

impl<E: Engine, U: Update<E>> Pass<'_, E, U> {
    /// The numbers `i..i + count`, which are a whole vector unless `PART`.
    ///
    /// # Safety
    /// They must lie inside the first slice and, unless it is empty, inside every other.
    #[inline(always)]
    unsafe fn vector<S: Elementary<E = E>, const PART: bool>(
        &mut self,
        zero: S,
        i: usize,
        count: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut g = zero;
            if let Some(grad) = self.grad {
                g = load::<S, PART>(grad.as_ptr().add(i), count);
            }
            let mut old = [zero; 3];
            for (x, slice) in old.iter_mut().zip(&self.slices) {
                if !slice.is_empty() {
                    *x = load::<S, PART>(slice.as_ptr().add(i), count);
                }
            }
            let new = self.update.update(g, old);
            for (x, slice) in new.into_iter().zip(&mut self.slices) {
                if !slice.is_empty() {
                    let target = slice.as_mut_ptr().add(i);
                    if PART { x.store_part(target, count) } else { x.store(target) }
                }
            }
        }
    }
}

/// A whole vector, or its first `count` numbers if `PART`.
///
/// # Safety
/// They must be readable.
#[inline(always)]
unsafe fn load<S: Elementary, const PART: bool>(source: *const S::E, count: usize) -> S {
    // SAFETY: the caller's promise.
    unsafe { if PART { S::load_part(source, count) } else { S::load(source) } }
}

/// Run an update over the gradient and up to three slices; an empty slice is left out.
///
/// # Panics
/// If a slice is neither empty nor as long as `grad`.
pub(crate) fn update<E: Engine>(
    kernel: Kernel,
    update: impl Update<E>,
    grad: &[E],
    slices: [&mut [E]; 3],
) {
    assert_eq!(slices[0].len(), grad.len(), "parameters and gradient");
    for slice in &slices {
        assert!(slice.is_empty() || slice.len() == grad.len(), "slices of different lengths");
    }
    E::run(kernel, Pass { update, grad: Some(grad), slices });
}

struct Scale<E>(E);

impl<E: Engine> Update<E> for Scale<E> {
    #[inline(always)]
    fn update<S: Elementary<E = E>>(&self, unused: S, [x, ..]: [S; 3]) -> [S; 3] {
        [x.mul(x.lift(self.0)), unused, unused]
    }
}

/// `x *= factor`.
pub fn scale<E: Engine>(kernel: Kernel, x: &mut [E], factor: E) {
    E::run(kernel, Pass { update: Scale(factor), grad: None, slices: [x, &mut [], &mut []] });
}
