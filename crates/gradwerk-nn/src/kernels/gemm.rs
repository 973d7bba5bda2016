//! The matrix product behind every dense layer and both of its derivatives.

use gradwerk_math::Kernel;
use gradwerk_math::simd::{Elementary, Job};

use crate::Engine;

/// What the sum of a product starts from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, E> {
    /// 0.
    Zero,
    /// The same row of `cols` numbers for every row.
    Row(&'a [E]),
    /// What C holds.
    Add,
}

/// `C[i, j] = start + sum over p of A[i, p] B[p, j]`, p in increasing order for every element, so
/// that an element's bits depend on its own operands alone.
#[derive(Debug)]
pub struct Gemm<'a, E> {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of B and C.
    pub cols: usize,
    /// Columns of A, rows of B.
    pub sum: usize,
    /// `A[i, p] = a[i * a_strides.0 + p * a_strides.1]`.
    pub a: &'a [E],
    /// Distance between rows and between columns of A.
    pub a_strides: (usize, usize),
    /// `B[p, j] = b[p * b_stride + j]`.
    pub b: &'a [E],
    /// Distance between rows of B.
    pub b_stride: usize,
    /// `C[i, j] = c[i * c_stride + j]`.
    pub c: &'a mut [E],
    /// Distance between rows of C.
    pub c_stride: usize,
    /// What the sums start from.
    pub start: Start<'a, E>,
}

impl<E: Engine> Gemm<'_, E> {
    /// Compute the product.
    ///
    /// # Panics
    /// If an index would leave its slice.
    pub fn run(self, kernel: Kernel) {
        if self.rows == 0 || self.cols == 0 {
            return;
        }
        self.check();
        E::run(kernel, self);
    }

    fn check(&self) {
        let (m, n, k) = (self.rows, self.cols, self.sum);
        if k > 0 {
            let last_a = (m - 1) * self.a_strides.0 + (k - 1) * self.a_strides.1;
            assert!(last_a < self.a.len(), "A is too short");
            assert!((k - 1) * self.b_stride + n <= self.b.len(), "B is too short");
        }
        assert!((m - 1) * self.c_stride + n <= self.c.len(), "C is too short");
        if let Start::Row(row) = self.start {
            assert!(n <= row.len(), "the start row is too short");
        }
    }
}

impl<E: Engine> Job<E> for Gemm<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<S: Elementary<E = E>>(mut self, zero: S) {
        let width = S::LANES * S::BLOCK_VECTORS;
        for j in (0..self.cols).step_by(width) {
            let cols = (self.cols - j).min(width);
            // SAFETY: `check` proved that all indices below rows, cols and sum stay inside.
            unsafe { self.columns(zero, j, cols) };
        }
    }
}

impl<E: Engine> Gemm<'_, E> {
    /// The columns `j..j + cols`, with as many vectors as they need.
    #[inline(always)]
    unsafe fn columns<S: Elementary<E = E>>(&mut self, zero: S, j: usize, cols: usize) {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match cols.div_ceil(S::LANES) {
                1 => self.panel::<S, 1>(zero, j, cols),
                2 => self.panel::<S, 2>(zero, j, cols),
                3 => self.panel::<S, 3>(zero, j, cols),
                _ => self.panel::<S, 4>(zero, j, cols),
            }
        }
    }

    /// All rows of `V` vectors of columns, `BLOCK_ROWS` rows at a time.
    #[inline(always)]
    unsafe fn panel<S: Elementary<E = E>, const V: usize>(
        &mut self,
        zero: S,
        j: usize,
        cols: usize,
    ) {
        if V > S::BLOCK_VECTORS {
            return;
        }
        let mut i = 0;
        // SAFETY: the caller's promise is passed on; `i` plus the rows never passes `self.rows`.
        unsafe {
            while i < self.rows {
                let left = self.rows - i;
                // One vector per row leaves registers for twice the rows.
                let rows = if V == 1 { 2 * S::BLOCK_ROWS } else { S::BLOCK_ROWS };
                i += match left.min(rows) {
                    12 => self.block::<S, 12, V>(zero, i, j, cols),
                    8..12 => self.block::<S, 8, V>(zero, i, j, cols),
                    6 | 7 => self.block::<S, 6, V>(zero, i, j, cols),
                    4 | 5 => self.block::<S, 4, V>(zero, i, j, cols),
                    2 | 3 => self.block::<S, 2, V>(zero, i, j, cols),
                    _ => self.block::<S, 1, V>(zero, i, j, cols),
                };
            }
        }
    }

    /// One block of `M` rows and `V` vectors held in registers; returns `M`.
    #[inline(always)]
    unsafe fn block<S: Elementary<E = E>, const M: usize, const V: usize>(
        &mut self,
        zero: S,
        i: usize,
        j: usize,
        cols: usize,
    ) -> usize {
        let tail = cols - (V - 1) * S::LANES;
        // SAFETY: rows i..i+M, columns j..j+cols and all p are inside, by `check`.
        unsafe {
            let c = self.c.as_mut_ptr().add(i * self.c_stride + j);
            let mut sums = self.starts::<S, M, V>(zero, c, j, tail);
            let mut a = self.a.as_ptr().add(i * self.a_strides.0);
            let mut b = self.b.as_ptr().add(j);
            for _ in 0..self.sum {
                let b_row = load_row::<S, V>(zero, b, tail);
                for (m, row) in sums.iter_mut().enumerate() {
                    let a_m = zero.lift(*a.add(m * self.a_strides.0));
                    for (sum, b) in row.iter_mut().zip(b_row) {
                        *sum = a_m.mul_add(b, *sum);
                    }
                }
                a = a.wrapping_add(self.a_strides.1);
                b = b.wrapping_add(self.b_stride);
            }
            for (m, row) in sums.iter().enumerate() {
                store_row::<S, V>(row, c.add(m * self.c_stride), tail);
            }
        }
        M
    }

    #[inline(always)]
    unsafe fn starts<S: Elementary<E = E>, const M: usize, const V: usize>(
        &self,
        zero: S,
        c: *const E,
        j: usize,
        tail: usize,
    ) -> [[S; V]; M] {
        // SAFETY: the caller's promise is passed on; `check` knows the start row.
        unsafe {
            match self.start {
                Start::Zero => [[zero; V]; M],
                Start::Row(row) => [load_row::<S, V>(zero, row.as_ptr().add(j), tail); M],
                Start::Add => {
                    let mut sums = [[zero; V]; M];
                    for (m, row) in sums.iter_mut().enumerate() {
                        *row = load_row::<S, V>(zero, c.add(m * self.c_stride), tail);
                    }
                    sums
                }
            }
        }
    }
}

/// `V` vectors from `source` on, of which the last has `tail` numbers.
#[inline(always)]
pub(super) unsafe fn load_row<S: Elementary, const V: usize>(
    zero: S,
    source: *const S::E,
    tail: usize,
) -> [S; V] {
    let mut row = [zero; V];
    // SAFETY: the caller promises (V - 1) * LANES + tail readable numbers.
    unsafe {
        for (v, x) in row.iter_mut().enumerate().take(V - 1) {
            *x = S::load(source.add(v * S::LANES));
        }
        let last = source.add((V - 1) * S::LANES);
        row[V - 1] = if tail == S::LANES { S::load(last) } else { S::load_part(last, tail) };
    }
    row
}

/// The counterpart of [`load_row`].
#[inline(always)]
pub(super) unsafe fn store_row<S: Elementary, const V: usize>(
    row: &[S; V],
    target: *mut S::E,
    tail: usize,
) {
    // SAFETY: the caller promises (V - 1) * LANES + tail writable numbers.
    unsafe {
        for (v, x) in row.iter().enumerate().take(V - 1) {
            x.store(target.add(v * S::LANES));
        }
        let last = target.add((V - 1) * S::LANES);
        if tail == S::LANES { row[V - 1].store(last) } else { row[V - 1].store_part(last, tail) }
    }
}
