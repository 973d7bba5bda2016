//! Transposition.

use crate::Engine;

/// Side of the blocks that are transposed at once.
const SIDE: usize = 8;

/// `target[j, i] = source[i, j]` for a `[rows, cols]` matrix.
///
/// # Panics
/// If a slice is shorter than `rows * cols`.
pub fn transpose<E: Engine>(rows: usize, cols: usize, source: &[E], target: &mut [E]) {
    let (source, target) = (&source[..rows * cols], &mut target[..rows * cols]);
    let (whole_rows, whole_cols) = (rows - rows % SIDE, cols - cols % SIDE);
    for i in (0..whole_rows).step_by(SIDE) {
        for j in (0..whole_cols).step_by(SIDE) {
            block(&source[i * cols + j..], cols, &mut target[j * rows + i..], rows);
        }
    }
    for i in 0..rows {
        let first = if i < whole_rows { whole_cols } else { 0 };
        for j in first..cols {
            target[j * rows + i] = source[i * cols + j];
        }
    }
}

/// One block, through an array that fits the registers.
fn block<E: Engine>(source: &[E], cols: usize, target: &mut [E], rows: usize) {
    let mut block = [[E::ZERO; SIDE]; SIDE];
    for (i, row) in source.chunks(cols).take(SIDE).enumerate() {
        for (column, &x) in block.iter_mut().zip(&row[..SIDE]) {
            column[i] = x;
        }
    }
    for (row, column) in target.chunks_mut(rows).zip(&block) {
        row[..SIDE].copy_from_slice(column);
    }
}
