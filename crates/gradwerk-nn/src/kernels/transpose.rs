//! Transposition.

use gradwerk_math::Kernel;
use gradwerk_math::simd::{Elementary, Job};

use crate::Engine;

/// Side of the blocks that are transposed at once.
const SIDE: usize = 8;

struct Transpose<'a, E> {
    rows: usize,
    cols: usize,
    source: &'a [E],
    target: &'a mut [E],
}

/// `target[j, i] = source[i, j]` for a `[rows, cols]` matrix.
///
/// # Panics
/// If a slice is shorter than `rows * cols`.
pub fn transpose<E: Engine>(
    kernel: Kernel,
    rows: usize,
    cols: usize,
    source: &[E],
    target: &mut [E],
) {
    let (source, target) = (&source[..rows * cols], &mut target[..rows * cols]);
    E::run(kernel, Transpose { rows, cols, source, target });
}

impl<E: Engine> Job<E> for Transpose<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, _: S) {
        let Self { rows, cols, source, target } = self;
        let (whole_rows, whole_cols) = (rows - rows % SIDE, cols - cols % SIDE);
        for i in (0..whole_rows).step_by(SIDE) {
            for j in (0..whole_cols).step_by(SIDE) {
                let (from, to) = (&source[i * cols + j..], &mut target[j * rows + i..]);
                // SAFETY: rows `i..i + 8` and columns `j..j + 8` exist; the parameter proves the
                // hardware.
                unsafe { S::transpose_8x8(from.as_ptr(), cols, to.as_mut_ptr(), rows) };
            }
        }
        for i in 0..rows {
            let first = if i < whole_rows { whole_cols } else { 0 };
            for j in first..cols {
                target[j * rows + i] = source[i * cols + j];
            }
        }
    }
}
