//! Products with fewer columns than a vector has lanes: the heads of a network.
//!
//! The general product would leave most lanes idle; here the lanes run along the long side.

use gradwerk_math::Kernel;
use gradwerk_math::simd::{Elementary, Job};

use crate::Engine;

/// Most columns that these kernels take.
pub const NARROW: usize = 4;

/// `C[i, j] = bias[j] + sum over p of A[i, p] Bt[j, p]` with few columns j.
///
/// The sum runs over p modulo the lanes, then over the lanes in a fixed tree: an element's bits
/// depend on its own operands alone, as in [`Gemm`](super::Gemm) but in another order.
#[derive(Debug)]
pub struct NarrowProduct<'a, E> {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of C, at most [`NARROW`].
    pub cols: usize,
    /// Columns of A and of Bt.
    pub sum: usize,
    /// `[rows, sum]`.
    pub a: &'a [E],
    /// `[cols, sum]`.
    pub b_transposed: &'a [E],
    /// `[cols]`.
    pub bias: &'a [E],
    /// `C[i, j] = c[i * c_stride + j]`.
    pub c: &'a mut [E],
    /// Distance between rows of C.
    pub c_stride: usize,
}

impl<E: Engine> NarrowProduct<'_, E> {
    /// Compute the product.
    ///
    /// # Panics
    /// If there are more columns than [`NARROW`] or an index would leave its slice.
    pub fn run(self, kernel: Kernel) {
        assert!(self.cols <= NARROW, "too many columns");
        assert!(self.rows * self.sum <= self.a.len(), "A is too short");
        assert!(self.cols * self.sum <= self.b_transposed.len(), "B is too short");
        E::run(kernel, self);
    }
}

impl<E: Engine> Job<E> for NarrowProduct<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, zero: S) {
        match self.cols {
            1 => self.columns::<S, 1>(zero),
            2 => self.columns::<S, 2>(zero),
            3 => self.columns::<S, 3>(zero),
            _ => self.columns::<S, 4>(zero),
        }
    }
}

impl<E: Engine> NarrowProduct<'_, E> {
    #[inline(always)]
    fn columns<S: Elementary<E = E>, const N: usize>(self, zero: S) {
        for i in 0..self.rows {
            // SAFETY: row `i` of A and all rows of Bt are inside, by `run`.
            let sums = unsafe {
                let row = self.a.as_ptr().add(i * self.sum);
                dots::<S, N>(zero, row, self.b_transposed.as_ptr(), self.sum)
            };
            let target = &mut self.c[i * self.c_stride..][..N];
            for j in 0..N {
                target[j] = self.bias[j] + sums[j].sum();
            }
        }
    }
}

/// The products of a row with `N` rows of Bt, still spread over the lanes.
///
/// # Safety
/// `row` has `len` numbers, `b` has `N * len`.
#[inline(always)]
unsafe fn dots<S: Elementary, const N: usize>(
    zero: S,
    row: *const S::E,
    b: *const S::E,
    len: usize,
) -> [S; N] {
    let mut sums = [zero; N];
    let whole = len - len % S::LANES;
    // SAFETY: all indices are below `len` in each row.
    unsafe {
        for p in (0..whole).step_by(S::LANES) {
            let a = S::load(row.add(p));
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = a.mul_add(S::load(b.add(j * len + p)), *sum);
            }
        }
        if whole < len {
            let a = S::load_part(row.add(whole), len - whole);
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = a.mul_add(S::load_part(b.add(j * len + whole), len - whole), *sum);
            }
        }
    }
    sums
}

/// `C[p, j] += sum over i of A[i, p] B[i, j]` with few columns j, i in increasing order: the
/// gradient of a head's weights.
#[derive(Debug)]
pub struct NarrowGradient<'a, E> {
    /// Rows of A and B, over which the sum runs.
    pub rows: usize,
    /// Columns of A, rows of C.
    pub inputs: usize,
    /// Columns of B and C, at most [`NARROW`].
    pub cols: usize,
    /// `[rows, inputs]`.
    pub a: &'a [E],
    /// `B[i, j] = b[i * b_stride + j]`.
    pub b: &'a [E],
    /// Distance between rows of B.
    pub b_stride: usize,
    /// `[inputs, cols]`.
    pub c: &'a mut [E],
}

/// Vectors of inputs that are summed at once.
const VECTORS: usize = 4;

impl<E: Engine> NarrowGradient<'_, E> {
    /// Add the product.
    ///
    /// # Panics
    /// If there are more columns than [`NARROW`] or an index would leave its slice.
    pub fn run(self, kernel: Kernel) {
        if self.rows == 0 {
            return;
        }
        assert!(self.cols <= NARROW, "too many columns");
        assert!(self.rows * self.inputs <= self.a.len(), "A is too short");
        assert!((self.rows - 1) * self.b_stride + self.cols <= self.b.len(), "B is too short");
        assert!(self.inputs * self.cols <= self.c.len(), "C is too short");
        E::run(kernel, self);
    }
}

impl<E: Engine> Job<E> for NarrowGradient<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(mut self, zero: S) {
        for p in (0..self.inputs).step_by(S::LANES * VECTORS) {
            match self.cols {
                1 => self.inputs_from::<S, 1>(zero, p),
                2 => self.inputs_from::<S, 2>(zero, p),
                3 => self.inputs_from::<S, 3>(zero, p),
                _ => self.inputs_from::<S, 4>(zero, p),
            }
        }
    }
}

impl<E: Engine> NarrowGradient<'_, E> {
    /// The inputs from `first` on, as many as [`VECTORS`] vectors hold.
    #[inline(always)]
    fn inputs_from<S: Elementary<E = E>, const N: usize>(&mut self, zero: S, first: usize) {
        let count = (self.inputs - first).min(S::LANES * VECTORS);
        let mut sums = [[zero; VECTORS]; N];
        self.exchange(&mut sums, first, count, true);
        // SAFETY: rows below `rows` and inputs below `first + count <= inputs`, checked by `run`.
        unsafe {
            for i in 0..self.rows {
                let row = self.a.as_ptr().add(i * self.inputs + first);
                let a = load_vectors(zero, row, count);
                for (j, sums) in sums.iter_mut().enumerate() {
                    let b = zero.lift(*self.b.as_ptr().add(i * self.b_stride + j));
                    for v in 0..VECTORS {
                        sums[v] = a[v].mul_add(b, sums[v]);
                    }
                }
            }
        }
        self.exchange(&mut sums, first, count, false);
    }

    /// Read the sums from C (transposing) or write them there.
    #[inline(always)]
    fn exchange<S: Elementary<E = E>, const N: usize>(
        &mut self,
        sums: &mut [[S; VECTORS]; N],
        first: usize,
        count: usize,
        read: bool,
    ) {
        let c = &mut self.c[first * N..][..count * N];
        for (j, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                let rows = (v * S::LANES).min(count)..((v + 1) * S::LANES).min(count);
                let column = c[rows.start * N..rows.end * N].iter_mut().skip(j).step_by(N);
                let mut lanes = [E::ZERO; 16];
                // SAFETY: no vector has more than 16 lanes; `sum` proves the hardware.
                unsafe {
                    if read {
                        lanes.iter_mut().zip(column).for_each(|(lane, c)| *lane = *c);
                        *sum = S::load(lanes.as_ptr());
                    } else {
                        sum.store(lanes.as_mut_ptr());
                        lanes.iter().zip(column).for_each(|(lane, c)| *c = *lane);
                    }
                }
            }
        }
    }
}

/// The first `count` numbers from `source` on, zeros behind.
///
/// # Safety
/// `count <= VECTORS * LANES` numbers are readable.
#[inline(always)]
unsafe fn load_vectors<S: Elementary>(zero: S, source: *const S::E, count: usize) -> [S; VECTORS] {
    let mut vectors = [zero; VECTORS];
    // SAFETY: the caller's promise.
    unsafe {
        if count == S::LANES * VECTORS {
            for (v, x) in vectors.iter_mut().enumerate() {
                *x = S::load(source.add(v * S::LANES));
            }
        } else {
            for (v, x) in vectors.iter_mut().enumerate() {
                let start = (v * S::LANES).min(count);
                *x = S::load_part(source.add(start), (count - start).min(S::LANES));
            }
        }
    }
    vectors
}
