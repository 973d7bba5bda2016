//! Networks side by side, each on its own part of the observation.

use std::ops::Range;

use gradwerk_math::Kernel;

use crate::{Engine, Layout, Memory, Network, Params, Rows};

/// `y = (f_1(x_1), f_2(x_2), ...)`: the row of `x` is cut into parts, and each goes through its
/// network, or as it is. The entries of each network have its name before theirs.
#[derive(Debug)]
pub(crate) struct Parallel<E: Engine> {
    layout: Layout,
    lanes: Vec<Lane<E>>,
    inputs: usize,
    outputs: usize,
}

/// A part of the rows and what becomes of it: columns of x and of y, offsets in theta and in the
/// packed parameters.
#[derive(Debug)]
struct Lane<E: Engine> {
    network: Option<Box<dyn Network<E>>>,
    x: Range<usize>,
    y: Range<usize>,
    theta: usize,
    packed: usize,
}

impl<E: Engine> Lane<E> {
    /// What is kept of a network: its input, its own cache, and room for its output.
    fn lens(&self, rows: usize) -> [usize; 3] {
        let kept = |n: &dyn Network<E>| [rows * n.inputs(), n.cache_len(rows), rows * n.outputs()];
        self.network.as_deref().map_or([0; 3], kept)
    }

    fn layout_len(&self) -> usize {
        self.network.as_ref().map_or(0, |n| n.layout().len())
    }

    fn packed_len(&self) -> usize {
        self.network.as_ref().map_or(0, |n| n.packed_len())
    }

    fn theta<'a>(&self, theta: &'a [E]) -> &'a [E] {
        &theta[self.theta..][..self.layout_len()]
    }

    fn params<'a>(&self, params: Params<'a, E>) -> Params<'a, E> {
        let packed = &params.packed[self.packed..][..self.packed_len()];
        Params { theta: self.theta(params.theta), packed }
    }
}

/// What becomes of one part.
pub(crate) enum Part<E: Engine> {
    /// So many numbers stay as they are.
    Same(usize),
    /// A network of that name reads them.
    Through(String, Box<dyn Network<E>>),
}

impl<E: Engine> Parallel<E> {
    /// The parts in the order in which they lie in a row.
    ///
    /// # Panics
    /// If a network has a memory.
    pub fn new(parts: Vec<Part<E>>) -> Self {
        let mut all = Self { layout: Layout::default(), lanes: Vec::new(), inputs: 0, outputs: 0 };
        let mut packed = 0;
        for part in parts {
            let theta = all.layout.len();
            let (network, inputs, outputs) = match part {
                Part::Same(width) => (None, width, width),
                Part::Through(name, network) => {
                    assert_eq!(network.memory_len(), 0, "{name} remembers nothing");
                    all.layout.extend(&name, network.layout());
                    let (inputs, outputs) = (network.inputs(), network.outputs());
                    (Some(network), inputs, outputs)
                }
            };
            let x = all.inputs..all.inputs + inputs;
            let y = all.outputs..all.outputs + outputs;
            (all.inputs, all.outputs) = (x.end, y.end);
            let lane = Lane { network, x, y, theta, packed };
            packed += lane.packed_len();
            all.lanes.push(lane);
        }
        all
    }

    /// The widest input and output of a network.
    fn widest(&self) -> (usize, usize) {
        let networks = || self.lanes.iter().filter_map(|lane| lane.network.as_ref());
        let x = networks().map(|n| n.inputs()).max().unwrap_or(0);
        let y = networks().map(|n| n.outputs()).max().unwrap_or(0);
        (x, y)
    }
}

/// The columns `at` of rows of `width` numbers, together.
pub(crate) fn gather<E: Copy>(from: &[E], width: usize, at: &Range<usize>, to: &mut [E]) {
    for (row, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(at.len())) {
        to.copy_from_slice(&row[at.clone()]);
    }
}

/// The other way.
pub(crate) fn scatter<E: Copy>(from: &[E], to: &mut [E], width: usize, at: &Range<usize>) {
    for (from, row) in from.chunks_exact(at.len()).zip(to.chunks_exact_mut(width)) {
        row[at.clone()].copy_from_slice(from);
    }
}

/// Columns of rows to columns of others.
fn copy<E: Copy>(from: &[E], a: (usize, &Range<usize>), to: &mut [E], b: (usize, &Range<usize>)) {
    for (from, to) in from.chunks_exact(a.0).zip(to.chunks_exact_mut(b.0)) {
        to[b.1.clone()].copy_from_slice(&from[a.1.clone()]);
    }
}

impl<E: Engine> Network<E> for Parallel<E> {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn packed_len(&self) -> usize {
        self.lanes.iter().map(Lane::packed_len).sum()
    }
    fn pack(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        for lane in &self.lanes {
            if let Some(network) = &lane.network {
                let packed = &mut packed[lane.packed..][..lane.packed_len()];
                network.pack(kernel, lane.theta(theta), packed);
            }
        }
    }
    fn cache_len(&self, rows: usize) -> usize {
        self.lanes.iter().flat_map(|lane| lane.lens(rows)).sum()
    }
    fn scratch_len(&self, rows: usize) -> usize {
        let networks = self.lanes.iter().filter_map(|lane| lane.network.as_ref());
        let most = networks.map(|n| n.scratch_len(rows)).max().unwrap_or(0);
        let (x, y) = self.widest();
        rows * (x + y) + most
    }

    fn forward(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        _: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        let (x, y) = (&x[..rows.count * self.inputs], &mut y[..rows.count * self.outputs]);
        let mut cache = cache;
        for lane in &self.lanes {
            let Some(network) = &lane.network else {
                copy(x, (self.inputs, &lane.x), y, (self.outputs, &lane.y));
                continue;
            };
            let [input, own, output] = lane.lens(rows.count);
            let (input, rest) = cache.split_at_mut(input);
            let (own, rest) = rest.split_at_mut(own);
            let (output, rest) = rest.split_at_mut(output);
            gather(x, self.inputs, &lane.x, input);
            let params = lane.params(params);
            network.forward(kernel, params, input, rows, Memory::none(), own, output);
            scatter(output, y, self.outputs, &lane.y);
            cache = rest;
        }
    }

    fn vjp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        _: &[E],
        rows: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dtheta: &mut [E],
        mut dx: Option<&mut [E]>,
        scratch: &mut [E],
    ) {
        let (widest_x, widest_y) = self.widest();
        let (d_input, scratch) = scratch.split_at_mut(rows.count * widest_x);
        let (d_output, scratch) = scratch.split_at_mut(rows.count * widest_y);
        let dy = &dy[..rows.count * self.outputs];
        let mut cache = cache;
        for lane in &self.lanes {
            let target = dx.as_deref_mut().map(|dx| &mut dx[..rows.count * self.inputs]);
            let Some(network) = &lane.network else {
                if let Some(dx) = target {
                    copy(dy, (self.outputs, &lane.y), dx, (self.inputs, &lane.x));
                }
                continue;
            };
            let [input, own, output] = lane.lens(rows.count);
            let (x, rest) = cache.split_at(input);
            let (kept, rest) = rest.split_at(own);
            cache = &rest[output..];
            let (d_input, d_output) = (&mut d_input[..input], &mut d_output[..output]);
            gather(dy, self.outputs, &lane.y, d_output);
            let dtheta = &mut dtheta[lane.theta..][..lane.layout_len()];
            let (params, d) = (lane.params(params), target.is_some().then_some(&mut *d_input));
            network.vjp(kernel, params, x, rows, kept, d_output, dtheta, d, scratch);
            if let Some(dx) = target {
                scatter(d_input, dx, self.inputs, &lane.x);
            }
        }
    }

    fn jvp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        _: &[E],
        rows: Rows<'_>,
        cache: &[E],
        u: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        scratch: &mut [E],
    ) {
        let (widest_x, widest_y) = self.widest();
        let (d_input, scratch) = scratch.split_at_mut(rows.count * widest_x);
        let (d_output, scratch) = scratch.split_at_mut(rows.count * widest_y);
        let dx = dx.map(|dx| &dx[..rows.count * self.inputs]);
        let dy = &mut dy[..rows.count * self.outputs];
        let mut cache = cache;
        for lane in &self.lanes {
            let Some(network) = &lane.network else {
                match dx {
                    Some(dx) => copy(dx, (self.inputs, &lane.x), dy, (self.outputs, &lane.y)),
                    None => {
                        dy.chunks_exact_mut(self.outputs).for_each(|row| {
                            row[lane.y.clone()].fill(E::ZERO);
                        });
                    }
                }
                continue;
            };
            let [input, own, output] = lane.lens(rows.count);
            let (x, rest) = cache.split_at(input);
            let (kept, rest) = rest.split_at(own);
            cache = &rest[output..];
            let (d_input, d_output) = (&mut d_input[..input], &mut d_output[..output]);
            if let Some(dx) = dx {
                gather(dx, self.inputs, &lane.x, d_input);
            }
            let (params, d) = (lane.params(params), dx.map(|_| &*d_input));
            network.jvp(kernel, params, x, rows, kept, lane.theta(u), d, d_output, scratch);
            scatter(d_output, dy, self.outputs, &lane.y);
        }
    }
}
