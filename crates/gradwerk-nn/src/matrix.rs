//! A weight matrix: where it lies in the flat slices, and the products that it takes part in.

use gradwerk_math::Kernel;

use crate::kernels::{self, Gemm, NARROW, NarrowGradient, Start};
use crate::{Engine, Init, Layout};

/// Numbers in a cache line: packed weights start on one if the packed parameters do.
const LINE: usize = 16;

/// A matrix `W`, `[inputs, outputs]`. Rows of other operands are given with the distance between
/// them.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub inputs: usize,
    pub outputs: usize,
    /// Offset in theta.
    weight: usize,
    /// Offset of a copy in the packed parameters, at a multiple of [`LINE`].
    packed: usize,
    /// Offset of the transposed weights there, likewise.
    transposed: usize,
}

impl Matrix {
    /// Append an entry to `layout` and two copies to the packed parameters, which have `packed_len`
    /// numbers so far.
    pub fn new(
        layout: &mut Layout,
        packed_len: &mut usize,
        name: String,
        [inputs, outputs]: [usize; 2],
        init: Init,
    ) -> Self {
        let weight = layout.push(name, &[inputs, outputs], init);
        let (packed, size) = (*packed_len, (inputs * outputs).next_multiple_of(LINE));
        *packed_len += 2 * size;
        Self { inputs, outputs, weight, packed, transposed: packed + size }
    }

    fn len(&self) -> usize {
        self.inputs * self.outputs
    }

    /// The weights in theta, or the direction of them in a direction of theta.
    pub fn weight<'a, E>(&self, theta: &'a [E]) -> &'a [E] {
        &theta[self.weight..][..self.len()]
    }

    /// The copy of the weights, `[inputs, outputs]`.
    pub fn packed<'a, E>(&self, packed: &'a [E]) -> &'a [E] {
        &packed[self.packed..][..self.len()]
    }

    /// The transposed weights, `[outputs, inputs]`.
    pub fn transposed<'a, E>(&self, packed: &'a [E]) -> &'a [E] {
        &packed[self.transposed..][..self.len()]
    }

    /// Make both copies.
    pub fn pack<E: Engine>(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        let weight = self.weight(theta);
        packed[self.packed..][..self.len()].copy_from_slice(weight);
        let target = &mut packed[self.transposed..];
        kernels::transpose(kernel, self.inputs, self.outputs, weight, target);
    }

    /// `y = start + x w`, with `w` one of [`Matrix::packed`] and [`Matrix::weight`].
    pub fn product<E: Engine>(
        &self,
        kernel: Kernel,
        rows: usize,
        (x, x_stride): (&[E], usize),
        w: &[E],
        start: Start<'_, E>,
        (y, y_stride): (&mut [E], usize),
    ) {
        Gemm {
            rows,
            cols: self.outputs,
            sum: self.inputs,
            a: x,
            a_strides: (x_stride, 1),
            b: w,
            b_stride: self.outputs,
            c: y,
            c_stride: y_stride,
            start,
        }
        .run(kernel);
    }

    /// `dW += x^T dy`.
    pub fn gradient<E: Engine>(
        &self,
        kernel: Kernel,
        rows: usize,
        (x, x_stride): (&[E], usize),
        (dy, dy_stride): (&[E], usize),
        dtheta: &mut [E],
    ) {
        let dw = &mut dtheta[self.weight..][..self.len()];
        if self.outputs <= NARROW && x_stride == self.inputs {
            let (inputs, cols) = (self.inputs, self.outputs);
            let gradient =
                NarrowGradient { rows, inputs, cols, a: x, b: dy, b_stride: dy_stride, c: dw };
            return gradient.run(kernel);
        }
        Gemm {
            rows: self.inputs,
            cols: self.outputs,
            sum: rows,
            a: x,
            a_strides: (1, x_stride),
            b: dy,
            b_stride: dy_stride,
            c: dw,
            c_stride: self.outputs,
            start: Start::Add,
        }
        .run(kernel);
    }

    /// `dx = start + dy W^T`.
    pub fn input_gradient<E: Engine>(
        &self,
        kernel: Kernel,
        rows: usize,
        packed: &[E],
        (dy, dy_stride): (&[E], usize),
        start: Start<'_, E>,
        (dx, dx_stride): (&mut [E], usize),
    ) {
        Gemm {
            rows,
            cols: self.inputs,
            sum: self.outputs,
            a: dy,
            a_strides: (dy_stride, 1),
            b: self.transposed(packed),
            b_stride: self.inputs,
            c: dx,
            c_stride: dx_stride,
            start,
        }
        .run(kernel);
    }
}
