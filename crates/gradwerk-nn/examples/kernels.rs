//! What each kernel of a 64-64 tanh network costs, in nanoseconds per row of a tile of 64.
//!
//! `cargo run --release -p gradwerk-nn --example kernels`

use std::hint::black_box;
use std::time::Instant;

use gradwerk_nn::kernels::{
    Gemm, NarrowGradient, NarrowProduct, Start, activate_in_place, multiply_derivative, sum_rows,
    transpose,
};
use gradwerk_nn::{Activation, Buffer, Kernel};

const ROWS: usize = 64;
const WIDTH: usize = 64;
const REPEATS: usize = 100;

/// Nanoseconds per row of the fastest of many runs.
fn per_row(mut f: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..300 {
        let start = Instant::now();
        (0..REPEATS).for_each(|_| f());
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / (REPEATS * ROWS) as f64
}

/// C of `rows` by `cols`, summed over `sum`; A read with the given strides.
fn product(
    kernel: Kernel,
    sizes: [usize; 3],
    a_strides: (usize, usize),
    start: Start<'_, f32>,
    [a, b, c]: [&mut [f32]; 3],
) {
    let [rows, cols, sum] = sizes;
    let (b_stride, c_stride) = (cols, cols);
    Gemm { rows, cols, sum, a, a_strides, b, b_stride, c, c_stride, start }.run(kernel);
}

fn main() {
    for kernel in Kernel::available() {
        let mut a = Buffer::from(&[0.01_f32; ROWS * WIDTH][..]);
        let mut b = Buffer::from(&[0.02_f32; WIDTH * WIDTH][..]);
        let mut c = Buffer::<f32>::zeros(ROWS * WIDTH);
        let bias = vec![0.0_f32; WIDTH];
        println!("{kernel}:");
        let mut report = |name: &str, f: &mut dyn FnMut([&mut [f32]; 3])| {
            let ns = per_row(|| f(black_box([&mut a, &mut b, &mut c])));
            println!("  {name:32} {ns:6.1} ns");
        };
        let row = Start::Row(&bias);
        report("forward 64 -> 64", &mut |m| product(kernel, [64; 3], (64, 1), row, m));
        report("forward 4 -> 64", &mut |m| product(kernel, [64, 64, 4], (4, 1), row, m));
        report("data gradient 64 <- 64", &mut |m| {
            product(kernel, [64; 3], (64, 1), Start::Zero, m);
        });
        report("data gradient 64 <- 2", &mut |m| {
            product(kernel, [64, 64, 2], (2, 1), Start::Zero, m);
        });
        report("weight gradient 64 x 64", &mut |m| {
            product(kernel, [64; 3], (1, 64), Start::Add, m);
        });
        report("weight gradient 4 x 64", &mut |m| {
            product(kernel, [4, 64, 64], (1, 4), Start::Add, m);
        });
        report("head 64 -> 2", &mut |[a, b, c]| {
            let (cols, sum) = (2, WIDTH);
            let (b_transposed, bias) = (&*b, &bias[..]);
            NarrowProduct { rows: ROWS, cols, sum, a, b_transposed, bias, c, c_stride: 2 }
                .run(kernel);
        });
        report("head gradient 64 x 2", &mut |[a, b, c]| {
            let (rows, inputs, cols) = (ROWS, WIDTH, 2);
            NarrowGradient { rows, inputs, cols, a, b, b_stride: 2, c }.run(kernel);
            c[..128].fill(0.0);
        });
        report("tanh of 64", &mut |[a, _, _]| activate_in_place(kernel, Activation::Tanh, a));
        report("derivative of 64 tanh", &mut |[a, _, c]| {
            multiply_derivative(kernel, Activation::Tanh, a, c);
        });
        report("row sums of 64", &mut |[a, _, c]| sum_rows(kernel, ROWS, a, WIDTH, &mut c[..64]));
        report("transpose 64 x 64 (per tile row)", &mut |[a, b, _]| {
            transpose(kernel, 64, 64, a, b)
        });
    }
}
