//! What every network in the list promises: correct derivatives, rows that do not see each other,
//! sums that do not see tiles, repeatable bits, single precision close to double.

mod cases;

use cases::{configs, difference_step, normals, shapes, weights, with_features, with_memory};
use gradwerk_nn::{
    ActorCritic, Engine, ImageSize, Kernel, Memory, MlpConfig, NETWORKS, NetworkConfig, Params,
    PlacedImage, Shape,
};

/// All tasks of a network, without and with a memory or features.
fn tasks(config: &NetworkConfig) -> Vec<Shape> {
    let mut tasks = shapes(config).to_vec();
    tasks.extend(with_memory(config));
    tasks.extend(with_features(config));
    tasks
}

/// A network with parameters and a batch.
struct Case<E: Engine> {
    network: ActorCritic<E>,
    theta: Vec<E>,
    packed: Vec<E>,
    x: Vec<E>,
    /// One per row.
    memory: Vec<E>,
    rows: usize,
    kernel: Kernel,
}

/// Outputs, values and what the forward pass kept.
type Outputs<E> = (Vec<E>, Vec<E>, Vec<E>);

impl<E: Engine> Case<E> {
    fn new(config: &NetworkConfig, shape: &Shape, rows: usize, kernel: Kernel) -> Self {
        let network = config.build::<E>(shape).unwrap();
        let theta = weights(&network, shape, 0);
        let mut packed = vec![E::ZERO; network.packed_len()];
        network.pack(kernel, &theta, &mut packed);
        let x = normals(rows * shape.inputs, 1);
        let memory = normals(rows * network.memory_len(), 6);
        Self { network, theta, packed, x, memory, rows, kernel }
    }

    fn params(&self) -> Params<'_, E> {
        Params { theta: &self.theta, packed: &self.packed }
    }

    /// What is remembered before the rows from `first` on.
    fn memory_from(&self, first: usize) -> Vec<E> {
        self.memory[first * self.network.memory_len()..].to_vec()
    }

    fn forward(&self, first: usize, rows: usize) -> Outputs<E> {
        let nan = E::from_f64(f64::NAN);
        let x = &self.x[first * self.network.inputs()..];
        let mut y = vec![nan; rows * self.network.policy_outputs()];
        let mut v = vec![nan; if self.network.has_value() { rows } else { 0 }];
        let mut cache = vec![nan; self.network.cache_len(rows)];
        let (kernel, params, mut memory) = (self.kernel, self.params(), self.memory_from(first));
        let memory = Memory { data: &mut memory, stride: self.network.memory_len() };
        self.network.forward(kernel, params, x, rows.into(), memory, &mut cache, &mut y, &mut v);
        (y, v, cache)
    }

    /// `dtheta += ` the gradient of the given rows for cotangents that depend on the row.
    fn vjp(&self, first: usize, rows: usize, dtheta: &mut [E]) {
        let (_, v, cache) = self.forward(first, rows);
        let outputs = self.network.policy_outputs();
        let dy: Vec<E> = normals(self.rows * outputs, 2);
        let dv: Vec<E> = normals(self.rows, 3);
        let dy = &dy[first * outputs..(first + rows) * outputs];
        let dv = &dv[first..first + v.len()];
        let x = &self.x[first * self.network.inputs()..];
        let mut scratch = vec![E::from_f64(f64::NAN); self.network.scratch_len(rows)];
        let (kernel, params, rows) = (self.kernel, self.params(), rows.into());
        self.network.vjp(kernel, params, x, rows, &cache, dy, dv, dtheta, &mut scratch);
    }

    fn jvp(&self, u: &[E]) -> Vec<E> {
        let (mut dy, _, cache) = self.forward(0, self.rows);
        let mut scratch = vec![E::from_f64(f64::NAN); self.network.scratch_len(self.rows)];
        let (params, rows) = (self.params(), self.rows.into());
        self.network.jvp_policy(
            self.kernel,
            params,
            &self.x,
            rows,
            &cache,
            u,
            &mut dy,
            &mut scratch,
        );
        dy
    }

    fn gradient(&self) -> Vec<E> {
        let mut dtheta = vec![E::ZERO; self.theta.len()];
        self.vjp(0, self.rows, &mut dtheta);
        dtheta
    }
}

fn every_f32(rows: usize, mut test: impl FnMut(Case<f32>, String)) {
    for config in configs() {
        for shape in tasks(&config) {
            for kernel in Kernel::available() {
                let what = format!("{config:?} {shape:?} {kernel}");
                test(Case::new(&config, &shape, rows, kernel), what);
            }
        }
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_row_does_not_see_its_batch() {
    every_f32(23, |case, what| {
        let outputs = case.network.policy_outputs();
        let (y, v, _) = case.forward(0, 23);
        for (first, rows) in [(0, 1), (7, 1), (22, 1), (3, 5), (10, 13)] {
            let (y_part, v_part, _) = case.forward(first, rows);
            assert_eq!(bits(&y_part), bits(&y[first * outputs..][..rows * outputs]), "{what}");
            if case.network.has_value() {
                assert_eq!(bits(&v_part), bits(&v[first..first + rows]), "{what}");
            }
        }
    });
}

#[test]
fn a_gradient_does_not_see_tiles() {
    every_f32(23, |case, what| {
        let whole = case.gradient();
        let mut parts = vec![0.0; whole.len()];
        for (first, rows) in [(0, 8), (8, 1), (9, 14)] {
            case.vjp(first, rows, &mut parts);
        }
        assert_eq!(bits(&whole), bits(&parts), "{what}");
        assert_eq!(bits(&whole), bits(&case.gradient()), "{what}");
    });
}

#[test]
fn branches_alone_give_the_same_bits() {
    every_f32(5, |case, what| {
        let (y, v, mut cache) = case.forward(0, 5);
        let (mut y_alone, mut v_alone) = (vec![0.0; y.len()], vec![0.0; v.len()]);
        let (kernel, params, x, rows) = (case.kernel, case.params(), &case.x, 5.into());
        let (mut memory, stride) = (case.memory_from(0), case.network.memory_len());
        let to = Memory { data: &mut memory, stride };
        case.network.forward_policy(kernel, params, x, rows, to, &mut cache, &mut y_alone);
        let (mut memory, cache) = (case.memory_from(0), &mut cache);
        let to = Memory { data: &mut memory, stride };
        case.network.forward_value(kernel, params, x, rows, to, cache, &mut v_alone);
        assert_eq!((bits(&y), bits(&v)), (bits(&y_alone), bits(&v_alone)), "{what}");
    });
}

/// The largest difference, relative to the largest number.
fn difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let worst = a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
    assert!(a.iter().all(|x| x.is_finite()));
    if b.is_empty() { 0.0 } else { worst / size }
}

#[test]
fn single_precision_is_close_to_double() {
    for config in configs() {
        for shape in tasks(&config) {
            // Gates multiply what the layers before them have rounded.
            let most = if shape.memory.is_none() { 3e-6 } else { 1e-5 };
            let exact = Case::<f64>::new(&config, &shape, 23, Kernel::Portable);
            let (y, v, _) = exact.forward(0, 23);
            let gradient = exact.gradient();
            let u: Vec<f64> = normals(gradient.len(), 5);
            let u32: Vec<f32> = normals(gradient.len(), 5);
            let dy = exact.jvp(&u);
            for kernel in Kernel::available() {
                let case = Case::<f32>::new(&config, &shape, 23, kernel);
                let what = format!("{config:?} {shape:?} {kernel}");
                let (y32, v32, _) = case.forward(0, 23);
                assert!(difference(&y32, &y) < most, "{what}: y {}", difference(&y32, &y));
                assert!(difference(&v32, &v) < most, "{what}: v {}", difference(&v32, &v));
                let d = difference(&case.gradient(), &gradient);
                assert!(d < most, "{what}: gradient {d}");
                let d = difference(&case.jvp(&u32), &dy);
                assert!(d < most, "{what}: jvp {d}");
            }
        }
    }
}

/// `d/dt [<dy, y> + <dv, v>]` along a random direction, by central differences.
#[test]
fn derivatives_of_the_whole_are_correct() {
    for config in configs() {
        for shape in tasks(&config) {
            let case = Case::<f64>::new(&config, &shape, 6, Kernel::Portable);
            let u: Vec<f64> = if shape.images.is_empty() {
                normals(case.theta.len(), 4)
            } else {
                weights(&case.network, &shape, 4)
            };
            let step = difference_step(&shape);
            let moved = |h: f64| {
                let mut moved = Case::<f64>::new(&config, &shape, 6, Kernel::Portable);
                moved.theta.iter_mut().zip(&u).for_each(|(t, u)| *t += h * u);
                moved.network.pack(Kernel::Portable, &moved.theta, &mut moved.packed);
                moved.forward(0, 6)
            };
            let (plus, minus) = (moved(step), moved(-step));
            let slope = |p: &[f64], m: &[f64]| -> Vec<f64> {
                p.iter().zip(m).map(|(p, m)| (p - m) / (2.0 * step)).collect()
            };
            let (y_slope, v_slope) = (slope(&plus.0, &minus.0), slope(&plus.1, &minus.1));
            let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            let (dy, dv): (Vec<f64>, Vec<f64>) = (normals(y_slope.len(), 2), normals(6, 3));
            let expected = dot(&dy, &y_slope) + dot(&dv, &v_slope);
            let got = dot(&case.gradient(), &u);
            let what = format!("{config:?} {shape:?}");
            assert!(
                (got - expected).abs() < 1e-6 * expected.abs().max(1.0),
                "{what}: {got} {expected}"
            );
            let jvp = case.jvp(&u);
            let close = jvp.iter().zip(&y_slope).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(close && jvp.len() == y_slope.len(), "{what}: {jvp:?} {y_slope:?}");
        }
    }
}

/// The outputs keep their bits, and the means are the last layer's function of the features.
#[test]
fn features_follow_the_outputs() {
    let mut tried = 0;
    for config in configs() {
        for shape in with_features(&config) {
            let what = format!("{config:?} {shape:?}");
            let without = Shape { features: false, ..shape.clone() };
            let [with, without] = [shape.clone(), without]
                .map(|s| Case::<f64>::new(&config, &s, 4, Kernel::Portable));
            let (own, width) = (without.network.policy_outputs(), with.network.policy_outputs());
            assert_eq!(with.theta, without.theta, "{what}");
            assert_eq!(config.feature_width(&shape).unwrap(), width - own, "{what}");
            let (y, v, _) = with.forward(0, 4);
            let (expected, values, _) = without.forward(0, 4);
            assert_eq!(v, values, "{what}");
            let entries = with.network.layout().entries();
            let of_head = |e: &&gradwerk_nn::Entry| e.name.starts_with("policy.");
            let last = |tail| entries.iter().filter(of_head).rfind(|e| e.name.ends_with(tail));
            let [weight, bias] =
                [".weight", ".bias"].map(|tail| &with.theta[last(tail).unwrap().range()]);
            for (y, expected) in y.chunks_exact(width).zip(expected.chunks_exact(own)) {
                assert_eq!(&y[..own], expected, "{what}");
                let columns = bias.len();
                for (k, &bias) in bias.iter().enumerate() {
                    let column = weight.iter().skip(k).step_by(columns);
                    let sum: f64 = y[own..].iter().zip(column).map(|(h, w)| h * w).sum();
                    assert!((bias + sum - y[k]).abs() < 1e-9, "{what}: {} {}", bias + sum, y[k]);
                }
            }
            tried += 1;
        }
    }
    assert!(tried > 2 * 8, "{tried} tasks");
}

#[test]
fn networks_without_features_refuse() {
    for name in ["tile-coding", "tabular"] {
        let config = NetworkConfig::named(name).unwrap();
        let shape = Shape { features: true, ..shapes(&config)[0].clone() };
        let error = config.build::<f32>(&shape).unwrap_err().to_string();
        let expected = format!(
            "kind = {name}: has no hidden features for the policy; those that have are mlp, \
             linear, polynomial, fourier, rbf, nature-cnn, impala, small-cnn"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn free_outputs_are_biases() {
    for name in NETWORKS {
        let config = NetworkConfig::named(name).unwrap();
        let mut shape = shapes(&config)[0].clone();
        if shape.images.is_empty() {
            let (low, high) = (vec![shape.low[0]; 2], vec![shape.high[0]; 2]);
            shape = Shape { inputs: 2, low, high, ..shape };
        }
        let network = config.build::<f32>(&shape).unwrap();
        let mut theta = vec![0.0; network.layout().len()];
        network.layout().init(3, &mut theta);
        // Linear maps of features start at 0, where a free output could not be told from others.
        for (k, weight) in theta[network.layout().entries()[0].range()].iter_mut().enumerate() {
            *weight += k as f32;
        }
        let mut packed = vec![0.0; network.packed_len()];
        network.pack(Kernel::Portable, &theta, &mut packed);
        let params = Params { theta: &theta, packed: &packed };
        let (mut cache, mut y) = (vec![0.0; network.cache_len(2)], [0.0; 4]);
        let x = if shape.images.is_empty() {
            vec![1.0, 2.0, -3.0, 0.5]
        } else {
            normals(2 * shape.inputs, 1)
        };
        let (kernel, none) = (Kernel::Portable, Memory::none());
        network.forward_policy(kernel, params, &x, 2.into(), none, &mut cache, &mut y);
        assert_eq!([y[1], y[3]], [-0.5; 2]);
        assert_ne!(y[0], y[2]);
    }
}

#[test]
fn networks_of_images_refuse_vectors_and_small_images() {
    let of = |name: &str, image: Option<[usize; 3]>| {
        let image = image.map(|[channels, height, width]| ImageSize { channels, height, width });
        let inputs = image.map_or(4, |image| image.len());
        let images = image.map(|size| PlacedImage { at: 0, size }).into_iter().collect();
        let shape = Shape { inputs, images, outputs: 2, value: true, ..Shape::default() };
        NetworkConfig::named(name).unwrap().build::<f32>(&shape).map(|_| ())
    };
    for name in ["nature-cnn", "impala", "small-cnn"] {
        let error = of(name, None).unwrap_err().to_string();
        let expected = format!("kind = {name}: needs an image (channels x height x width)");
        assert!(error.starts_with(&expected) && error.contains("4 numbers"), "{error}");
    }
    assert_eq!(of("nature-cnn", Some([4, 36, 36])), Ok(()));
    let error = of("nature-cnn", Some([4, 84, 35])).unwrap_err().to_string();
    // (84 - 8) / 4 + 1 = 20 and (35 - 8) / 4 + 1 = 7; (20 - 4) / 2 + 1 = 9 and (7 - 4) / 2 + 1 = 2.
    assert!(error.contains("layer 2 has windows of 3x3, larger than its input 64x9x2"), "{error}");
    assert_eq!(of("mlp", Some([1, 2, 2])), Ok(()));
}

/// Hidden layers, inputs and batches of every width from 1 to 67, most of them no multiple of a
/// vector, against the same network in double precision.
#[test]
fn single_precision_follows_double_on_every_width() {
    for width in 1..=67 {
        let (inputs, rows) = (68 - width, width);
        let hidden = vec![width, 68 - width];
        let config = NetworkConfig::Mlp(MlpConfig { hidden, ..MlpConfig::default() });
        let shape = Shape { inputs, outputs: 1 + width % 9, value: true, ..Shape::default() };
        let twin = Case::<f64>::new(&config, &shape, rows, Kernel::Portable);
        let (exact, exact_gradient) = (twin.forward(0, rows), twin.gradient());
        for kernel in Kernel::available() {
            let case = Case::<f32>::new(&config, &shape, rows, kernel);
            let (y, v, _) = case.forward(0, rows);
            let far = |(&a, &e): (&f32, &f64)| (f64::from(a) - e).abs() > 1e-4 * (1.0 + e.abs());
            assert!(!y.iter().zip(&exact.0).any(far), "y, width {width}, {kernel}");
            assert!(!v.iter().zip(&exact.1).any(far), "v, width {width}, {kernel}");
            // Gradients are sums over up to 67 rows of products of up to 67 numbers.
            let far = |(&a, &e): (&f32, &f64)| (f64::from(a) - e).abs() > 1e-3 * (1.0 + e.abs());
            let gradient = case.gradient();
            assert!(!gradient.iter().zip(&exact_gradient).any(far), "width {width}, {kernel}");
        }
    }
}
