//! Every kernel against plain loops in double precision, on sizes around the vector widths.

use gradwerk_math::{Purpose, Stream};
use gradwerk_nn::kernels::{
    Gemm, NARROW, NarrowGradient, NarrowProduct, Start, activate, activate_in_place,
    multiply_derivative, norm, scale, sum_rows, transpose,
};
use gradwerk_nn::{Activation, Kernel};

fn numbers(len: usize, index: u64) -> Vec<f32> {
    let mut stream = Stream::new(5, Purpose::Test, index, 0);
    (0..len).map(|_| 2.0 * stream.uniform() - 1.0).collect()
}

/// `A[rows, sum] B[sum, cols]` in double precision.
fn product(a: &[f32], b: &[f32], rows: usize, cols: usize, sum: usize) -> Vec<f64> {
    let mut c = vec![0.0; rows * cols];
    for i in 0..rows {
        for p in 0..sum {
            for j in 0..cols {
                c[i * cols + j] += f64::from(a[i * sum + p]) * f64::from(b[p * cols + j]);
            }
        }
    }
    c
}

/// Sums of up to 67 products of numbers in [-1, 1]: each addition rounds by at most
/// 67 * 2^-24 = 4e-6, and 67 of them stay far below this.
const TOLERANCE: f64 = 2e-5;

#[track_caller]
fn close(got: &[f32], expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len());
    for (i, (&g, e)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(g) - e).abs() < TOLERANCE, "{what}: [{i}] is {g}, expected {e}");
    }
}

const SIZES: [usize; 12] = [1, 2, 3, 5, 8, 13, 16, 17, 31, 48, 64, 67];

fn sizes() -> impl Iterator<Item = (usize, usize, usize)> {
    SIZES.into_iter().flat_map(|m| {
        SIZES.into_iter().flat_map(move |n| SIZES.into_iter().map(move |k| (m, n, k)))
    })
}

#[test]
fn products_of_all_sizes() {
    for (m, n, k) in sizes() {
        let (a, b, row) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
        let exact = product(&a, &b, m, n, k);
        let with_row: Vec<f64> =
            exact.iter().enumerate().map(|(i, x)| x + f64::from(row[i % n])).collect();
        for kernel in Kernel::available() {
            let what = format!("{kernel} {m}x{k}x{n}");
            let mut c = vec![0.5_f32; m * n];
            let run = |start, c: &mut [f32]| {
                let (rows, cols, sum, a_strides) = (m, n, k, (k, 1));
                let (b_stride, c_stride) = (n, n);
                Gemm { rows, cols, sum, a: &a, a_strides, b: &b, b_stride, c, c_stride, start }
                    .run(kernel);
            };
            run(Start::Zero, &mut c);
            close(&c, &exact, &what);
            run(Start::Row(&row), &mut c);
            close(&c, &with_row, &what);
            c.copy_from_slice(&(0..m * n).map(|i| row[i % n]).collect::<Vec<_>>());
            run(Start::Add, &mut c);
            close(&c, &with_row, &what);
        }
    }
}

/// An element has the same bits whatever block of the product it falls into.
#[test]
fn wide_products_have_the_bits_of_narrow_ones() {
    let (m, n, k) = (29, 150, 1100);
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    for kernel in Kernel::available() {
        let run = |first: usize, cols: usize| {
            let mut c = vec![0.0; m * cols];
            Gemm {
                rows: m,
                cols,
                sum: k,
                a: &a,
                a_strides: (k, 1),
                b: &b[first..],
                b_stride: n,
                c: &mut c,
                c_stride: cols,
                start: Start::Zero,
            }
            .run(kernel);
            c
        };
        let whole = run(0, n);
        for (first, cols) in [(0, 1), (40, 33), (149, 1)] {
            let part = run(first, cols);
            for i in 0..m {
                assert_eq!(part[i * cols..][..cols], whole[i * n + first..][..cols], "{kernel}");
            }
        }
        let mut row = vec![0.0; n];
        let (c, c_stride, start) = (&mut row[..], n, Start::Zero);
        let (rows, cols, sum, a_strides, b_stride) = (1, n, k, (k, 1), n);
        Gemm { rows, cols, sum, a: &a, a_strides, b: &b, b_stride, c, c_stride, start }.run(kernel);
        assert_eq!(row, whole[..n], "{kernel}");
        let exact = product(&a, &b, m, n, k);
        let off = |(x, e): (&f32, &f64)| (f64::from(*x) - e).abs();
        assert!(whole.iter().zip(&exact).all(|pair| off(pair) < 1e-4), "{kernel}");
    }
}

/// Strides: A read transposed, B and C inside wider matrices whose rest must not change.
#[test]
fn strided_products() {
    for (m, n, k) in sizes().step_by(7) {
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let mut a_transposed = vec![0.0; m * k];
        transpose(Kernel::Portable, m, k, &a, &mut a_transposed);
        let mut wide_b = vec![f32::NAN; k * (n + 3)];
        for p in 0..k {
            wide_b[p * (n + 3)..][..n].copy_from_slice(&b[p * n..][..n]);
        }
        for kernel in Kernel::available() {
            let mut c = vec![7.0; m * (n + 2)];
            Gemm {
                rows: m,
                cols: n,
                sum: k,
                a: &a_transposed,
                a_strides: (1, m),
                b: &wide_b,
                b_stride: n + 3,
                c: &mut c,
                c_stride: n + 2,
                start: Start::Zero,
            }
            .run(kernel);
            let inner: Vec<f32> = c.chunks(n + 2).flat_map(|row| row[..n].to_vec()).collect();
            close(&inner, &product(&a, &b, m, n, k), &format!("{kernel} {m}x{k}x{n}"));
            assert!(c.chunks(n + 2).all(|row| row[n..] == [7.0; 2]), "{kernel} wrote outside");
        }
    }
}

#[test]
fn narrow_products_and_gradients() {
    for (m, n, k) in sizes().filter(|(_, n, _)| *n <= NARROW) {
        let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
        let mut b_transposed = vec![0.0; k * n];
        transpose(Kernel::Portable, k, n, &b, &mut b_transposed);
        let exact = product(&a, &b, m, n, k);
        let with_bias: Vec<f64> =
            exact.iter().enumerate().map(|(i, x)| x + f64::from(bias[i % n])).collect();
        let mut a_transposed = vec![0.0; m * k];
        transpose(Kernel::Portable, m, k, &a, &mut a_transposed);
        for kernel in Kernel::available() {
            let what = format!("{kernel} {m}x{k}x{n}");
            let mut c = vec![7.0; m * (n + 1)];
            NarrowProduct {
                rows: m,
                cols: n,
                sum: k,
                a: &a,
                b_transposed: &b_transposed,
                bias: &bias,
                c: &mut c,
                c_stride: n + 1,
            }
            .run(kernel);
            let inner: Vec<f32> = c.chunks(n + 1).flat_map(|row| row[..n].to_vec()).collect();
            close(&inner, &with_bias, &what);
            assert!(c.chunks(n + 1).all(|row| row[n] == 7.0), "{what} wrote outside");

            // The sum over k rows of a_transposed [k, m] times b [k, n].
            let mut c: Vec<f32> = (0..m * n).map(|i| bias[i % n]).collect();
            NarrowGradient {
                rows: k,
                inputs: m,
                cols: n,
                a: &a_transposed,
                b: &b,
                b_stride: n,
                c: &mut c,
            }
            .run(kernel);
            close(&c, &with_bias, &what);
        }
    }
}

#[test]
fn transposes() {
    for (m, n, _) in sizes().step_by(5) {
        let a = numbers(m * n, 1);
        for kernel in Kernel::available() {
            let mut t = vec![0.0; m * n];
            transpose(kernel, m, n, &a, &mut t);
            for i in 0..m {
                for j in 0..n {
                    assert_eq!(t[j * m + i], a[i * n + j], "{kernel} {m}x{n}");
                }
            }
        }
    }
}

#[test]
fn sums_over_rows() {
    for (m, n, _) in sizes().step_by(3) {
        let (a, start) = (numbers(m * (n + 1), 1), numbers(n, 2));
        let exact: Vec<f64> = (0..n)
            .map(|j| {
                let column = (0..m).map(|i| f64::from(a[i * (n + 1) + j]));
                f64::from(start[j]) + column.sum::<f64>()
            })
            .collect();
        for kernel in Kernel::available() {
            let mut sums = start.clone();
            sum_rows(kernel, m, &a, n + 1, &mut sums);
            close(&sums, &exact, &format!("{kernel} {m}x{n}"));
        }
    }
}

/// The activation and its derivative at `z`, in double precision.
fn reference(activation: Activation, z: f64) -> (f64, f64) {
    let cdf = 0.5 * (1.0 + libm_erf(z * std::f64::consts::FRAC_1_SQRT_2));
    let density = gradwerk_math::Real::exp(-0.5 * z * z) / std::f64::consts::TAU.sqrt();
    let s: f64 = gradwerk_math::Real::sigmoid(z);
    let t: f64 = gradwerk_math::Real::tanh(z);
    match activation {
        Activation::Tanh => (t, 1.0 - t * t),
        Activation::Relu => (z.max(0.0), if z > 0.0 { 1.0 } else { 0.0 }),
        Activation::Gelu => (z * cdf, cdf + z * density),
        Activation::Silu => (z * s, s + z * s * (1.0 - s)),
    }
}

fn libm_erf(x: f64) -> f64 {
    gradwerk_math::Real::erf(x)
}

#[test]
fn activations_and_derivatives() {
    for activation in Activation::ALL {
        for len in SIZES {
            let z: Vec<f32> = numbers(len, 4).iter().map(|x| 6.0 * x).collect();
            let exact: Vec<(f64, f64)> =
                z.iter().map(|&z| reference(activation, f64::from(z))).collect();
            let (values, slopes): (Vec<f64>, Vec<f64>) = exact.into_iter().unzip();
            for kernel in Kernel::available() {
                let what = format!("{activation} {kernel}");
                let mut h = vec![0.0; len];
                activate(kernel, activation, &z, &mut h);
                close(&h, &values, &what);
                let mut in_place = z.clone();
                activate_in_place(kernel, activation, &mut in_place);
                assert_eq!(h, in_place, "{what}");
                let from_output = matches!(activation, Activation::Tanh | Activation::Relu);
                let mut d = vec![1.0; len];
                multiply_derivative(kernel, activation, if from_output { &h } else { &z }, &mut d);
                close(&d, &slopes, &what);
            }
        }
    }
}

#[test]
fn activations_keep_nan() {
    for activation in Activation::ALL {
        for kernel in Kernel::available() {
            let mut z = [f32::NAN; 19];
            activate_in_place(kernel, activation, &mut z);
            assert!(z.iter().all(|x| x.is_nan()), "{activation} {kernel}");
        }
    }
}

#[test]
fn norms_and_scaling() {
    for len in [0, 1, 3, 16, 255, 256, 257, 1000] {
        let x = numbers(len, 6);
        let exact = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        for kernel in Kernel::available() {
            assert!((norm(kernel, &x) - exact).abs() <= 1e-6 * exact, "{kernel} {len}");
            let mut y = x.clone();
            scale(kernel, &mut y, 0.25);
            assert!(x.iter().zip(&y).all(|(x, y)| 0.25 * x == *y), "{kernel} {len}");
        }
    }
    assert!(norm(Kernel::detect(), &[1.0_f32, f32::NAN]).is_nan());
}
