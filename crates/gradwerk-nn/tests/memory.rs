//! What every network with a memory promises about sequences: a sequence may be cut anywhere, does
//! not see the others, and has correct derivatives; branches keep to their own part of a memory.

mod cases;

use cases::{configs, difference_step, normals, weights, with_features, with_memory};
use gradwerk_nn::{
    ActorCritic, Engine, Kernel, Memory, NetworkConfig, Params, Rows, Sequences, Shape,
};

/// Sequences of lengths 4, 3, 1.
const STEPS: [u32; 4] = [3, 2, 2, 1];
/// The second sequence starts afresh, the first begins an episode with its third row.
const FRESH: [bool; COUNT] = [false, true, false, false, false, true, false, false];
const COUNT: usize = 8;

fn ragged() -> Rows<'static> {
    Rows { count: COUNT, sequences: Some(Sequences { steps: &STEPS, fresh: &FRESH }) }
}

/// A network with parameters, observations and what is remembered before the first.
struct Case<E: Engine> {
    network: ActorCritic<E>,
    theta: Vec<E>,
    x: Vec<E>,
    memory: Vec<E>,
    kernel: Kernel,
}

/// Outputs, values, the memory behind the last rows and what the forward pass kept.
struct Outcome<E> {
    y: Vec<E>,
    v: Vec<E>,
    memory: Vec<E>,
    cache: Vec<E>,
}

impl<E: Engine> Case<E> {
    fn new(config: &NetworkConfig, shape: &Shape, kernel: Kernel) -> Self {
        let network = config.build::<E>(shape).unwrap();
        let theta = weights(&network, shape, 0);
        let x = normals(COUNT * shape.inputs, 1);
        let memory = normals(STEPS[0] as usize * network.memory_len(), 6);
        Self { network, theta, x, memory, kernel }
    }

    fn packed(&self, theta: &[E]) -> Vec<E> {
        let mut packed = vec![E::ZERO; self.network.packed_len()];
        self.network.pack(self.kernel, theta, &mut packed);
        packed
    }

    fn forward(&self, theta: &[E], x: &[E], rows: Rows<'_>, memory: &[E]) -> Outcome<E> {
        let (nan, network) = (E::from_f64(f64::NAN), &self.network);
        let params = Params { theta, packed: &self.packed(theta) };
        let mut memory = memory.to_vec();
        let mut y = vec![nan; rows.count * network.policy_outputs()];
        let mut v = vec![nan; if network.has_value() { rows.count } else { 0 }];
        let mut cache = vec![nan; network.cache_len(rows.count)];
        let to = Memory { data: &mut memory, stride: network.memory_len() };
        network.forward(self.kernel, params, x, rows, to, &mut cache, &mut y, &mut v);
        Outcome { y, v, memory, cache }
    }

    fn whole(&self) -> Outcome<E> {
        self.forward(&self.theta, &self.x, ragged(), &self.memory)
    }
}

fn every_case(mut test: impl FnMut(&NetworkConfig, &Shape, String)) {
    for config in configs() {
        let features = with_features(&config).into_iter().filter(|s| !s.memory.is_none());
        for shape in with_memory(&config).into_iter().chain(features) {
            test(&config, &shape, format!("{config:?} {shape:?}"));
        }
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_sequence_may_be_cut_anywhere() {
    every_case(|config, shape, what| {
        for kernel in Kernel::available() {
            let case = Case::<f32>::new(config, shape, kernel);
            let whole = case.whole();
            let (mut y, mut v, mut memory) = (Vec::new(), Vec::new(), case.memory.clone());
            for step in ragged().steps() {
                let steps = [step.len() as u32];
                let sequences = Some(Sequences { steps: &steps, fresh: &FRESH[step.clone()] });
                let rows = Rows { count: step.len(), sequences };
                let x = &case.x[step.start * case.network.inputs()..];
                let part = case.forward(&case.theta, x, rows, &memory);
                y.extend(part.y);
                v.extend(part.v);
                memory = part.memory;
            }
            assert_eq!(bits(&y), bits(&whole.y), "{kernel} {what}");
            assert_eq!(bits(&v), bits(&whole.v), "{kernel} {what}");
            assert_eq!(bits(&memory), bits(&whole.memory), "{kernel} {what}");
        }
    });
}

/// The last sequence, one row, alone and among the others.
#[test]
fn a_sequence_does_not_see_the_others() {
    every_case(|config, shape, what| {
        for kernel in Kernel::available() {
            let case = Case::<f32>::new(config, shape, kernel);
            let (whole, len) = (case.whole(), case.network.memory_len());
            let (inputs, outputs) = (case.network.inputs(), case.network.policy_outputs());
            let (x, memory) = (&case.x[2 * inputs..], &case.memory[2 * len..]);
            let alone = case.forward(&case.theta, x, 1.into(), memory);
            assert_eq!(bits(&alone.y), bits(&whole.y[2 * outputs..3 * outputs]), "{what}");
            assert_eq!(bits(&alone.memory), bits(&whole.memory[2 * len..]), "{what}");
        }
    });
}

/// Policy and value alone move their own part of the memory and a common one.
#[test]
fn branches_keep_to_their_own_memory() {
    every_case(|config, shape, what| {
        let case = Case::<f32>::new(config, shape, Kernel::detect());
        let (whole, network) = (case.whole(), &case.network);
        let (packed, stride) = (case.packed(&case.theta), network.memory_len());
        let params = Params { theta: &case.theta, packed: &packed };
        let (mut cache, mut y, mut v) = (whole.cache.clone(), whole.y.clone(), whole.v.clone());
        let (kernel, x, rows) = (case.kernel, &case.x[..], ragged());
        let (mut of_policy, mut of_value) = (case.memory.clone(), case.memory.clone());
        let memory = Memory { data: &mut of_policy, stride };
        network.forward_policy(kernel, params, x, rows, memory, &mut cache, &mut y);
        let memory = Memory { data: &mut of_value, stride };
        network.forward_value(kernel, params, x, rows, memory, &mut cache, &mut v);
        assert_eq!((bits(&y), bits(&v)), (bits(&whole.y), bits(&whole.v)), "{what}");
        for (i, before) in case.memory.iter().enumerate() {
            let (by_policy, by_value) = (of_policy[i], of_value[i]);
            let moved = (by_policy != *before, by_value != *before);
            let policys = i % stride < stride / 2;
            let expected = match (config.is_shared(), shape.value) {
                (true, _) => (true, true),
                (false, true) => (policys, !policys),
                (false, false) => (true, false),
            };
            assert_eq!(moved, expected, "number {i}, {what}");
            let after = if moved.0 { by_policy } else { by_value };
            assert_eq!(after.to_bits(), whole.memory[i].to_bits(), "number {i}, {what}");
        }
    });
}

/// `d/dt [<dy, y> + <dv, v>]` along a random direction, by central differences, and `dy/dt`.
#[test]
fn derivatives_through_time_are_correct() {
    every_case(|config, shape, what| {
        let case = Case::<f64>::new(config, shape, Kernel::Portable);
        let (network, whole) = (&case.network, case.whole());
        let u = weights(network, shape, 4);
        let step = difference_step(shape);
        let moved = |h: f64| {
            let theta: Vec<f64> = case.theta.iter().zip(&u).map(|(t, u)| t + h * u).collect();
            case.forward(&theta, &case.x, ragged(), &case.memory)
        };
        let (plus, minus) = (moved(step), moved(-step));
        let slope = |p: &[f64], m: &[f64]| -> Vec<f64> {
            p.iter().zip(m).map(|(p, m)| (p - m) / (2.0 * step)).collect()
        };
        let (y_slope, v_slope) = (slope(&plus.y, &minus.y), slope(&plus.v, &minus.v));
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let (dy, dv): (Vec<f64>, Vec<f64>) = (normals(y_slope.len(), 2), normals(v_slope.len(), 3));
        let packed = case.packed(&case.theta);
        let params = Params { theta: &case.theta, packed: &packed };
        let mut scratch = vec![f64::NAN; network.scratch_len(COUNT)];
        let (kernel, x, cache, rows) = (case.kernel, &case.x[..], &whole.cache[..], ragged());
        let mut dtheta = vec![0.0; u.len()];
        network.vjp(kernel, params, x, rows, cache, &dy, &dv, &mut dtheta, &mut scratch);
        let (got, expected) = (dot(&dtheta, &u), dot(&dy, &y_slope) + dot(&dv, &v_slope));
        let close = (got - expected).abs() < 1e-6 * expected.abs().max(1.0);
        assert!(close, "{what}: {got} {expected}");
        let mut tangents = vec![f64::NAN; y_slope.len()];
        network.jvp_policy(kernel, params, x, rows, cache, &u, &mut tangents, &mut scratch);
        let close = tangents.iter().zip(&y_slope).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{what}: {tangents:?} {y_slope:?}");
    });
}
