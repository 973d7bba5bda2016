//! `gemm-peak THREADS SECONDS`: GFLOP/s of the `gemm` crate in the product of two 2048 by 2048
//! matrices in single precision, the best of the repetitions, as JSON.

use gemm::Parallelism;
use std::time::Instant;

const N: usize = 2048;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |name: &str| -> f64 {
        let text = arguments.next().unwrap_or_else(|| panic!("usage: gemm-peak THREADS SECONDS"));
        text.parse().unwrap_or_else(|_| panic!("{name} = {text}: not a number"))
    };
    let (threads, seconds) = (number("THREADS") as usize, number("SECONDS"));
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    let a: Vec<f32> = (0..N * N).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect();
    let b: Vec<f32> = (0..N * N).map(|i| (i % 13) as f32 * 0.1 - 0.6).collect();
    let mut c = vec![0.0_f32; N * N];
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < seconds {
        let run = Instant::now();
        product(&a, &b, &mut c, parallelism);
        best = best.min(run.elapsed().as_secs_f64());
    }
    assert!(c.iter().all(|x| x.is_finite()));
    println!("{{\"gflops\": {:.2}}}", 2.0 * (N as f64).powi(3) / best / 1e9);
}

/// `c = a b`, all row-major.
fn product(a: &[f32], b: &[f32], c: &mut [f32], parallelism: Parallelism) {
    let (rows, columns) = (N as isize, 1);
    // SAFETY: all three slices hold N rows of N numbers, and `c` overlaps neither `a` nor `b`.
    unsafe {
        gemm::gemm(
            N,
            N,
            N,
            c.as_mut_ptr(),
            columns,
            rows,
            false,
            a.as_ptr(),
            columns,
            rows,
            b.as_ptr(),
            columns,
            rows,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
