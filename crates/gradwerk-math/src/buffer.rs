//! A slice of numbers that starts on a cache line.

use std::ops::{Deref, DerefMut};

use crate::Real;

/// One or two cache lines of numbers.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line<E>([E; LINE]);

const LINE: usize = 16;

/// A fixed number of numbers whose first is aligned to 64 bytes: a vector of 64 bytes that
/// straddles two cache lines costs two accesses, a fifth of the speed of matrix products.
///
/// It derefs to a slice and is used like one.
#[derive(Clone, Debug, Default)]
pub struct Buffer<E> {
    lines: Vec<Line<E>>,
    len: usize,
}

impl<E: Real> Buffer<E> {
    /// `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([E::ZERO; LINE]); len.div_ceil(LINE)], len }
    }
}

impl<E: Real> From<&[E]> for Buffer<E> {
    fn from(source: &[E]) -> Self {
        let mut buffer = Self::zeros(source.len());
        buffer.copy_from_slice(source);
        buffer
    }
}

impl<E> Deref for Buffer<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        // SAFETY: the lines are `len` or more numbers without gaps: a line's size (16 numbers of
        // 4 or 8 bytes) is a multiple of its alignment, so it has no padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<E> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as in `deref`; the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl<E: PartialEq> PartialEq for Buffer<E> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_slices() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut buffer = Buffer::<f32>::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr().align_offset(64), 0);
            buffer.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
            assert!(buffer.iter().enumerate().all(|(i, &x)| x == i as f32));
            assert_eq!(Buffer::from(&buffer[..]), buffer);
            assert_eq!(Buffer::<f64>::zeros(len).as_ptr().align_offset(64), 0);
        }
    }
}
