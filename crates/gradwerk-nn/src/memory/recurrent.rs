//! One recurrent layer as a network.

use std::ops::Range;

use gradwerk_math::Kernel;

use crate::kernels::{self, GatesForward, GatesJvp, GatesVjp, Start};
use crate::matrix::Matrix;
use crate::{Engine, Init, InitScheme, Layout, Memory, Network, Params, Rows};

/// Which formulas; see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Gated recurrent units; gates `m | r | z | n`.
    Gru,
    /// Long short-term memory; gates `i | f | g | o`.
    Lstm,
}

impl Cell {
    /// Numbers that a unit remembers.
    fn states(self) -> usize {
        match self {
            Self::Gru => 1,
            Self::Lstm => 2,
        }
    }

    /// The gates that read the input: of a gated recurrent unit all but `m`.
    fn of_input(self) -> Range<usize> {
        match self {
            Self::Gru => 1..GATES,
            Self::Lstm => 0..GATES,
        }
    }

    /// The gates that read the output before: of a gated recurrent unit all but `n`.
    fn of_output(self) -> Range<usize> {
        match self {
            Self::Gru => 0..GATES - 1,
            Self::Lstm => 0..GATES,
        }
    }

    /// Numbers per unit and row that are kept beside the gates and the memory before: `tanh c`.
    fn extra(self) -> usize {
        match self {
            Self::Gru => 0,
            Self::Lstm => 1,
        }
    }
}

/// Blocks in a row of gates.
const GATES: usize = 4;

/// A recurrent layer: the inputs of all rows are projected at once, then step follows step.
#[derive(Clone, Debug)]
pub(crate) struct Recurrent {
    layout: Layout,
    cell: Cell,
    units: usize,
    input: Matrix,
    recurrent: Matrix,
    /// Biases of the gates that read the input, in theta.
    bias: Range<usize>,
    /// Those of the other gates (`m`), where there are any.
    recurrent_bias: Range<usize>,
    packed_len: usize,
}

/// What the forward pass keeps of some rows.
struct Kept<'a, E> {
    /// `[rows, 4 units]`.
    gates: &'a [E],
    /// The memory before each row, 0 before a fresh one: `[rows, memory_len]`.
    before: &'a [E],
    /// `[rows, units]`, if the cell needs it.
    tanh_c: &'a [E],
}

impl Recurrent {
    /// Of `units` units that read `inputs` numbers.
    pub fn new(cell: Cell, inputs: usize, units: usize, init: InitScheme) -> Self {
        let (mut layout, mut packed_len) = (Layout::default(), 0);
        let mut matrix = |name: &str, inputs, gates: Range<usize>, init: Init| {
            let shape = [inputs, gates.len() * units];
            Matrix::new(&mut layout, &mut packed_len, format!("{name}.weight"), shape, init)
        };
        let blocks = cell.of_input().len();
        let first = match init {
            InitScheme::Orthogonal => Init::OrthogonalBlocks { gain: 1.0, blocks },
            InitScheme::FanIn => Init::FanIn { gain: 1.0 },
        };
        let input = matrix("input", inputs, cell.of_input(), first);
        let orthogonal = Init::OrthogonalBlocks { gain: 1.0, blocks: cell.of_output().len() };
        let recurrent = matrix("recurrent", units, cell.of_output(), orthogonal);
        let start = layout.len();
        for (name, gates, value) in biases(cell) {
            layout.push(*name, &[gates * units], Init::Constant(*value));
        }
        let bias = start..start + blocks * units;
        let recurrent_bias = bias.end..layout.len();
        Self { layout, cell, units, input, recurrent, bias, recurrent_bias, packed_len }
    }

    /// Numbers in a row of gates.
    fn width(&self) -> usize {
        GATES * self.units
    }

    /// Numbers in a memory.
    fn memory(&self) -> usize {
        self.cell.states() * self.units
    }

    /// Where the sums that read the input, and those that read the output before, begin in a row
    /// of gates.
    fn offsets(&self) -> (usize, usize) {
        (self.cell.of_input().start * self.units, self.cell.of_output().start * self.units)
    }

    /// Lengths of the parts of the cache.
    fn parts(&self, rows: usize) -> [usize; 3] {
        [self.width(), self.memory(), self.cell.extra() * self.units].map(|part| rows * part)
    }

    fn kept<'a, E>(&self, cache: &'a [E], count: usize) -> Kept<'a, E> {
        let [gates, before, extra] = self.parts(count);
        let (gates, rest) = cache.split_at(gates);
        let (before, rest) = rest.split_at(before);
        Kept { gates, before, tanh_c: &rest[..extra] }
    }

    /// `sums = x W + b`, and the bias alone where a gate does not read the input.
    fn project<E: Engine>(
        &self,
        kernel: Kernel,
        rows: usize,
        x: &[E],
        w: &[E],
        theta: &[E],
        sums: &mut [E],
    ) {
        let (width, bias) = (self.width(), &theta[self.recurrent_bias.clone()]);
        if !bias.is_empty() {
            for row in sums[..rows * width].chunks_exact_mut(width) {
                row[..bias.len()].copy_from_slice(bias);
            }
        }
        let (x, start) = ((x, self.input.inputs), Start::Row(&theta[self.bias.clone()]));
        let sums = (&mut sums[self.offsets().0..], width);
        self.input.product(kernel, rows, x, w, start, sums);
    }

    /// `sums += h U` for the outputs `h` at the beginning of rows of memories.
    fn add_recurrent<E: Engine>(
        &self,
        kernel: Kernel,
        rows: usize,
        h: &[E],
        w: &[E],
        sums: &mut [E],
    ) {
        let sums = (&mut sums[self.offsets().1..], self.width());
        self.recurrent.product(kernel, rows, (h, self.memory()), w, Start::Add, sums);
    }

    /// Copy what is remembered before the rows of a step, or 0 where a row is fresh.
    fn recall<E: Engine>(
        &self,
        rows: &Rows<'_>,
        step: Range<usize>,
        memory: &Memory<'_, E>,
        before: &mut [E],
    ) {
        for ((sequence, row), before) in
            step.enumerate().zip(before.chunks_exact_mut(self.memory()))
        {
            if rows.is_fresh(row) {
                before.fill(E::ZERO);
            } else {
                before.copy_from_slice(&memory.data[sequence * memory.stride..][..self.memory()]);
            }
        }
    }

    /// Set the memories of fresh rows to 0.
    fn forget<E: Engine>(&self, rows: &Rows<'_>, step: Range<usize>, memories: &mut [E]) {
        for (row, memory) in step.zip(memories.chunks_exact_mut(self.memory())) {
            if rows.is_fresh(row) {
                memory.fill(E::ZERO);
            }
        }
    }

    /// The parts of `kept` from a row on.
    fn kept_from<'a, E>(&self, kept: &Kept<'a, E>, row: usize) -> Kept<'a, E> {
        let [gates, before, extra] = self.parts(row);
        let (gates, before) = (&kept.gates[gates..], &kept.before[before..]);
        Kept { gates, before, tanh_c: &kept.tanh_c[extra..] }
    }

    /// Derivatives with respect to all sums, from the last step to the first.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    fn back_propagate<E: Engine>(
        &self,
        kernel: Kernel,
        packed: &[E],
        rows: &Rows<'_>,
        kept: &Kept<'_, E>,
        dy: &[E],
        d_sums: &mut [E],
        carry: &mut [E],
    ) {
        carry.fill(E::ZERO);
        for step in rows.steps().rev() {
            let (count, Kept { gates, before, tanh_c }) =
                (step.len(), self.kept_from(kept, step.start));
            let (shape, dy) = ((count, self.units), &dy[step.start * self.units..]);
            let d_gates = &mut d_sums[step.start * self.width()..];
            let (d, to) = (&mut *d_gates, &mut *carry);
            let pass = GatesVjp { shape, gates, before, tanh_c, dy, carry: to, d_gates: d };
            match self.cell {
                Cell::Gru => pass.gru(kernel),
                Cell::Lstm => pass.lstm(kernel),
            }
            if step.start > 0 {
                let d = (&d_gates[self.offsets().1..], self.width());
                let to = (&mut *carry, self.memory());
                self.recurrent.input_gradient(kernel, count, packed, d, Start::Add, to);
                self.forget(rows, step, carry);
            }
        }
    }

    /// Derivatives with respect to the parameters, from those of all sums.
    fn add_gradients<E: Engine>(
        &self,
        kernel: Kernel,
        rows: usize,
        x: &[E],
        before: &[E],
        d_sums: &[E],
        dtheta: &mut [E],
    ) {
        let (of_input, of_output) = self.offsets();
        let of_input = (&d_sums[of_input..], self.width());
        let of_output = (&d_sums[of_output..], self.width());
        self.input.gradient(kernel, rows, (x, self.input.inputs), of_input, dtheta);
        self.recurrent.gradient(kernel, rows, (before, self.memory()), of_output, dtheta);
        for (bias, (d, stride)) in [(&self.bias, of_input), (&self.recurrent_bias, of_output)] {
            kernels::sum_rows(kernel, rows, d, stride, &mut dtheta[bias.clone()]);
        }
    }
}

/// Names, gates and first values of the biases: those of the gates that read the input, then the
/// others.
fn biases(cell: Cell) -> &'static [(&'static str, usize, f64)] {
    match cell {
        Cell::Gru => &[("input.bias", 3, 0.0), ("recurrent.bias", 1, 0.0)],
        Cell::Lstm => &[
            ("bias.input", 1, 0.0),
            ("bias.forget", 1, 1.0),
            ("bias.cell", 1, 0.0),
            ("bias.output", 1, 0.0),
        ],
    }
}

impl<E: Engine> Network<E> for Recurrent {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.input.inputs
    }
    fn outputs(&self) -> usize {
        self.units
    }
    fn packed_len(&self) -> usize {
        self.packed_len
    }
    fn pack(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        self.input.pack(kernel, theta, packed);
        self.recurrent.pack(kernel, theta, packed);
    }
    fn memory_len(&self) -> usize {
        self.memory()
    }
    fn cache_len(&self, rows: usize) -> usize {
        self.parts(rows).iter().sum()
    }
    /// Derivatives of all sums, and of a memory per sequence.
    fn scratch_len(&self, rows: usize) -> usize {
        rows * (self.width() + self.memory())
    }

    fn forward(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        memory: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        rows.check();
        if rows.count == 0 {
            return;
        }
        memory.check(rows.sequence_count(), self.memory());
        let [gates, before, _] = self.parts(rows.count);
        let (gates, rest) = cache.split_at_mut(gates);
        let (before, tanh_c) = rest.split_at_mut(before);
        let (packed, w) = (params.packed, self.recurrent.packed(params.packed));
        self.project(kernel, rows.count, x, self.input.packed(packed), params.theta, gates);
        for step in rows.steps() {
            let (count, [at_gates, at_before, at_extra]) = (step.len(), self.parts(step.start));
            let (gates, before) = (&mut gates[at_gates..], &mut before[at_before..]);
            let y = &mut y[step.start * self.units..];
            self.recall(&rows, step, &memory, before);
            self.add_recurrent(kernel, count, before, w, gates);
            let (tanh_c, to) = (&mut tanh_c[at_extra..], (&mut *memory.data, memory.stride));
            let shape = (count, self.units);
            let pass = GatesForward { shape, gates, before, tanh_c, memory: to, y };
            match self.cell {
                Cell::Gru => pass.gru(kernel),
                Cell::Lstm => pass.lstm(kernel),
            }
        }
    }

    fn vjp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dtheta: &mut [E],
        dx: Option<&mut [E]>,
        scratch: &mut [E],
    ) {
        rows.check();
        if rows.count == 0 {
            return;
        }
        let kept = self.kept(cache, rows.count);
        let (d_sums, rest) = scratch.split_at_mut(rows.count * self.width());
        let carry = &mut rest[..rows.sequence_count() * self.memory()];
        self.back_propagate(kernel, params.packed, &rows, &kept, dy, d_sums, carry);
        self.add_gradients(kernel, rows.count, x, kept.before, d_sums, dtheta);
        if let Some(dx) = dx {
            let d = (&d_sums[self.offsets().0..], self.width());
            let (packed, dx) = (params.packed, (dx, self.input.inputs));
            self.input.input_gradient(kernel, rows.count, packed, d, Start::Zero, dx);
        }
    }

    fn jvp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        cache: &[E],
        u: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        scratch: &mut [E],
    ) {
        rows.check();
        if rows.count == 0 {
            return;
        }
        let kept = self.kept(cache, rows.count);
        let (d_sums, rest) = scratch.split_at_mut(rows.count * self.width());
        let carry = &mut rest[..rows.sequence_count() * self.memory()];
        // d(x W + h U + b) = x dW + h dU + db + dx W + dh U
        self.project(kernel, rows.count, x, self.input.weight(u), u, d_sums);
        self.add_recurrent(kernel, rows.count, kept.before, self.recurrent.weight(u), d_sums);
        if let Some(dx) = dx {
            let (w, dx) = (self.input.packed(params.packed), (dx, self.input.inputs));
            let sums = (&mut d_sums[self.offsets().0..], self.width());
            self.input.product(kernel, rows.count, dx, w, Start::Add, sums);
        }
        carry.fill(E::ZERO);
        for step in rows.steps() {
            let (count, first) = (step.len(), step.start);
            let Kept { gates, before, tanh_c } = self.kept_from(&kept, first);
            let d_gates = &mut d_sums[first * self.width()..];
            if first > 0 {
                self.forget(&rows, step, carry);
                let w = self.recurrent.packed(params.packed);
                self.add_recurrent(kernel, count, carry, w, d_gates);
            }
            let (shape, carry) = ((count, self.units), &mut *carry);
            let dy = &mut dy[first * self.units..];
            let pass = GatesJvp { shape, gates, before, tanh_c, d_gates, carry, dy };
            match self.cell {
                Cell::Gru => pass.gru(kernel),
                Cell::Lstm => pass.lstm(kernel),
            }
        }
    }
}
