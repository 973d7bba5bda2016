//! Transposition.

use crate::Engine;

/// `target[j, i] = source[i, j]` for a `[rows, cols]` matrix.
///
/// # Panics
/// If a slice is shorter than `rows * cols`.
pub fn transpose<E: Engine>(rows: usize, cols: usize, source: &[E], target: &mut [E]) {
    for (i, row) in source[..rows * cols].chunks_exact(cols.max(1)).enumerate() {
        for (j, &x) in row.iter().enumerate() {
            target[j * rows + i] = x;
        }
    }
}
