//! Embeddings: choices as vectors that are learned.

use std::ops::Range;

use gradwerk_math::Kernel;

use crate::{Engine, Init, Layout, Memory, Network, NnError, Params, Rows};

/// A choice among the numbers of an observation: 1 at its value and 0 elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedChoice {
    /// Its first number.
    pub at: usize,
    /// How many values it has.
    pub n: usize,
    /// Which table of vectors it reads: the same choice at several times reads the same one.
    pub table: usize,
}

/// Most numbers that a choice is embedded in.
const MOST: usize = 4096;

/// Whether the setting `embedding` makes sense for any task.
pub(crate) fn validate(embedding: usize) -> Result<(), NnError> {
    if embedding <= MOST {
        return Ok(());
    }
    let why = format!("must be from 0 (one-hot) to {MOST}");
    Err(NnError::setting("embedding", embedding, why))
}

/// `y = (.., x_k W_k, ..)`: each choice `x_k`, one-hot, becomes a row of its table `W_k`, which
/// lies in the entry `K.weight` of shape `[n, width]`; all other numbers stay as they are.
///
/// The derivatives are those of the product, for any `x`. Entries of `x` that are 0 cost nothing but a
/// look, and reverse mode changes no rows of other values.
#[derive(Debug)]
pub(crate) struct Embedding {
    layout: Layout,
    spans: Vec<Span>,
    inputs: usize,
    outputs: usize,
    width: usize,
}

/// A part of the rows: columns of x and of y, and the offset of the table of a choice.
#[derive(Debug)]
struct Span {
    x: Range<usize>,
    y: Range<usize>,
    table: Option<usize>,
}

impl Embedding {
    /// Of the columns `run` of a row with these choices, in order, in `width` numbers each; `None`
    /// if no choice lies there.
    pub fn new(choices: &[PlacedChoice], run: Range<usize>, width: usize) -> Option<Self> {
        let here = |choice: &&PlacedChoice| run.contains(&choice.at);
        let choices: Vec<_> = choices.iter().filter(here).copied().collect();
        if choices.is_empty() {
            return None;
        }
        let (layout, spans) = (Layout::default(), Vec::new());
        let mut embedding = Self { layout, spans, inputs: 0, outputs: 0, width };
        for choice in &choices {
            embedding.push_same(choice.at - run.start);
            embedding.push_choice(choice);
        }
        embedding.push_same(run.len());
        Some(embedding)
    }

    /// The numbers before column `end`, if there are any, stay as they are.
    fn push_same(&mut self, end: usize) {
        if end > self.inputs {
            let len = end - self.inputs;
            self.push(len, len, None);
        }
    }

    fn push_choice(&mut self, choice: &PlacedChoice) {
        let name = format!("{}.weight", choice.table);
        let table = match self.layout.find(&name) {
            Some(known) => known.offset,
            None => {
                let shape = [choice.n, self.width];
                self.layout.push(name, &shape, Init::Normal { deviation: 1.0 })
            }
        };
        self.push(choice.n, self.width, Some(table));
    }

    fn push(&mut self, inputs: usize, outputs: usize, table: Option<usize>) {
        let x = self.inputs..self.inputs + inputs;
        let y = self.outputs..self.outputs + outputs;
        (self.inputs, self.outputs) = (x.end, y.end);
        self.spans.push(Span { x, y, table });
    }

    /// The rows of a span's table in `theta`, or in a direction of theta.
    fn rows<'a, E>(&self, span: &Span, theta: &'a [E]) -> Option<std::slice::ChunksExact<'a, E>> {
        let table = &theta[span.table?..][..span.x.len() * self.width];
        Some(table.chunks_exact(self.width))
    }

    /// `y += x W` of one choice.
    fn add<'a, E: Engine>(x: &[E], table: impl Iterator<Item = &'a [E]>, y: &mut [E]) {
        for (&x, row) in x.iter().zip(table).filter(|(x, _)| **x != E::ZERO) {
            y.iter_mut().zip(row).for_each(|(y, &w)| *y += x * w);
        }
    }

    /// `dW += x^T dy` of one choice.
    fn add_gradient<E: Engine>(&self, x: &[E], dy: &[E], d_table: &mut [E]) {
        let rows = x.iter().zip(d_table.chunks_exact_mut(self.width));
        for (&x, d_row) in rows.filter(|(x, _)| **x != E::ZERO) {
            d_row.iter_mut().zip(dy).for_each(|(d, &dy)| *d += x * dy);
        }
    }

    /// `dx = dy W^T` of one choice.
    fn input_gradient<'a, E: Engine>(dy: &[E], table: impl Iterator<Item = &'a [E]>, dx: &mut [E]) {
        for (dx, row) in dx.iter_mut().zip(table) {
            *dx = row.iter().zip(dy).map(|(&w, &dy)| w * dy).sum();
        }
    }
}

impl<E: Engine> Network<E> for Embedding {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.outputs
    }

    fn forward(
        &self,
        _: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: Memory<'_, E>,
        _: &mut [E],
        y: &mut [E],
    ) {
        let pairs = x.chunks_exact(self.inputs).zip(y.chunks_exact_mut(self.outputs)).take(rows);
        for (x, y) in pairs {
            for span in &self.spans {
                let (x, y) = (&x[span.x.clone()], &mut y[span.y.clone()]);
                match self.rows(span, params.theta) {
                    None => y.copy_from_slice(x),
                    Some(table) => {
                        y.fill(E::ZERO);
                        Self::add(x, table, y);
                    }
                }
            }
        }
    }

    /// `dW_k += x_k^T dy_k` and `dx_k = dy_k W_k^T`.
    fn vjp(
        &self,
        _: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: &[E],
        dy: &[E],
        dtheta: &mut [E],
        mut dx: Option<&mut [E]>,
        _: &mut [E],
    ) {
        let pairs = x.chunks_exact(self.inputs).zip(dy.chunks_exact(self.outputs)).take(rows);
        for (row, (x, dy)) in pairs.enumerate() {
            for span in &self.spans {
                let (x, dy) = (&x[span.x.clone()], &dy[span.y.clone()]);
                if let Some(table) = span.table {
                    self.add_gradient(x, dy, &mut dtheta[table..]);
                }
                let Some(dx) = &mut dx else { continue };
                let dx = &mut dx[row * self.inputs..][span.x.clone()];
                match self.rows(span, params.theta) {
                    None => dx.copy_from_slice(dy),
                    Some(table) => Self::input_gradient(dy, table, dx),
                }
            }
        }
    }

    /// `dy_k = x_k U_k + dx_k W_k`.
    fn jvp(
        &self,
        _: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: &[E],
        u: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        _: &mut [E],
    ) {
        let pairs = x.chunks_exact(self.inputs).zip(dy.chunks_exact_mut(self.outputs)).take(rows);
        for (row, (x, dy)) in pairs.enumerate() {
            for span in &self.spans {
                let (x, dy) = (&x[span.x.clone()], &mut dy[span.y.clone()]);
                let dx = dx.map(|dx| &dx[row * self.inputs..][span.x.clone()]);
                dy.fill(E::ZERO);
                if let Some(direction) = self.rows(span, u) {
                    Self::add(x, direction, dy);
                }
                match (dx, self.rows(span, params.theta)) {
                    (Some(dx), None) => dy.copy_from_slice(dx),
                    (Some(dx), Some(table)) => Self::add(dx, table, dy),
                    (None, _) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck;

    fn choice(at: usize, n: usize, table: usize) -> PlacedChoice {
        PlacedChoice { at, n, table }
    }

    /// A number, a choice, two numbers, two choices of which the first is the one before again.
    fn embedding() -> Embedding {
        let choices = [choice(1, 3, 0), choice(6, 3, 0), choice(9, 2, 1)];
        Embedding::new(&choices, 0..11, 2).unwrap()
    }

    #[test]
    fn derivatives_are_correct() {
        let first = Embedding::new(&[choice(5, 4, 2)], 5..12, 3).unwrap();
        for embedding in [embedding(), first] {
            let errors = gradcheck::check(&embedding, 7.into(), 1);
            assert!(errors.worst() < 1e-6 && errors.adjoint < 1e-12, "{errors:?}");
        }
    }

    #[test]
    fn a_choice_reads_its_row_and_numbers_stay() {
        let embedding = embedding();
        let network: &dyn Network<f64> = &embedding;
        assert_eq!((network.inputs(), network.outputs()), (11, 1 + 2 + 2 + 2 + 2));
        let names: Vec<_> =
            network.layout().entries().iter().map(|e| (&*e.name, &*e.shape)).collect();
        assert_eq!(names, [("0.weight", &[3, 2][..]), ("1.weight", &[2, 2])]);
        let theta: Vec<f64> = (0..10).map(f64::from).collect();
        let params = Params { theta: &theta, packed: &[] };
        let x = [-1.0, 0.0, 0.0, 1.0, 0.5, 0.25, 0.0, 1.0, 0.0, 1.0, 0.0];
        let mut y = [f64::NAN; 9];
        let (kernel, none) = (Kernel::Portable, Memory::none());
        network.forward(kernel, params, &x, 1.into(), none, &mut [], &mut y);
        assert_eq!(y, [-1.0, 4.0, 5.0, 0.5, 0.25, 2.0, 3.0, 6.0, 7.0]);
    }

    #[test]
    fn a_run_without_choices_needs_none() {
        assert!(Embedding::new(&[choice(5, 4, 0)], 0..5, 3).is_none());
    }

    #[test]
    fn first_values_are_normal() {
        let embedding = Embedding::new(&[choice(0, 500, 0)], 0..500, 8).unwrap();
        let mut theta = vec![0.0_f64; 4000];
        embedding.layout.init(1, &mut theta);
        let mean = theta.iter().sum::<f64>() / 4000.0;
        let square = theta.iter().map(|x| x * x).sum::<f64>() / 4000.0;
        // Deviations 1 / sqrt(4000) = 0.016 and sqrt(2 / 4000) = 0.022.
        assert!(mean.abs() < 0.08 && (square - 1.0).abs() < 0.11, "{mean}, {square}");
    }
}
