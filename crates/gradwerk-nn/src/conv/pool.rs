//! The largest number of every window and channel (max pooling).

use super::frame::{Frame, Window};
use crate::Engine;

/// Windows over an image without a frame; places of the padding do not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    pub window: Window,
    pub input: Frame,
    pub output: Frame,
    pub d_input: Frame,
    pub d_output: Frame,
}

impl Pool {
    /// `y[q, c] = max over k of x[q s + k, c]`; NaN if any is.
    pub fn forward<E: Engine>(&self, x: &[E], y: &mut [E]) {
        let channels = self.input.size.channels;
        for q in self.places() {
            let y = &mut y[self.output.at(q[0], q[1])..][..channels];
            for (k, [row, column]) in self.window_at(q).enumerate() {
                let x = &x[self.input.at(row, column)..][..channels];
                if k == 0 {
                    y.copy_from_slice(x);
                } else {
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = y.maximum(x));
                }
            }
        }
    }

    /// `dx = (dy/dx)^T dy`: to the first place of each window that has the largest number.
    pub fn backward<E: Engine>(&self, x: &[E], y: &[E], dy: &[E], dx: &mut [E]) {
        for row in self.d_input.rows() {
            dx[row].fill(E::ZERO);
        }
        for q in self.places() {
            for c in 0..self.input.size.channels {
                let d = dy[self.d_output.at(q[0], q[1]) + c];
                if let Some([row, column]) = self.largest(x, y, q, c) {
                    dx[self.d_input.at(row, column) + c] += d;
                }
            }
        }
    }

    /// `dy = (dy/dx) dx`, both with the frames of the values.
    pub fn forward_mode<E: Engine>(&self, x: &[E], y: &[E], dx: &[E], dy: &mut [E]) {
        for q in self.places() {
            for c in 0..self.input.size.channels {
                if let Some([row, column]) = self.largest(x, y, q, c) {
                    dy[self.output.at(q[0], q[1]) + c] = dx[self.input.at(row, column) + c];
                }
            }
        }
    }

    fn places(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let size = self.output.size;
        (0..size.height).flat_map(move |y| (0..size.width).map(move |x| [y, x]))
    }

    /// The places of the image under the window at `q`.
    fn window_at(&self, q: [usize; 2]) -> impl Iterator<Item = [usize; 2]> + use<> {
        let Window { kernel, stride, padding } = self.window;
        let sides = [self.input.size.height, self.input.size.width];
        let range = move |axis: usize| {
            let start = q[axis] * stride;
            let end = (start + kernel[axis]).saturating_sub(padding).min(sides[axis]);
            start.saturating_sub(padding)..end
        };
        range(0).flat_map(move |y| range(1).map(move |x| [y, x]))
    }

    /// Where the largest number of a window lies; nowhere if it is NaN.
    fn largest<E: Engine>(&self, x: &[E], y: &[E], q: [usize; 2], c: usize) -> Option<[usize; 2]> {
        let largest = y[self.output.at(q[0], q[1]) + c];
        self.window_at(q).find(|&[row, column]| x[self.input.at(row, column) + c] == largest)
    }
}
