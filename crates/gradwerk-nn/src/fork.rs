//! A network beside its own input.

use gradwerk_math::Kernel;

use crate::parallel::{gather, scatter};
use crate::{Engine, Layout, Memory, Network, Params, Rows};

/// `y = (f(x), x)`. The entries are those of the network `f`.
#[derive(Debug)]
pub(crate) struct Fork<E: Engine> {
    network: Box<dyn Network<E>>,
}

impl<E: Engine> Fork<E> {
    /// With `f = network`.
    pub fn new(network: Box<dyn Network<E>>) -> Self {
        Self { network }
    }

    /// Numbers of `f(x)` in so many rows; the cache keeps them behind the network's own.
    fn len(&self, rows: usize) -> usize {
        rows * self.network.outputs()
    }

    /// Put `f` and `x`, or their derivatives, side by side.
    fn join(&self, f: &[E], x: &[E], rows: usize, y: &mut [E]) {
        let (outputs, width) = (self.network.outputs(), self.outputs());
        let (x, y) = (&x[..rows * self.inputs()], &mut y[..rows * width]);
        scatter(f, y, width, &(0..outputs));
        scatter(x, y, width, &(outputs..width));
    }
}

impl<E: Engine> Network<E> for Fork<E> {
    fn layout(&self) -> &Layout {
        self.network.layout()
    }
    fn inputs(&self) -> usize {
        self.network.inputs()
    }
    fn outputs(&self) -> usize {
        self.network.outputs() + self.network.inputs()
    }
    fn packed_len(&self) -> usize {
        self.network.packed_len()
    }
    fn pack(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        self.network.pack(kernel, theta, packed);
    }
    fn memory_len(&self) -> usize {
        self.network.memory_len()
    }
    fn cache_len(&self, rows: usize) -> usize {
        self.network.cache_len(rows) + self.len(rows)
    }
    fn scratch_len(&self, rows: usize) -> usize {
        self.len(rows) + rows * self.inputs() + self.network.scratch_len(rows)
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
        let (own, f) = cache.split_at_mut(self.network.cache_len(rows.count));
        let f = &mut f[..self.len(rows.count)];
        self.network.forward(kernel, params, x, rows, memory, own, f);
        self.join(f, x, rows.count, y);
    }

    /// `dx = (df/dx)^T df + dy_x`, where `dy = (df, dy_x)`.
    fn vjp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dtheta: &mut [E],
        mut dx: Option<&mut [E]>,
        scratch: &mut [E],
    ) {
        let (outputs, width) = (self.network.outputs(), self.outputs());
        let dy = &dy[..rows.count * width];
        let (df, scratch) = scratch.split_at_mut(self.len(rows.count));
        gather(dy, width, &(0..outputs), df);
        let d = dx.as_deref_mut();
        self.network.vjp(kernel, params, x, rows, cache, df, dtheta, d, scratch);
        let Some(dx) = dx else { return };
        for (dx, dy) in dx.chunks_exact_mut(self.inputs()).zip(dy.chunks_exact(width)) {
            dx.iter_mut().zip(&dy[outputs..]).for_each(|(dx, &dy)| *dx += dy);
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
        let (df, scratch) = scratch.split_at_mut(self.len(rows.count));
        let (still, scratch) = scratch.split_at_mut(rows.count * self.inputs());
        self.network.jvp(kernel, params, x, rows, cache, u, dx, df, scratch);
        still.fill(E::ZERO);
        self.join(df, dx.unwrap_or(still), rows.count, dy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Init, Mlp, MlpSpec, gradcheck};

    fn fork(hidden: &[usize]) -> Fork<f64> {
        Fork::new(Box::new(Mlp::new(&MlpSpec {
            inputs: 5,
            hidden: hidden.to_vec(),
            outputs: Some(2),
            free: Some(("log_std".into(), 3, -0.5)),
            activation: Activation::Tanh,
            hidden_init: Init::Orthogonal { gain: 1.0 },
            output_init: Init::Orthogonal { gain: 1.0 },
        })))
    }

    #[test]
    fn derivatives_are_correct() {
        for hidden in [&[][..], &[4]] {
            let fork = fork(hidden);
            let errors = gradcheck::check(&fork, 7.into(), 1);
            assert!(errors.worst() < 1e-6, "{hidden:?}: {errors:?}");
        }
    }

    #[test]
    fn the_input_follows_the_outputs() {
        let fork = fork(&[]);
        assert_eq!((fork.inputs(), fork.outputs()), (5, 2 + 3 + 5));
        let theta = vec![0.25; fork.layout().len()];
        let mut packed = vec![0.0; fork.packed_len()];
        fork.pack(Kernel::Portable, &theta, &mut packed);
        let params = Params { theta: &theta, packed: &packed };
        let (mut cache, mut y) = (vec![f64::NAN; fork.cache_len(2)], [f64::NAN; 20]);
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0, -3.0, -4.0, -5.0];
        let none = Memory::none();
        fork.forward(Kernel::Portable, params, &x, 2.into(), none, &mut cache, &mut y);
        assert_eq!(y[..10], [4.0, 4.0, 0.25, 0.25, 0.25, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(y[10..], [-3.5, -3.5, 0.25, 0.25, 0.25, -1.0, -2.0, -3.0, -4.0, -5.0]);
    }
}
