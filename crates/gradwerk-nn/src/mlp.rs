//! Dense layers in a row: the multilayer perceptron.

use gradwerk_math::Kernel;

use crate::kernels::{self, NARROW, NarrowProduct, Start};
use crate::matrix::Matrix;
use crate::{Activation, Engine, Init, Layout, Memory, Network, Params, Rows};

/// What an [`Mlp`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpSpec {
    /// Numbers per row of the input.
    pub inputs: usize,
    /// Widths of the hidden layers; none makes the network linear.
    pub hidden: Vec<usize>,
    /// Width of the last, linear layer; `None` ends with the last hidden layer (a trunk).
    pub outputs: Option<usize>,
    /// Further outputs that are pure biases (a log standard deviation that does not depend on the
    /// state), as name, number and first value.
    pub free: Option<(String, usize, f64)>,
    /// After every hidden layer.
    pub activation: Activation,
    /// First weights of hidden layers.
    pub hidden_init: Init,
    /// First weights of the last layer.
    pub output_init: Init,
}

/// One dense layer `h = activation(x W + b)`: where its parts lie in the flat slices.
#[derive(Clone, Debug)]
struct Dense {
    matrix: Matrix,
    /// Offset of `b` in theta.
    bias: usize,
    /// Offset of the output per row in the cache; hidden layers only.
    out: usize,
    /// Offset per row in the cache of what the derivative of the activation reads.
    kept: usize,
}

impl Dense {
    fn outputs(&self) -> usize {
        self.matrix.outputs
    }

    fn bias<'a, E>(&self, theta: &'a [E]) -> &'a [E] {
        &theta[self.bias..self.bias + self.outputs()]
    }

    /// The output in the cache, `[rows, outputs]`.
    fn out<'a, E>(&self, cache: &'a [E], rows: usize) -> &'a [E] {
        &cache[rows * self.out..rows * (self.out + self.outputs())]
    }

    fn kept<'a, E>(&self, cache: &'a [E], rows: usize) -> &'a [E] {
        &cache[rows * self.kept..rows * (self.kept + self.outputs())]
    }
}

/// A multilayer perceptron: hidden layers with an activation, then a linear layer, then free
/// outputs. A row of the output is `[linear outputs | free outputs]`.
#[derive(Clone, Debug)]
pub struct Mlp {
    layout: Layout,
    hidden: Vec<Dense>,
    head: Option<Dense>,
    /// Offset in theta and number of the free outputs.
    free: (usize, usize),
    activation: Activation,
    inputs: usize,
    cache_per_row: usize,
    packed_len: usize,
    widest: usize,
}

impl Mlp {
    /// Lay out the parameters: `0.weight`, `0.bias`, `1.weight`, ..., then the free outputs.
    #[must_use]
    pub fn new(spec: &MlpSpec) -> Self {
        let mut mlp = Self {
            layout: Layout::default(),
            hidden: Vec::new(),
            head: None,
            free: (0, 0),
            activation: spec.activation,
            inputs: spec.inputs,
            cache_per_row: 0,
            packed_len: 0,
            widest: 0,
        };
        let mut inputs = spec.inputs;
        for &outputs in &spec.hidden {
            let dense = mlp.hidden_layer(inputs, outputs, spec.hidden_init);
            mlp.hidden.push(dense);
            inputs = outputs;
        }
        mlp.head = spec.outputs.map(|outputs| mlp.dense(inputs, outputs, spec.output_init));
        if let Some((name, count, value)) = &spec.free {
            mlp.free = (mlp.layout.push(name, &[*count], Init::Constant(*value)), *count);
        }
        mlp
    }

    fn dense(&mut self, inputs: usize, outputs: usize, init: Init) -> Dense {
        let index = self.layout.entries().len() / 2;
        let (name, shape) = (format!("{index}.weight"), [inputs, outputs]);
        let matrix = Matrix::new(&mut self.layout, &mut self.packed_len, name, shape, init);
        let bias = self.layout.push(format!("{index}.bias"), &[outputs], Init::Constant(0.0));
        self.widest = self.widest.max(inputs).max(outputs);
        Dense { matrix, bias, out: 0, kept: 0 }
    }

    fn hidden_layer(&mut self, inputs: usize, outputs: usize, init: Init) -> Dense {
        let mut dense = self.dense(inputs, outputs, init);
        dense.out = self.cache_per_row;
        dense.kept = self.cache_per_row;
        self.cache_per_row += outputs;
        if self.activation.needs_input() {
            dense.kept = self.cache_per_row;
            self.cache_per_row += outputs;
        }
        dense
    }

    /// All dense layers from the first to the last.
    fn layers(&self) -> impl DoubleEndedIterator<Item = &Dense> {
        self.hidden.iter().chain(&self.head)
    }

    /// The input of hidden layer or head number `index`.
    fn input_of<'a, E>(&self, index: usize, x: &'a [E], cache: &'a [E], rows: usize) -> &'a [E] {
        if index == 0 { x } else { self.hidden[index - 1].out(cache, rows) }
    }

    fn dense_outputs(&self) -> usize {
        self.layers().last().map_or(self.inputs, Dense::outputs)
    }
}

impl Mlp {
    /// One hidden layer: its output (and what its derivative needs) goes to the cache.
    fn forward_hidden<E: Engine>(
        &self,
        kernel: Kernel,
        index: usize,
        params: Params<'_, E>,
        x: &[E],
        rows: usize,
        cache: &mut [E],
    ) {
        let dense = &self.hidden[index];
        let (before, rest) = cache.split_at_mut(rows * dense.out);
        let x = self.input_of(index, x, before, rows);
        let (matrix, outputs) = (&dense.matrix, dense.outputs());
        let (x, weight) = ((x, matrix.inputs), matrix.packed(params.packed));
        let size = rows * outputs;
        let bias = Start::Row(dense.bias(params.theta));
        let (out, rest) = rest.split_at_mut(size);
        if self.activation.needs_input() {
            let kept = &mut rest[..size];
            matrix.product(kernel, rows, x, weight, bias, (kept, outputs));
            kernels::activate(kernel, self.activation, kept, out);
        } else {
            matrix.product(kernel, rows, x, weight, bias, (out, outputs));
            kernels::activate_in_place(kernel, self.activation, out);
        }
    }

    /// The last layer, or a copy of the last hidden one where there is none.
    fn forward_head<E: Engine>(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: usize,
        cache: &[E],
        y: &mut [E],
    ) {
        let stride = Network::<E>::outputs(self);
        let x = self.input_of(self.hidden.len(), x, cache, rows);
        if let Some(head) = &self.head {
            head_output(kernel, head, params, rows, x, (y, stride));
        } else {
            y[..rows * stride].copy_from_slice(&x[..rows * stride]);
        }
    }

    /// Write the free outputs, `values` in every row.
    fn fill_free<E: Engine>(&self, theta: &[E], rows: usize, y: &mut [E]) {
        let (offset, count) = self.free;
        let (dense, stride) = (self.dense_outputs(), self.dense_outputs() + count);
        if count > 0 {
            for row in y[..rows * stride].chunks_exact_mut(stride) {
                row[dense..].copy_from_slice(&theta[offset..offset + count]);
            }
        }
    }
}

/// `y = x W + b` of the last layer, which often has few outputs.
fn head_output<E: Engine>(
    kernel: Kernel,
    head: &Dense,
    params: Params<'_, E>,
    rows: usize,
    x: &[E],
    (y, stride): (&mut [E], usize),
) {
    let (matrix, bias) = (&head.matrix, head.bias(params.theta));
    if matrix.outputs > NARROW {
        let (x, weight) = ((x, matrix.inputs), matrix.packed(params.packed));
        return matrix.product(kernel, rows, x, weight, Start::Row(bias), (y, stride));
    }
    NarrowProduct {
        rows,
        cols: matrix.outputs,
        sum: matrix.inputs,
        a: x,
        b_transposed: matrix.transposed(params.packed),
        bias,
        c: y,
        c_stride: stride,
    }
    .run(kernel);
}

/// The derivative of one layer: `dw += x^T dz`, `db += column sums of dz`.
fn dense_gradient<E: Engine>(
    kernel: Kernel,
    dense: &Dense,
    rows: usize,
    x: &[E],
    (dz, stride): (&[E], usize),
    dtheta: &mut [E],
) {
    dense.matrix.gradient(kernel, rows, (x, dense.matrix.inputs), (dz, stride), dtheta);
    let db = &mut dtheta[dense.bias..][..dense.outputs()];
    kernels::sum_rows(kernel, rows, dz, stride, db);
}

/// The derivative of one layer with respect to its input: `dx = dz W^T`.
fn dense_input_gradient<E: Engine>(
    kernel: Kernel,
    dense: &Dense,
    rows: usize,
    packed: &[E],
    dz: (&[E], usize),
    dx: &mut [E],
) {
    let (matrix, dx) = (&dense.matrix, (dx, dense.matrix.inputs));
    matrix.input_gradient(kernel, rows, packed, dz, Start::Zero, dx);
}

impl<E: Engine> Network<E> for Mlp {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.dense_outputs() + self.free.1
    }
    fn packed_len(&self) -> usize {
        self.packed_len
    }
    fn pack(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        self.layers().for_each(|dense| dense.matrix.pack(kernel, theta, packed));
    }
    fn cache_len(&self, rows: usize) -> usize {
        rows * self.cache_per_row
    }
    fn scratch_len(&self, rows: usize) -> usize {
        2 * rows * self.widest
    }

    fn forward(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        for index in 0..self.hidden.len() {
            self.forward_hidden(kernel, index, params, x, rows, cache);
        }
        self.forward_head(kernel, params, x, rows, cache, y);
        self.fill_free(params.theta, rows, y);
    }

    fn vjp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dtheta: &mut [E],
        dx: Option<&mut [E]>,
        scratch: &mut [E],
    ) {
        let stride = Network::<E>::outputs(self);
        let (offset, count) = self.free;
        if count > 0 && rows > 0 {
            let free = &mut dtheta[offset..offset + count];
            kernels::sum_rows(kernel, rows, &dy[self.dense_outputs()..], stride, free);
        }
        let (mut dz, mut dh) = scratch.split_at_mut(rows * self.widest);
        if let Some(head) = &self.head {
            let x = self.input_of(self.hidden.len(), x, cache, rows);
            dense_gradient(kernel, head, rows, x, (dy, stride), dtheta);
            if self.hidden.is_empty() {
                if let Some(dx) = dx {
                    dense_input_gradient(kernel, head, rows, params.packed, (dy, stride), dx);
                }
                return;
            }
            dense_input_gradient(kernel, head, rows, params.packed, (dy, stride), dh);
        } else {
            dh[..rows * stride].copy_from_slice(&dy[..rows * stride]);
        }
        for (index, dense) in self.hidden.iter().enumerate().rev() {
            std::mem::swap(&mut dz, &mut dh);
            let d = &mut dz[..rows * dense.outputs()];
            kernels::multiply_derivative(kernel, self.activation, dense.kept(cache, rows), d);
            let x = self.input_of(index, x, cache, rows);
            dense_gradient(kernel, dense, rows, x, (d, dense.outputs()), dtheta);
            if index > 0 {
                dense_input_gradient(kernel, dense, rows, params.packed, (d, dense.outputs()), dh);
            }
        }
        if let Some(dx) = dx {
            let first = &self.hidden[0];
            dense_input_gradient(kernel, first, rows, params.packed, (dz, first.outputs()), dx);
        }
    }

    fn jvp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        u: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        scratch: &mut [E],
    ) {
        let stride = Network::<E>::outputs(self);
        let (mut before, mut after) = scratch.split_at_mut(rows * self.widest);
        for (index, dense) in self.layers().enumerate() {
            let (matrix, inputs) = (&dense.matrix, dense.matrix.inputs);
            let is_head = index == self.hidden.len();
            let target = if is_head { &mut *dy } else { &mut *after };
            let out_stride = if is_head { stride } else { matrix.outputs };
            // d(x W + b) = x dW + db + dx W
            let x = self.input_of(index, x, cache, rows);
            let bias = Start::Row(dense.bias(u));
            let y = (&mut *target, out_stride);
            matrix.product(kernel, rows, (x, inputs), matrix.weight(u), bias, y);
            let input = if index == 0 { dx } else { Some(&*before) };
            if let Some(d) = input {
                let (w, y) = (matrix.packed(params.packed), (target, out_stride));
                matrix.product(kernel, rows, (d, inputs), w, Start::Add, y);
            }
            if !is_head {
                let d = &mut after[..rows * matrix.outputs];
                kernels::multiply_derivative(kernel, self.activation, dense.kept(cache, rows), d);
                std::mem::swap(&mut before, &mut after);
            }
        }
        if self.head.is_none() {
            dy[..rows * stride].copy_from_slice(&before[..rows * stride]);
        }
        self.fill_free(u, rows, dy);
    }
}
