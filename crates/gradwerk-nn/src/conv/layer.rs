//! One convolution: its places in memory, and the three products that it is.
//!
//! With `s` the stride, the output at place `q` is
//! `z[q, o] = b[o] + sum over (c, k) of W[(c, k), o] x[q s + k, c]`, all `q` and `k` pairs of row
//! and column, x inside its frame of zeros. Both derivatives are products of the same kind: that
//! of W sums over the places, that of x over the outputs (once per remainder modulo s).

use gradwerk_math::Kernel;

use super::frame::{Frame, Window};
use crate::kernels::{self, Gathered, PANEL, RowAt, Start, TermAt};
use crate::{Engine, Params};

/// The offsets of a product with packed weights.
#[derive(Clone, Debug)]
struct Product {
    rows: Vec<RowAt>,
    terms: Vec<TermAt>,
    cols: usize,
    /// For every term and column the index of the weight, `[terms, cols]`.
    weights: Vec<u32>,
    /// Where the panels of weights lie in the packed parameters.
    packed: usize,
}

impl Product {
    fn panels(&self) -> usize {
        self.cols.div_ceil(PANEL)
    }

    fn panel_len(&self) -> usize {
        self.terms.len() * PANEL
    }

    fn packed_len(&self) -> usize {
        self.panels() * self.panel_len()
    }

    /// Copy the weights into panels, zeros behind the last column.
    fn pack<E: Engine>(&self, weight: &[E], packed: &mut [E]) {
        let packed = &mut packed[self.packed..][..self.packed_len()];
        packed.fill(E::ZERO);
        for (t, indices) in self.weights.chunks_exact(self.cols).enumerate() {
            for (panel, indices) in indices.chunks(PANEL).enumerate() {
                let target = &mut packed[panel * self.panel_len() + t * PANEL..][..indices.len()];
                for (target, &index) in target.iter_mut().zip(indices) {
                    *target = weight[index as usize];
                }
            }
        }
    }

    fn run<E: Engine>(
        &self,
        kernel: Kernel,
        a: &[E],
        packed: &[E],
        c: &mut [E],
        start: Start<'_, E>,
    ) {
        Gathered {
            rows: &self.rows,
            terms: &self.terms,
            cols: self.cols,
            a,
            b: &packed[self.packed..][..self.packed_len()],
            panel_stride: self.panel_len(),
            c,
            start,
        }
        .run(kernel);
    }
}

/// Where a convolution reads and writes, and where its parameters lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub window: Window,
    /// Of x, with a frame of at least the padding.
    pub input: Frame,
    /// Of z.
    pub output: Frame,
    /// Of `dL/dx`.
    pub d_input: Frame,
    /// Of `dL/dz`, with the frame of [`d_frame_of`](super::frame::d_frame_of).
    pub d_output: Frame,
    /// Offset of W `[channels * kernel height * kernel width, outputs]` in theta.
    pub weight: usize,
    /// Offset of b in theta.
    pub bias: usize,
    /// Offset in the packed parameters.
    pub packed: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Conv {
    places: Places,
    forward: Product,
    /// Entries of a patch of x, and the rows of W that they meet.
    patch: Vec<RowAt>,
    /// Places of x and z.
    pixels: Vec<TermAt>,
    /// One product per remainder of the input's places modulo the stride.
    backward: Vec<Product>,
}

impl Conv {
    pub fn new(places: Places) -> Self {
        let mut conv = Self {
            places,
            forward: forward(&places),
            patch: patch(&places),
            pixels: pixels(&places),
            backward: Vec::new(),
        };
        let stride = places.window.stride;
        for remainder in (0..stride * stride).map(|i| [i / stride, i % stride]) {
            let packed = places.packed + conv.packed_len();
            conv.backward.push(Product { packed, ..backward(&places, remainder) });
        }
        conv
    }

    pub fn packed_len(&self) -> usize {
        self.forward.packed_len() + self.backward.iter().map(Product::packed_len).sum::<usize>()
    }

    fn outputs(&self) -> usize {
        self.places.output.size.channels
    }

    fn weight<'a, E>(&self, theta: &'a [E]) -> &'a [E] {
        &theta[self.places.weight..][..self.patch.len() * self.outputs()]
    }

    fn bias<'a, E>(&self, theta: &'a [E]) -> &'a [E] {
        &theta[self.places.bias..][..self.outputs()]
    }

    pub fn pack<E: Engine>(&self, theta: &[E], packed: &mut [E]) {
        for product in self.backward.iter().chain([&self.forward]) {
            product.pack(self.weight(theta), packed);
        }
    }

    /// `z = x * W + b`.
    pub fn forward<E: Engine>(&self, kernel: Kernel, params: Params<'_, E>, x: &[E], z: &mut [E]) {
        let start = Start::Row(self.bias(params.theta));
        self.forward.run(kernel, x, params.packed, z, start);
    }

    /// `dz = dx * W + dz`, the part of the directional derivative along x.
    pub fn add_along_input<E: Engine>(&self, kernel: Kernel, packed: &[E], dx: &[E], dz: &mut [E]) {
        self.forward.run(kernel, dx, packed, dz, Start::Add);
    }

    /// `dW += sum over places of x dz`, `db += sum over places of dz`. A panel of `dz` beyond the
    /// image must be readable.
    pub fn add_gradient<E: Engine>(&self, kernel: Kernel, x: &[E], dz: &[E], dtheta: &mut [E]) {
        let n = self.outputs();
        Gathered {
            rows: &self.patch,
            terms: &self.pixels,
            cols: n,
            a: x,
            b: dz,
            panel_stride: PANEL,
            c: &mut dtheta[self.places.weight..][..self.patch.len() * n],
            start: Start::Add,
        }
        .run(kernel);
        let (d, db) = (self.places.d_output, &mut dtheta[self.places.bias..][..n]);
        for row in d.rows() {
            kernels::sum_rows(kernel, d.size.width, &dz[row], n, db);
        }
    }

    /// `dx = dz * W^T`.
    pub fn input_gradient<E: Engine>(&self, kernel: Kernel, packed: &[E], dz: &[E], dx: &mut [E]) {
        for product in &self.backward {
            product.run(kernel, dz, packed, dx, Start::Zero);
        }
    }
}

/// Row and column of all places of an image, row by row.
fn grid(height: usize, width: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..height).flat_map(move |y| (0..width).map(move |x| [y, x]))
}

fn at(index: usize) -> u32 {
    u32::try_from(index).expect("an image of less than 2^32 numbers")
}

/// Index in x, from the corner of the patch, of channel `c` at `k`.
fn in_patch(places: &Places, c: usize, [ky, kx]: [usize; 2]) -> usize {
    places.input.at_corner(ky, kx) + c * places.input.channel()
}

/// Row of W for channel `c` at `k`.
fn weight_row(window: Window, c: usize, [ky, kx]: [usize; 2]) -> usize {
    (c * window.kernel[0] + ky) * window.kernel[1] + kx
}

/// Index in x of the corner of the patch of place `q`.
fn corner(places: &Places, [y, x]: [usize; 2]) -> usize {
    let Window { stride, padding, .. } = places.window;
    let skip = places.input.before - padding;
    places.input.at_corner(y * stride + skip, x * stride + skip)
}

/// Channels and window places of a patch, in the order in which the patch lies in memory.
fn patch_order(places: &Places) -> Vec<(usize, [usize; 2])> {
    let [kh, kw] = places.window.kernel;
    let channels = places.input.size.channels;
    if places.input.planar {
        (0..channels).flat_map(|c| grid(kh, kw).map(move |k| (c, k))).collect()
    } else {
        grid(kh, kw).flat_map(|k| (0..channels).map(move |c| (c, k))).collect()
    }
}

/// Rows: places of z. Terms: the patch. Columns: outputs.
fn forward(places: &Places) -> Product {
    let (output, cols) = (places.output, places.output.size.channels);
    let rows = grid(output.size.height, output.size.width)
        .map(|q| RowAt { a: at(corner(places, q)), c: at(output.at(q[0], q[1])) })
        .collect();
    let order = patch_order(places);
    let terms = order
        .iter()
        .enumerate()
        .map(|(t, &(c, k))| TermAt { a: at(in_patch(places, c, k)), b: at(t * PANEL) })
        .collect();
    let weights = order
        .iter()
        .flat_map(|&(c, k)| (0..cols).map(move |o| (c, k, o)))
        .map(|(c, k, o)| at(weight_row(places.window, c, k) * cols + o))
        .collect();
    Product { rows, terms, cols, weights, packed: places.packed }
}

/// Rows of the gradient of W: entries of the patch, in the order of W.
fn patch(places: &Places) -> Vec<RowAt> {
    let ([kh, kw], cols) = (places.window.kernel, places.output.size.channels);
    (0..places.input.size.channels)
        .flat_map(|c| grid(kh, kw).map(move |k| (c, k)))
        .map(|(c, k)| RowAt {
            a: at(in_patch(places, c, k)),
            c: at(weight_row(places.window, c, k) * cols),
        })
        .collect()
}

/// Terms of the gradient of W: places of z.
fn pixels(places: &Places) -> Vec<TermAt> {
    let d = places.d_output;
    grid(d.size.height, d.size.width)
        .map(|q| TermAt { a: at(corner(places, q)), b: at(d.at(q[0], q[1])) })
        .collect()
}

/// The gradient of those places of x whose row and column, counted from the padding's corner,
/// leave the `remainder` modulo the stride s: with `p = q s + remainder`,
/// `dx[p, c] = sum over (t, o) of dz[q - t, o] W[(c, remainder + s t), o]`.
fn backward(places: &Places, remainder: [usize; 2]) -> Product {
    let (d, d_input, window) = (places.d_output, places.d_input, places.window);
    let s = window.stride;
    let taps = [0, 1].map(|axis| window.kernel[axis].saturating_sub(remainder[axis]).div_ceil(s));
    let size = d_input.size;
    let row = |p: [usize; 2]| {
        // The first tap that is summed is the last one of the window: q - (taps - 1), counted
        // from the corner of the frame. Without taps nothing is read.
        let q = [0, 1].map(|axis| {
            let q = (p[axis] + window.padding - remainder[axis]) / s;
            q + d.before + 1 - taps[axis].max(1)
        });
        RowAt { a: at(d.at_corner(q[0], q[1])), c: at(d_input.at(p[0], p[1])) }
    };
    let rows = grid(size.height, size.width)
        .filter(|p| [0, 1].iter().all(|&i| (p[i] + window.padding) % s == remainder[i]))
        .map(row)
        .collect();
    let (cols, outputs) = (size.channels, d.size.channels);
    let order: Vec<([usize; 2], usize)> =
        grid(taps[0], taps[1]).flat_map(|back| (0..outputs).map(move |o| (back, o))).collect();
    let terms = order
        .iter()
        .enumerate()
        .map(|(t, &(back, o))| TermAt {
            a: at(d.at_corner(back[0], back[1]) + o),
            b: at(t * PANEL),
        })
        .collect();
    let weights = order
        .iter()
        .flat_map(|&(back, o)| (0..cols).map(move |c| (back, o, c)))
        .map(|(back, o, c)| {
            let k = [0, 1].map(|axis| remainder[axis] + s * (taps[axis] - 1 - back[axis]));
            at(weight_row(window, c, k) * outputs + o)
        })
        .collect();
    Product { rows, terms, cols, weights, packed: 0 }
}
