//! Every kernel against plain loops in double precision, on every size from 1 to 67 in each
//! dimension: below, at and above one, two and four vectors of every width.

use gradwerk_math::{Purpose, Stream};
use gradwerk_nn::kernels::{
    Gemm, NARROW, NarrowGradient, NarrowProduct, Start, activate, activate_in_place, add, cos, exp,
    multiply_derivative, norm, scale, sum_rows, transpose,
};
use gradwerk_nn::{Activation, Kernel, OPTIMIZERS, OptimizerConfig};

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

const LARGEST: usize = 67;
const SIZES: std::ops::RangeInclusive<usize> = 1..=LARGEST;

/// Every pair of sizes.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    SIZES.flat_map(|m| SIZES.map(move |n| (m, n)))
}

/// The operands of products of up to 67 rows and columns over one length of the sum, and what the
/// largest of them is for every start.
struct Products {
    sum: usize,
    a: Vec<f32>,
    a_transposed: Vec<f32>,
    b: Vec<f32>,
    row: Vec<f32>,
}

impl Products {
    fn new(sum: usize) -> Self {
        let (a, b) = (numbers(LARGEST * sum, 1), numbers(sum * LARGEST, 2));
        let mut a_transposed = vec![0.0; a.len()];
        transpose(Kernel::Portable, LARGEST, sum, &a, &mut a_transposed);
        Self { sum, a, a_transposed, b, row: numbers(LARGEST, 3) }
    }

    /// What C begins with and how the product starts: from 0, from a row, from that row in C.
    fn start(&self, number: usize, cols: usize) -> (f32, Start<'_, f32>) {
        match number {
            0 => (0.5, Start::Zero),
            1 => (0.5, Start::Row(&self.row[..cols])),
            _ => (self.row[0], Start::Add),
        }
    }

    /// The product of the first `rows` rows and `cols` columns, B and C inside wider matrices; A
    /// is read by rows or, stored transposed, by columns.
    fn run(
        &self,
        kernel: Kernel,
        rows: usize,
        cols: usize,
        number: usize,
        by_rows: bool,
    ) -> Vec<f32> {
        let (first, start) = self.start(number, cols);
        let mut c = vec![first; rows * (cols + 1)];
        let (a, a_strides) =
            if by_rows { (&self.a, (self.sum, 1)) } else { (&self.a_transposed, (1, LARGEST)) };
        let (sum, b, b_stride, c_stride) = (self.sum, &self.b, LARGEST, cols + 1);
        Gemm { rows, cols, sum, a, a_strides, b, b_stride, c: &mut c, c_stride, start }.run(kernel);
        let untouched = c.chunks(cols + 1).all(|row| row[cols] == first);
        assert!(untouched, "{kernel} {rows}x{sum}x{cols} wrote outside");
        c
    }

    /// The largest product is right for every start.
    fn check_whole(&self, kernel: Kernel) -> [Vec<f32>; 3] {
        let exact = product(&self.a, &self.b, LARGEST, LARGEST, self.sum);
        std::array::from_fn(|number| {
            let c = self.run(kernel, LARGEST, LARGEST, number, true);
            let added = |i: usize| [0.0, self.row[i % LARGEST], self.row[0]][number];
            let expected: Vec<f64> =
                exact.iter().enumerate().map(|(i, x)| x + f64::from(added(i))).collect();
            let got: Vec<f32> =
                c.chunks(LARGEST + 1).flat_map(|row| &row[..LARGEST]).copied().collect();
            close(&got, &expected, &format!("{kernel} {LARGEST}x{}x{LARGEST}", self.sum));
            c
        })
    }
}

/// All 67^3 sizes: the largest product of each length of the sum agrees with plain loops, and every
/// smaller one has its bits. Starts and layouts of A take turns, so that each of them meets
/// every size in each dimension.
fn products_of_all_sizes(kernel: Kernel) {
    for sum in SIZES {
        let products = Products::new(sum);
        let whole = products.check_whole(kernel);
        for (rows, cols) in pairs() {
            let (number, by_rows) = ((rows + cols + sum) % 3, (rows + cols / 2) % 2 == 0);
            let c = products.run(kernel, rows, cols, number, by_rows);
            for (i, row) in c.chunks(cols + 1).enumerate() {
                let expected = &whole[number][i * (LARGEST + 1)..][..cols];
                assert_eq!(row[..cols], *expected, "{kernel} {rows}x{sum}x{cols}, row {i}");
            }
        }
    }
}

#[test]
fn products_of_all_sizes_on_every_kernel() {
    std::thread::scope(|scope| {
        for kernel in Kernel::available() {
            scope.spawn(move || products_of_all_sizes(kernel));
        }
    });
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

#[test]
fn narrow_products_and_gradients() {
    for (m, n, k) in pairs().flat_map(|(m, k)| (1..=NARROW).map(move |n| (m, n, k))) {
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
    for (m, n) in pairs() {
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
    for (m, n) in pairs() {
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
    for len in (0..=LARGEST).chain([255, 256, 257, 1000]) {
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

#[test]
fn sums_exponentials_and_cosines() {
    for len in SIZES {
        let (x, y) = (numbers(len, 7), numbers(len, 8));
        let exact = |f: fn(f64) -> f64| x.iter().map(|&x| f(f64::from(x))).collect::<Vec<f64>>();
        for kernel in Kernel::available() {
            let what = format!("{kernel} {len}");
            let mut sum = y.clone();
            add(kernel, &x, &mut sum);
            assert!(sum.iter().zip(x.iter().zip(&y)).all(|(s, (x, y))| *s == x + y), "{what}");
            let (mut e, mut c) = (x.clone(), x.clone());
            exp(kernel, &mut e);
            cos(kernel, &mut c);
            close(&e, &exact(gradwerk_math::Real::exp), &what);
            close(&c, &exact(gradwerk_math::Real::cos), &what);
        }
    }
}

/// Three steps of every optimizer against the same source in double precision.
#[test]
fn optimizers_on_every_length() {
    for (name, len) in OPTIMIZERS.iter().flat_map(|name| SIZES.map(move |len| (name, len))) {
        let (start, grad) = (numbers(len, 9), numbers(len, 10));
        let config = OptimizerConfig::named(name).unwrap();
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let (mut twin, mut exact) = (config.build::<f64>(len).unwrap(), wide(&start));
        (0..3).for_each(|_| twin.step(Kernel::Portable, &mut exact, &wide(&grad), 0.01));
        for kernel in Kernel::available() {
            let (mut optimizer, mut theta) = (config.build::<f32>(len).unwrap(), start.clone());
            (0..3).for_each(|_| optimizer.step(kernel, &mut theta, &grad, 0.01));
            close(&theta, &exact, &format!("{name} {kernel} {len}"));
        }
    }
}
