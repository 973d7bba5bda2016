//! The product behind convolutions and both of their derivatives: rows of A are read where they
//! lie in an image (implicit GEMM), never copied into a matrix of patches.

use gradwerk_math::Kernel;
use gradwerk_math::simd::{Elementary, Job};

use super::Start;
use super::gemm::{load_row, store_row};
use crate::Engine;

/// Columns of B that lie together, whatever the instruction set.
pub const PANEL: usize = 16;

/// Terms that are summed before the next columns: their share of a panel stays in the first-level
/// cache. The order of a sum does not depend on it.
const TERMS: usize = 192;

/// Where a row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowAt {
    /// In A.
    pub a: u32,
    /// In C.
    pub c: u32,
}

/// Where a term of the sums lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermAt {
    /// In A, from the row's beginning.
    pub a: u32,
    /// In B, from the panel's beginning.
    pub b: u32,
}

/// `C[i, j] = start + sum over p of A[i, p] B[p, j]` with
/// `A[i, p] = a[rows[i].a + terms[p].a]`,
/// `B[p, j] = b[(j / PANEL) * panel_stride + terms[p].b + j % PANEL]` and
/// `C[i, j] = c[rows[i].c + j]`, p in increasing order for every element, so that an element's
/// bits depend on its own operands alone.
#[derive(Debug)]
pub struct Gathered<'a, E> {
    /// The rows.
    pub rows: &'a [RowAt],
    /// The terms.
    pub terms: &'a [TermAt],
    /// Columns of B and C.
    pub cols: usize,
    /// The image.
    pub a: &'a [E],
    /// Panels of [`PANEL`] columns; all of the last one must be readable.
    pub b: &'a [E],
    /// Distance between panels.
    pub panel_stride: usize,
    /// The result.
    pub c: &'a mut [E],
    /// What the sums start from.
    pub start: Start<'a, E>,
}

impl<E: Engine> Gathered<'_, E> {
    /// Compute the product.
    ///
    /// # Panics
    /// If an index would leave its slice.
    pub fn run(self, kernel: Kernel) {
        if self.rows.is_empty() || self.cols == 0 {
            return;
        }
        self.check();
        E::run(kernel, self);
    }

    fn check(&self) {
        let largest = |all: &mut dyn Iterator<Item = u32>| all.max().unwrap_or(0) as usize;
        if !self.terms.is_empty() {
            let a = largest(&mut self.rows.iter().map(|r| r.a))
                + largest(&mut self.terms.iter().map(|t| t.a));
            assert!(a < self.a.len(), "A is too short");
            let last = (self.cols - 1) / PANEL * self.panel_stride + PANEL;
            let b = largest(&mut self.terms.iter().map(|t| t.b));
            assert!(b + last <= self.b.len(), "B is too short");
        }
        let c = largest(&mut self.rows.iter().map(|r| r.c));
        assert!(c + self.cols <= self.c.len(), "C is too short");
        if let Start::Row(row) = self.start {
            assert!(self.cols <= row.len(), "the start row is too short");
        }
    }
}

impl<E: Engine> Job<E> for Gathered<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<S: Elementary<E = E>>(mut self, zero: S) {
        let mut terms = self.terms;
        loop {
            let (now, later) = terms.split_at(terms.len().min(TERMS));
            for j in (0..self.cols).step_by(PANEL) {
                let cols = (self.cols - j).min(PANEL);
                // SAFETY: `check` proved that all rows, terms and columns stay inside.
                unsafe { self.panel(zero, now, j, cols) };
            }
            if later.is_empty() {
                return;
            }
            (terms, self.start) = (later, Start::Add);
        }
    }
}

impl<E: Engine> Gathered<'_, E> {
    /// The columns `j..j + cols` of one panel, with as many vectors as they need.
    #[inline(always)]
    unsafe fn panel<S: Elementary<E = E>>(
        &mut self,
        zero: S,
        terms: &[TermAt],
        j: usize,
        cols: usize,
    ) {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match cols.div_ceil(S::LANES) {
                1 => self.blocks::<S, 1>(zero, terms, j, cols),
                2 => self.blocks::<S, 2>(zero, terms, j, cols),
                3 => self.blocks::<S, 3>(zero, terms, j, cols),
                _ => self.blocks::<S, 4>(zero, terms, j, cols),
            }
        }
    }

    /// All rows in blocks of about the same size: a short last block would leave the arithmetic
    /// units waiting for each other's results.
    #[inline(always)]
    unsafe fn blocks<S: Elementary<E = E>, const V: usize>(
        &mut self,
        zero: S,
        terms: &[TermAt],
        j: usize,
        cols: usize,
    ) {
        if V > PANEL / S::LANES {
            return;
        }
        let rows = self.rows;
        let most = if V == 1 { 8 } else { S::BLOCK_ROWS };
        let count = rows.len().div_ceil(most);
        for k in 0..count {
            let block = &rows[k * rows.len() / count..(k + 1) * rows.len() / count];
            // SAFETY: the caller's promise is passed on.
            unsafe {
                match block.len() {
                    8 => self.block::<S, 8, V>(zero, block, terms, j, cols),
                    7 => self.block::<S, 7, V>(zero, block, terms, j, cols),
                    6 => self.block::<S, 6, V>(zero, block, terms, j, cols),
                    5 => self.block::<S, 5, V>(zero, block, terms, j, cols),
                    4 => self.block::<S, 4, V>(zero, block, terms, j, cols),
                    3 => self.block::<S, 3, V>(zero, block, terms, j, cols),
                    2 => self.block::<S, 2, V>(zero, block, terms, j, cols),
                    _ => self.block::<S, 1, V>(zero, block, terms, j, cols),
                }
            }
        }
    }

    /// One block of `M` rows and `V` vectors held in registers.
    #[inline(always)]
    unsafe fn block<S: Elementary<E = E>, const M: usize, const V: usize>(
        &mut self,
        zero: S,
        rows: &[RowAt],
        terms: &[TermAt],
        j: usize,
        cols: usize,
    ) {
        if V > 1 && M > S::BLOCK_ROWS {
            return;
        }
        let tail = cols - (V - 1) * S::LANES;
        // SAFETY: rows, terms and the whole panel are inside, by `check`.
        unsafe {
            let mut a = [self.a.as_ptr(); M];
            let mut c = [self.c.as_mut_ptr(); M];
            for m in 0..M {
                a[m] = a[m].add(rows[m].a as usize);
                c[m] = c[m].add(rows[m].c as usize + j);
            }
            let b = self.b.as_ptr().add(j / PANEL * self.panel_stride);
            let mut sums = [[zero; V]; M];
            match self.start {
                Start::Zero => {}
                Start::Row(row) => sums = [load_row::<S, V>(zero, row.as_ptr().add(j), tail); M],
                Start::Add => {
                    for (row, c) in sums.iter_mut().zip(c) {
                        *row = load_row::<S, V>(zero, c, tail);
                    }
                }
            }
            for term in terms {
                let b_row = load_row::<S, V>(zero, b.add(term.b as usize), S::LANES);
                for (row, a) in sums.iter_mut().zip(a) {
                    let a = zero.lift(*a.add(term.a as usize));
                    for (sum, b) in row.iter_mut().zip(b_row) {
                        *sum = a.mul_add(b, *sum);
                    }
                }
            }
            for (row, c) in sums.iter().zip(c) {
                store_row::<S, V>(row, c, tail);
            }
        }
    }
}
