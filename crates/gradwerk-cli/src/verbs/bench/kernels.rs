//! Training kernels: forward and vjp of policy and value in tiles, in GFLOP/s, as a share of the
//! peak of the arithmetic units and as one of a large square product, both in the same run.
//! `benchmarks/peers/sgemm.py` compares with the large products of other libraries.

use super::Work;
use super::measure::{Clock, Measured};
use gradwerk::{Error, Kernel, Pool, Runtime};
use gradwerk_math::Buffer;
use gradwerk_math::simd::{Elementary, Job};
use gradwerk_nn::kernels::{Gemm, Start};
use gradwerk_nn::{
    ActorCritic, ImageSize, Memory, MlpConfig, NatureCnnConfig, NetworkConfig, Params, PlacedImage,
    Shape, TILE,
};
use std::hint::black_box;

/// Name, inputs, width of the two hidden layers, rows of a minibatch.
const WORKS: &[(&str, usize, usize, usize)] = &[
    ("4-64-64-b64", 4, 64, 64),
    ("4-64-64-b256", 4, 64, 256),
    ("4-64-64-b2048", 4, 64, 2048),
    ("17-64-64-b2048", 17, 64, 2048),
    ("376-256-256-b2048", 376, 256, 2048),
];

/// One work per network and minibatch, and the peak.
pub fn works() -> Vec<Work> {
    let work = |&(name, inputs, width, rows): &(&'static str, usize, usize, usize)| Work {
        name: format!("kernels/{name}"),
        summary: format!("gradient of {inputs}-{width}-{width} tanh nets, minibatch {rows}"),
        run: Box::new(move |clock, runtime| {
            let config = MlpConfig { hidden: vec![width, width], ..MlpConfig::default() };
            let shape = Shape { inputs, outputs: 2, value: true, ..Shape::default() };
            gradient(name, &NetworkConfig::Mlp(config), &shape, rows, clock, runtime)
        }),
    };
    let square = Work {
        name: format!("kernels/sgemm-{SQUARE}"),
        summary: format!("own product of two {SQUARE} x {SQUARE} matrices"),
        run: Box::new(|clock, runtime| {
            let rates = square_product(clock, runtime, &Pool::new(runtime.threads))?;
            Ok(vec![Measured::new(format!("kernels/sgemm-{SQUARE}"), "GFLOP/s", rates)])
        }),
    };
    WORKS.iter().map(work).chain([square, nature_cnn()]).collect()
}

/// Side of the large matrices.
const SQUARE: usize = 2048;

/// GFLOP/s of the kernel behind the dense layers on large matrices, rows divided over the threads.
fn square_product(clock: &Clock, runtime: Runtime, pool: &Pool) -> Result<Vec<f64>, Error> {
    let matrix = |modulus: usize| -> Vec<f32> {
        (0..SQUARE * SQUARE).map(|i| (i % modulus) as f32 * 0.1 - 0.8).collect()
    };
    let (a, b, mut c) = (matrix(17), matrix(13), Buffer::zeros(SQUARE * SQUARE));
    let rows = SQUARE.div_ceil(runtime.threads);
    let mut shares: Vec<&mut [f32]> = c.chunks_mut(rows * SQUARE).collect();
    clock.rates(|| {
        pool.for_each(&mut shares, |i, c| {
            let (rows, a) = (c.len() / SQUARE, &a[i * rows * SQUARE..]);
            Gemm {
                rows,
                cols: SQUARE,
                sum: SQUARE,
                a,
                a_strides: (SQUARE, 1),
                b: &b,
                b_stride: SQUARE,
                c,
                c_stride: SQUARE,
                start: Start::Zero,
            }
            .run(runtime.kernel);
        });
        let n = SQUARE as f64;
        Ok(2.0 * n * n * n / 1e9)
    })
}

/// The Nature CNN on images of 84 x 84 x 4, policy and value with a common trunk.
fn nature_cnn() -> Work {
    const NAME: &str = "nature-cnn-b256";
    Work {
        name: format!("kernels/{NAME}"),
        summary: "gradient of the nature-cnn on 84x84x4, shared trunk, minibatch 256".into(),
        run: Box::new(|clock, runtime| {
            let size = ImageSize { channels: 4, height: 84, width: 84 };
            let (inputs, images) = (size.len(), vec![PlacedImage { at: 0, size }]);
            let shape = Shape { inputs, images, outputs: 6, value: true, ..Shape::default() };
            let config = NetworkConfig::NatureCnn(NatureCnnConfig::default());
            gradient(NAME, &config, &shape, 256, clock, runtime)
        }),
    }
}

/// How often the weights of the convolutions of the Nature CNN are used per image of 84 x 84:
/// (84 - 8) / 4 + 1 = 20, (20 - 4) / 2 + 1 = 9, 9 - 3 + 1 = 7 places in a row.
const NATURE_PLACES: [(&str, usize); 3] = [
    ("trunk.conv.0.weight", 20 * 20),
    ("trunk.conv.1.weight", 9 * 9),
    ("trunk.conv.2.weight", 7 * 7),
];

/// Multiply-adds that never leave the registers.
struct Registers(u64);

impl Job<f32> for Registers {
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

/// A thread's share of a minibatch and the memory to compute its gradient.
struct Share {
    x: Buffer<f32>,
    grad: Buffer<f32>,
    cache: Buffer<f32>,
    scratch: Buffer<f32>,
    y: Buffer<f32>,
    v: Buffer<f32>,
}

impl Share {
    fn new(network: &ActorCritic<f32>, rows: usize) -> Self {
        let x: Vec<f32> =
            (0..rows * network.inputs()).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect();
        Self {
            x: Buffer::from(&x[..]),
            grad: Buffer::zeros(network.layout().len()),
            cache: Buffer::zeros(network.cache_len(TILE)),
            scratch: Buffer::zeros(network.scratch_len(TILE)),
            y: Buffer::zeros(TILE * network.policy_outputs()),
            v: Buffer::zeros(TILE),
        }
    }

    fn gradient(&mut self, network: &ActorCritic<f32>, kernel: Kernel, params: Params<'_, f32>) {
        self.grad.fill(0.0);
        for x in self.x.chunks(TILE * network.inputs()) {
            let rows = x.len() / network.inputs();
            let (cache, y, v) = (&mut self.cache, &mut self.y, &mut self.v);
            network.forward(kernel, params, x, rows.into(), Memory::none(), cache, y, v);
            // Stands for the head gradient: any numbers of ordinary size.
            let (y, v) = (&self.y[..rows * network.policy_outputs()], &self.v[..rows]);
            let (grad, scratch) = (&mut self.grad, &mut self.scratch);
            network.vjp(kernel, params, x, rows.into(), &self.cache, y, v, grad, scratch);
        }
    }
}

/// Multiplications and additions of one training sample: two per weight and place for the forward
/// pass, the gradient of the weights and that of the inputs, which the layer that reads the
/// observation does not need.
fn flops(network: &ActorCritic<f32>) -> f64 {
    let weights = || network.layout().entries().iter().filter(|e| e.shape.len() == 2);
    let has_trunk = weights().any(|e| e.name.starts_with("trunk."));
    let is_first = |name: &str| match has_trunk {
        true => name == "trunk.conv.0.weight",
        false => name.ends_with(".0.weight"),
    };
    let places = |name: &str| NATURE_PLACES.iter().find(|(n, _)| *n == name).map_or(1, |p| p.1);
    let passes = |name: &str| if is_first(name) { 2 } else { 3 };
    weights().map(|e| (2 * passes(&e.name) * places(&e.name) * e.len()) as f64).sum()
}

fn gradient(
    name: &str,
    config: &NetworkConfig,
    shape: &Shape,
    rows: usize,
    clock: &Clock,
    runtime: Runtime,
) -> Result<Vec<Measured>, Error> {
    let network = config.build::<f32>(shape);
    let network = network.map_err(|error| Error::Usage(error.to_string()))?;
    let pool = Pool::new(runtime.threads);
    let mut theta = Buffer::zeros(network.layout().len());
    network.layout().init(1, &mut theta);
    let mut packed = Buffer::zeros(network.packed_len());
    let parts = runtime.threads.min(rows / TILE).max(1);
    let mut shares: Vec<Share> = (0..parts).map(|_| Share::new(&network, rows / parts)).collect();
    let work = flops(&network) * rows as f64 / 1e9;
    let rates = clock.rates(|| {
        network.pack(runtime.kernel, &theta, &mut packed);
        let params = Params { theta: &theta, packed: &packed };
        pool.for_each(&mut shares, |_, share| share.gradient(&network, runtime.kernel, params));
        Ok(work)
    })?;
    let peak = peak(clock, runtime, &pool)?;
    let sgemm = square_product(&clock.at_most(3), runtime, &pool)?;
    let sgemm = Measured::new("", "GFLOP/s", sgemm).median;
    let measured = Measured::new(format!("kernels/{name}"), "GFLOP/s", rates);
    let (share, ns) = (measured.median / peak, 1e9 * work / measured.median / rows as f64);
    let share_of_sgemm = measured.median / sgemm;
    let measured = measured.with("peak", peak).with("share_of_peak", share);
    let measured = measured.with("own_sgemm", sgemm).with("share_of_own_sgemm", share_of_sgemm);
    Ok(vec![measured.with("ns_per_sample", ns)])
}

/// GFLOP/s of the arithmetic units of all threads.
fn peak(clock: &Clock, runtime: Runtime, pool: &Pool) -> Result<f64, Error> {
    let mut done = vec![0.0; runtime.threads];
    let rates = clock.rates(|| {
        pool.for_each(&mut done, |_, flops| *flops = runtime.kernel.run(Registers(10_000)));
        Ok(done.iter().sum::<f64>() / 1e9)
    })?;
    Ok(Measured::new("", "GFLOP/s", rates).max)
}
