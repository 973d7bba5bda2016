//! Recurrent layers against a plain reference, and what sequences promise.

use gradwerk_math::{Kernel, Purpose, Real, Stream};

use super::{Cell, MemoryConfig, Recurrent, RecurrentConfig};
use crate::{Engine, InitScheme, Layout, Memory, Network, Params, Rows, Sequences, gradcheck};

const CELLS: [Cell; 2] = [Cell::Gru, Cell::Lstm];

/// Sequences of lengths 5, 3, 3, 1, of which one starts afresh, one forgets in the middle and one
/// twice in a row.
const STEPS: [u32; 5] = [4, 3, 3, 1, 1];
const FRESH: [usize; 4] = [1, 4, 9, 10];
const COUNT: usize = 12;

fn fresh() -> [bool; COUNT] {
    std::array::from_fn(|row| FRESH.contains(&row))
}

fn ragged(fresh: &[bool]) -> Rows<'_> {
    Rows { count: COUNT, sequences: Some(Sequences { steps: &STEPS, fresh }) }
}

/// The rows of one sequence.
fn rows_of(sequence: usize) -> Vec<usize> {
    let rows = fresh();
    ragged(&rows).steps().filter(|step| sequence < step.len()).map(|s| s.start + sequence).collect()
}

fn normals<E: Engine>(len: usize, index: u64) -> Vec<E> {
    let mut stream = Stream::new(17, Purpose::Test, index, 0);
    (0..len).map(|_| E::from_f32(stream.normal_pair::<f32>()[0])).collect()
}

/// A layer or several, with parameters, inputs and first memories of all sequences.
struct Case<E: Engine> {
    network: Box<dyn Network<E>>,
    theta: Vec<E>,
    packed: Vec<E>,
    x: Vec<E>,
    memory: Vec<E>,
    kernel: Kernel,
}

/// What a forward pass writes.
struct Outcome<E> {
    y: Vec<E>,
    memory: Vec<E>,
    cache: Vec<E>,
}

impl<E: Engine> Case<E> {
    fn new(network: Box<dyn Network<E>>, kernel: Kernel) -> Self {
        let mut theta: Vec<E> = normals(network.layout().len(), 0);
        theta.iter_mut().for_each(|t| *t *= E::from_f64(0.5));
        let mut packed = vec![E::ZERO; network.packed_len()];
        network.pack(kernel, &theta, &mut packed);
        let (x, memory) =
            (normals(COUNT * network.inputs(), 1), normals(COUNT * network.memory_len(), 2));
        Self { network, theta, packed, x, memory, kernel }
    }

    fn of(cell: Cell, inputs: usize, units: usize, kernel: Kernel) -> Self {
        Self::new(Box::new(Recurrent::new(cell, inputs, units, InitScheme::Orthogonal)), kernel)
    }

    fn params(&self) -> Params<'_, E> {
        Params { theta: &self.theta, packed: &self.packed }
    }

    fn forward(&self, x: &[E], rows: Rows<'_>, memory: &[E]) -> Outcome<E> {
        let nan = E::from_f64(f64::NAN);
        let (mut memory, stride) = (memory.to_vec(), self.network.memory_len());
        let mut cache = vec![nan; self.network.cache_len(rows.count)];
        let mut y = vec![nan; rows.count * self.network.outputs()];
        let (kernel, to) = (self.kernel, Memory { data: &mut memory, stride });
        self.network.forward(kernel, self.params(), x, rows, to, &mut cache, &mut y);
        Outcome { y, memory, cache }
    }

    /// `dtheta` and `dx`.
    fn vjp(&self, x: &[E], rows: Rows<'_>, cache: &[E], dy: &[E]) -> (Vec<E>, Vec<E>) {
        let (mut dtheta, mut dx) = (vec![E::ZERO; self.theta.len()], vec![E::ZERO; x.len()]);
        let mut scratch = vec![E::from_f64(f64::NAN); self.network.scratch_len(rows.count)];
        let (kernel, params, to) = (self.kernel, self.params(), Some(&mut dx[..]));
        self.network.vjp(kernel, params, x, rows, cache, dy, &mut dtheta, to, &mut scratch);
        (dtheta, dx)
    }

    fn jvp(&self, x: &[E], rows: Rows<'_>, cache: &[E], u: &[E], dx: &[E]) -> Vec<E> {
        let mut dy = vec![E::ZERO; rows.count * self.network.outputs()];
        let mut scratch = vec![E::from_f64(f64::NAN); self.network.scratch_len(rows.count)];
        let (kernel, params) = (self.kernel, self.params());
        self.network.jvp(kernel, params, x, rows, cache, u, Some(dx), &mut dy, &mut scratch);
        dy
    }

    /// The numbers of the given rows, each of `width` numbers.
    fn pick(numbers: &[E], width: usize, rows: &[usize]) -> Vec<E> {
        rows.iter().flat_map(|row| &numbers[row * width..][..width]).copied().collect()
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// One layer straight from the formulas of the module, number by number.
struct Reference<'a> {
    cell: Cell,
    layout: &'a Layout,
    theta: &'a [f64],
    units: usize,
}

impl Reference<'_> {
    /// `sum over k of v_k W[k, block * units + j]`.
    fn product(&self, name: &str, v: &[f64], block: usize, j: usize) -> f64 {
        let entry = self.layout.find(name).unwrap();
        let (weight, cols) = (&self.theta[entry.range()], entry.shape[1]);
        v.iter().enumerate().map(|(k, v)| v * weight[k * cols + block * self.units + j]).sum()
    }

    fn bias(&self, name: &str, j: usize) -> f64 {
        self.theta[self.layout.find(name).unwrap().range()][j]
    }

    /// The memory behind a step; its first numbers are the output.
    fn step(&self, x: &[f64], memory: &[f64]) -> Vec<f64> {
        let u = self.units;
        let input = |block, j| self.product("input.weight", x, block, j);
        let recurrent = |block, j| self.product("recurrent.weight", &memory[..u], block, j);
        let new = |j: usize| match self.cell {
            Cell::Gru => {
                let bias = |block: usize| self.bias("input.bias", block * u + j);
                let m = recurrent(0, j) + self.bias("recurrent.bias", j);
                let r = Real::sigmoid(input(0, j) + recurrent(1, j) + bias(0));
                let z = Real::sigmoid(input(1, j) + recurrent(2, j) + bias(1));
                let n = Real::tanh(input(2, j) + bias(2) + r * m);
                [(1.0 - z) * n + z * memory[j], 0.0]
            }
            Cell::Lstm => {
                let sum = |block, name| input(block, j) + recurrent(block, j) + self.bias(name, j);
                let (i, f) = (Real::sigmoid(sum(0, "bias.input")), sum(1, "bias.forget"));
                let (g, o) = (Real::tanh(sum(2, "bias.cell")), sum(3, "bias.output"));
                let c = Real::sigmoid(f) * memory[u + j] + i * g;
                [Real::sigmoid(o) * Real::tanh(c), c]
            }
        };
        let (h, c): (Vec<f64>, Vec<f64>) = (0..u).map(new).map(|[h, c]| (h, c)).unzip();
        if self.cell == Cell::Gru { h } else { [h, c].concat() }
    }
}

#[test]
fn layers_follow_their_formulas() {
    let fresh = fresh();
    for cell in CELLS {
        for (inputs, units) in [(3, 1), (2, 5), (7, 4), (1, 9)] {
            let case = Case::<f64>::of(cell, inputs, units, Kernel::Portable);
            let outcome = case.forward(&case.x, ragged(&fresh), &case.memory);
            let (layout, theta) = (case.network.layout(), &case.theta[..]);
            let (reference, len) =
                (Reference { cell, layout, theta, units }, case.network.memory_len());
            for sequence in 0..STEPS[0] as usize {
                let mut memory = case.memory[sequence * len..][..len].to_vec();
                for row in rows_of(sequence) {
                    if fresh[row] {
                        memory.fill(0.0);
                    }
                    memory = reference.step(&case.x[row * inputs..][..inputs], &memory);
                    let y = &outcome.y[row * units..][..units];
                    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
                    assert!(y.iter().zip(&memory).all(close), "{cell:?} row {row}: {y:?}");
                }
                let after = &outcome.memory[sequence * len..][..len];
                let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
                assert!(after.iter().zip(&memory).all(close), "{cell:?}: {after:?} {memory:?}");
            }
        }
    }
}

/// Several layers, wide and narrow, sequences and rows alone.
#[test]
fn derivatives_are_correct() {
    let fresh = fresh();
    let all = [true; COUNT];
    for kind in [MemoryConfig::Gru, MemoryConfig::Lstm] {
        for (inputs, units, layers) in [(3, 1, 1), (2, 5, 2), (4, 4, 3), (1, 9, 1)] {
            let config = RecurrentConfig { units, layers, ..RecurrentConfig::default() };
            let network = kind(config).build::<f64>(inputs, InitScheme::FanIn).unwrap();
            for rows in [ragged(&fresh), ragged(&all), ragged(&[false; COUNT]), 4.into()] {
                let errors = gradcheck::check(&*network, rows, 13);
                assert!(errors.worst() < 1e-6, "{units} {layers} {rows:?}: {errors:?}");
                assert!(errors.adjoint < 1e-12, "{units} {layers} {rows:?}: {errors:?}");
            }
        }
    }
}

fn every_f32(mut test: impl FnMut(Case<f32>, String)) {
    for kernel in Kernel::available() {
        for (cell, units) in CELLS.into_iter().flat_map(|c| [1, 7, 16, 33].map(|u| (c, u))) {
            test(Case::of(cell, 6, units, kernel), format!("{cell:?} {units} {kernel}"));
        }
        let layers = RecurrentConfig { units: 20, layers: 2, ..RecurrentConfig::default() };
        let network = MemoryConfig::Gru(layers).build(6, InitScheme::Orthogonal).unwrap();
        test(Case::new(network, kernel), format!("two layers {kernel}"));
    }
}

#[test]
fn steps_one_by_one_give_the_same_bits() {
    let fresh = fresh();
    every_f32(|case, what| {
        let whole = case.forward(&case.x, ragged(&fresh), &case.memory);
        let (mut memory, mut y) = (case.memory.clone(), Vec::new());
        for step in ragged(&fresh).steps() {
            let (steps, fresh) = ([step.len() as u32], &fresh[step.clone()]);
            let sequences = Some(Sequences { steps: &steps, fresh });
            let x = &case.x[step.start * case.network.inputs()..];
            let outcome = case.forward(x, Rows { count: step.len(), sequences }, &memory);
            y.extend(outcome.y);
            memory = outcome.memory;
        }
        assert_eq!(bits(&y), bits(&whole.y), "{what}");
        assert_eq!(bits(&memory), bits(&whole.memory), "{what}");
    });
}

#[test]
fn sequences_do_not_see_each_other() {
    let fresh = fresh();
    every_f32(|case, what| {
        let (inputs, outputs) = (case.network.inputs(), case.network.outputs());
        let whole = case.forward(&case.x, ragged(&fresh), &case.memory);
        let dy: Vec<f32> = normals(whole.y.len(), 4);
        let (_, dx) = case.vjp(&case.x, ragged(&fresh), &whole.cache, &dy);
        let (u, along): (Vec<f32>, Vec<f32>) =
            (normals(case.theta.len(), 5), normals(case.x.len(), 6));
        let tangents = case.jvp(&case.x, ragged(&fresh), &whole.cache, &u, &along);
        let len = case.network.memory_len();
        for sequence in 0..STEPS[0] as usize {
            let rows = rows_of(sequence);
            let (x, memory) =
                (Case::pick(&case.x, inputs, &rows), &case.memory[sequence * len..][..len]);
            let fresh: Vec<bool> = rows.iter().map(|&row| fresh[row]).collect();
            let steps = vec![1; rows.len()];
            let sequences = Some(Sequences { steps: &steps, fresh: &fresh });
            let own = Rows { count: rows.len(), sequences };
            let alone = case.forward(&x, own, memory);
            let what = format!("{what}, sequence {sequence}");
            assert_eq!(bits(&alone.y), bits(&Case::pick(&whole.y, outputs, &rows)), "{what}");
            let after = &whole.memory[sequence * len..][..len];
            assert_eq!(bits(&alone.memory), bits(after), "{what}");
            let (_, dx_alone) = case.vjp(&x, own, &alone.cache, &Case::pick(&dy, outputs, &rows));
            assert_eq!(bits(&dx_alone), bits(&Case::pick(&dx, inputs, &rows)), "{what}");
            let along = Case::pick(&along, inputs, &rows);
            let alone = case.jvp(&x, own, &alone.cache, &u, &along);
            assert_eq!(bits(&alone), bits(&Case::pick(&tangents, outputs, &rows)), "{what}");
        }
    });
}

/// The memory of a sequence that begins with a fresh row does not matter.
#[test]
fn fresh_rows_forget() {
    every_f32(|case, what| {
        let fresh = [true; COUNT];
        let noise: Vec<f32> = case.memory.iter().map(|m| m + 3.0).collect();
        let (a, b) = (
            case.forward(&case.x, ragged(&fresh), &case.memory),
            case.forward(&case.x, ragged(&fresh), &noise),
        );
        assert_eq!(bits(&a.y), bits(&b.y), "{what}");
        let stale = case.forward(&case.x, COUNT.into(), &case.memory);
        assert_ne!(bits(&a.y), bits(&stale.y), "{what}");
    });
}

/// The largest difference, relative to the largest number.
fn difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).abs() / size).fold(0.0, f64::max)
}

#[test]
fn single_precision_follows_double_on_every_width() {
    let fresh = fresh();
    let rows = ragged(&fresh);
    for (cell, units) in CELLS.into_iter().flat_map(|c| (1..=35).map(move |u| (c, u))) {
        let exact = Case::<f64>::of(cell, 3, units, Kernel::Portable);
        let (y, u) = (exact.forward(&exact.x, rows, &exact.memory), normals(exact.theta.len(), 5));
        let (dy, dx) = (normals(y.y.len(), 4), normals(exact.x.len(), 6));
        let (gradient, input) = exact.vjp(&exact.x, rows, &y.cache, &dy);
        let tangents = exact.jvp(&exact.x, rows, &y.cache, &u, &dx);
        for kernel in Kernel::available() {
            let case = Case::<f32>::of(cell, 3, units, kernel);
            let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
            let own = case.forward(&case.x, rows, &case.memory);
            let (d_own, dx_own) = case.vjp(&case.x, rows, &own.cache, &single(&dy));
            let t_own = case.jvp(&case.x, rows, &own.cache, &single(&u), &single(&dx));
            let errors = [
                difference(&own.y, &y.y),
                difference(&d_own, &gradient),
                difference(&dx_own, &input),
                difference(&t_own, &tangents),
            ];
            assert!(errors.iter().all(|e| *e < 1e-5), "{cell:?} {units} {kernel}: {errors:?}");
        }
    }
}

#[test]
#[should_panic(expected = "every sequence has a memory")]
fn a_missing_memory_is_found() {
    let case = Case::<f32>::of(Cell::Gru, 3, 4, Kernel::Portable);
    let _ = case.forward(&case.x, 2.into(), &[]);
}
