//! How fast the engine is on one thread: nanoseconds per sample and share of the peak.
//!
//! `cargo run --release -p gradwerk-nn --example engine [INPUTS [HIDDEN]]`
//!
//! A training sample is forward, vjp of policy and value in tiles of 64 rows, and the minibatch's
//! share of packing, gradient norm and Adam. The best of several runs counts: the machine is shared.

use std::hint::black_box;
use std::time::Instant;

use gradwerk_math::simd::{Elementary, Job};
use gradwerk_nn::kernels::norm;
use gradwerk_nn::{
    ActorCritic, Buffer, Kernel, Memory, MlpConfig, NetworkConfig, OptimizerConfig, Params, Shape,
    TILE,
};

/// Multiply-adds that never leave the registers: the peak of the arithmetic units.
struct Peak(u64);

impl Job<f32> for Peak {
    type Out = f64;
    #[inline(always)]
    fn run<S: Elementary<E = f32>>(self, zero: S) -> f64 {
        let mut sums = [zero; 10];
        let (a, b) = (zero.lift(black_box(0.999)), zero.lift(black_box(0.001)));
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = sum.mul_add(a, b);
            }
        }
        black_box(sums.map(S::sum));
        (self.0 * 10 * 2 * S::LANES as u64) as f64
    }
}

/// Seconds of the fastest of several runs of `f`, each of at least a few milliseconds.
fn fastest(mut f: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 0.25 {
        let run = Instant::now();
        f();
        best = best.min(run.elapsed().as_secs_f64());
    }
    best
}

struct Work {
    theta: Buffer<f32>,
    packed: Buffer<f32>,
    grad: Buffer<f32>,
    cache: Buffer<f32>,
    scratch: Buffer<f32>,
    x: Buffer<f32>,
    y: Buffer<f32>,
    v: Buffer<f32>,
}

impl Work {
    fn new(network: &ActorCritic<f32>, rows: usize) -> Self {
        let len = network.layout().len();
        let mut theta = Buffer::zeros(len);
        network.layout().init(1, &mut theta);
        let x: Vec<f32> =
            (0..rows * network.inputs()).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect();
        let x = Buffer::from(&x[..]);
        Self {
            theta,
            packed: Buffer::zeros(network.packed_len()),
            grad: Buffer::zeros(len),
            cache: Buffer::zeros(network.cache_len(TILE)),
            scratch: Buffer::zeros(network.scratch_len(TILE)),
            x,
            y: Buffer::zeros(TILE * network.policy_outputs()),
            v: Buffer::zeros(TILE),
        }
    }
}

fn forward(network: &ActorCritic<f32>, kernel: Kernel, m: &mut Work) {
    let params = Params { theta: &m.theta, packed: &m.packed };
    for x in m.x.chunks(TILE * network.inputs()) {
        let (rows, none) = (x.len() / network.inputs(), Memory::none());
        network.forward(kernel, params, x, rows.into(), none, &mut m.cache, &mut m.y, &mut m.v);
    }
}

fn gradient(network: &ActorCritic<f32>, kernel: Kernel, m: &mut Work) {
    network.pack(kernel, &m.theta, &mut m.packed);
    m.grad.fill(0.0);
    let params = Params { theta: &m.theta, packed: &m.packed };
    for x in m.x.chunks(TILE * network.inputs()) {
        let (rows, none) = (x.len() / network.inputs(), Memory::none());
        network.forward(kernel, params, x, rows.into(), none, &mut m.cache, &mut m.y, &mut m.v);
        // Stands for the head gradient: any numbers of ordinary size.
        let (y, v) = (&m.y[..rows * network.policy_outputs()], &m.v[..rows]);
        let (rows, cache) = (rows.into(), &m.cache);
        network.vjp(kernel, params, x, rows, cache, y, v, &mut m.grad, &mut m.scratch);
    }
}

/// Floating-point operations of one training sample: 2 per weight and pass, three passes, of which
/// the first layer needs no gradient of its input.
fn flops(network: &ActorCritic<f32>, training: bool) -> f64 {
    let weights = network.layout().entries().iter().filter(|e| e.shape.len() == 2);
    let per_weight = |name: &str| match (training, name.ends_with(".0.weight")) {
        (false, _) => 2,
        (true, true) => 4,
        (true, false) => 6,
    };
    weights.map(|e| (per_weight(&e.name) * e.len()) as f64).sum()
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a size")).collect();
    let (inputs, width) = (*sizes.first().unwrap_or(&4), *sizes.get(1).unwrap_or(&64));
    let config = MlpConfig { hidden: vec![width, width], ..MlpConfig::default() };
    let shape =
        Shape { inputs, outputs: 2, free: 0, log_std: 0.0, value: true, ..Shape::default() };
    let network = NetworkConfig::Mlp(config).build::<f32>(&shape).expect("a network");
    println!("{inputs}-{width}-{width}, heads 2 and 1, tanh, one thread");
    println!(
        "{:9} {:>6} {:>22} {:>22} {:>22}",
        "", "batch", "forward", "+ backward", "+ norm, Adam"
    );
    for kernel in Kernel::available() {
        let mut operations = 0.0;
        let peak = fastest(|| operations = kernel.run(Peak(100_000)));
        let peak = operations / peak / 1e9;
        println!("{kernel}: peak {peak:.0} GFLOP/s");
        for rows in [8, 64, 256, 2048] {
            let mut m = Work::new(&network, rows);
            let mut adam = OptimizerConfig::default().build(m.theta.len()).expect("Adam");
            let repeats = (2048 / rows).max(1);
            let inference =
                fastest(|| (0..repeats).for_each(|_| forward(&network, kernel, &mut m)));
            let derivatives =
                fastest(|| (0..repeats).for_each(|_| gradient(&network, kernel, &mut m)));
            let training = fastest(|| {
                for _ in 0..repeats {
                    gradient(&network, kernel, &mut m);
                    black_box(norm(kernel, &m.grad));
                    adam.step(kernel, &mut m.theta, &m.grad, 1e-9);
                }
            });
            let samples = (repeats * rows) as f64;
            print!("{:9} {rows:>6}", "");
            for (seconds, training) in [(inference, false), (derivatives, true), (training, true)] {
                let speed = flops(&network, training) * samples / seconds / 1e9;
                let (ns, share) = (seconds / samples * 1e9, 100.0 * speed / peak);
                print!(" {ns:7.0} ns {speed:4.0} G {share:3.0} %");
            }
            println!();
        }
    }
}
