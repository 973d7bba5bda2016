//! Linear layers without bias on features of which few differ from 0.

use std::fmt::Debug;

use gradwerk_math::Kernel;

use crate::{ActorCritic, Engine, Init, Layout, Memory, Network, Params, Rows, Shape};

/// A map to features most of which are 0.
pub(super) trait SparseMap: Clone + Send + Sync + Debug {
    /// Whether `phi(x) = x`; otherwise `phi` is constant almost everywhere.
    const IDENTITY: bool;
    /// Numbers per observation.
    fn inputs(&self) -> usize;
    /// How many features there are.
    fn features(&self) -> usize;
    /// Call `visit(k, phi_k)` for each feature that differs from 0, always in the same order.
    fn visit<E: Engine>(&self, x: &[E], visit: impl FnMut(usize, E));
}

/// `y = phi(x) W`: forward adds the few rows of `W` whose features are not 0, and reverse mode
/// changes no others. The features are found anew in each pass, which costs less than keeping them.
#[derive(Debug)]
struct SparseLinear<M> {
    map: M,
    layout: Layout,
    outputs: usize,
    /// Number of the free outputs, whose parameters lie behind the weights.
    free: usize,
}

impl<M: SparseMap> SparseLinear<M> {
    fn new(map: M, outputs: usize, free: Option<(String, usize, f64)>) -> Self {
        let mut layout = Layout::default();
        layout.push("0.weight", &[map.features(), outputs], Init::Constant(0.0));
        let count = free.as_ref().map_or(0, |free| free.1);
        if let Some((name, count, value)) = free {
            layout.push(name, &[count], Init::Constant(value));
        }
        Self { map, layout, outputs, free: count }
    }

    fn stride(&self) -> usize {
        self.outputs + self.free
    }

    /// `y = phi(x) W` with the weights and free outputs in `theta`, or in a direction of theta.
    fn product<E: Engine>(&self, theta: &[E], x: &[E], rows: usize, y: &mut [E]) {
        let (weight, free) = theta.split_at(self.map.features() * self.outputs);
        let (inputs, stride) = (self.map.inputs(), self.stride());
        let rows = x[..rows * inputs].chunks_exact(inputs).zip(y.chunks_exact_mut(stride));
        for (x, y) in rows {
            let (y, y_free) = y.split_at_mut(self.outputs);
            y_free.copy_from_slice(&free[..self.free]);
            // 0, but NaN where an input is NaN or infinite and so belongs to no feature.
            y.fill(x.iter().map(|&x| x * E::ZERO).sum());
            self.map.visit(x, |k, phi| {
                let weight = &weight[k * self.outputs..][..self.outputs];
                y.iter_mut().zip(weight).for_each(|(y, &w)| *y += phi * w);
            });
        }
    }
}

impl<E: Engine, M: SparseMap> Network<E> for SparseLinear<M> {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.map.inputs()
    }
    fn outputs(&self) -> usize {
        self.stride()
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
        self.product(params.theta, x, rows, y);
    }

    fn vjp(
        &self,
        _: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: &[E],
        dy: &[E],
        dtheta: &mut [E],
        dx: Option<&mut [E]>,
        _: &mut [E],
    ) {
        let (inputs, stride) = (self.map.inputs(), self.stride());
        let (d_weight, d_free) = dtheta.split_at_mut(self.map.features() * self.outputs);
        let pairs = x[..rows * inputs].chunks_exact(inputs).zip(dy.chunks_exact(stride));
        for (x, dy) in pairs {
            let (dy, dy_free) = dy.split_at(self.outputs);
            d_free.iter_mut().zip(dy_free).for_each(|(d, &dy)| *d += dy);
            self.map.visit(x, |k, phi| {
                let d_weight = &mut d_weight[k * self.outputs..][..self.outputs];
                d_weight.iter_mut().zip(dy).for_each(|(d, &dy)| *d += phi * dy);
            });
        }
        let Some(dx) = dx else { return };
        let dx = &mut dx[..rows * inputs];
        if !M::IDENTITY {
            return dx.fill(E::ZERO);
        }
        for (dx, dy) in dx.chunks_exact_mut(inputs).zip(dy.chunks_exact(stride)) {
            for (dx, weight) in dx.iter_mut().zip(params.theta.chunks_exact(self.outputs)) {
                *dx = weight.iter().zip(dy).map(|(&w, &dy)| w * dy).sum();
            }
        }
    }

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
        self.product(u, x, rows, dy);
        let (true, Some(dx)) = (M::IDENTITY, dx) else { return };
        let inputs = self.map.inputs();
        let pairs = dx[..rows * inputs].chunks_exact(inputs);
        for (dx, dy) in pairs.zip(dy.chunks_exact_mut(self.stride())) {
            for (&dx, weight) in dx.iter().zip(params.theta.chunks_exact(self.outputs)) {
                dy.iter_mut().zip(weight).for_each(|(dy, &w)| *dy += dx * w);
            }
        }
    }
}

/// Policy and value function linear in the features of `map`.
pub(super) fn linear_on<E: Engine>(map: impl SparseMap + 'static, shape: &Shape) -> ActorCritic<E> {
    let policy = SparseLinear::new(map.clone(), shape.outputs, shape.free_outputs());
    let value =
        shape.value.then(|| -> Box<dyn Network<E>> { Box::new(SparseLinear::new(map, 1, None)) });
    ActorCritic::new(None, Box::new(policy), value)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::gradcheck;

    /// Check all derivatives of policy and value.
    pub fn derivatives_are_correct(map: &(impl SparseMap + 'static)) {
        let free = Some(("log_std".to_owned(), 2, -0.5));
        for network in
            [SparseLinear::new(map.clone(), 2, free), SparseLinear::new(map.clone(), 1, None)]
        {
            let errors = gradcheck::check(&network, 5.into(), 3);
            assert!(errors.worst() < 1e-6 && errors.adjoint < 1e-12, "{errors:?}");
        }
    }

    /// Outputs with the weights `0, 1, 2, ...` of one column.
    pub fn outputs<M: SparseMap>(map: &M, x: &[f64]) -> Vec<f64> {
        let network = SparseLinear::new(map.clone(), 1, None);
        let theta: Vec<f64> = (0..map.features()).map(|k| k as f64).collect();
        let rows = x.len() / map.inputs();
        let mut y = vec![0.0; rows];
        network.product(&theta, x, rows, &mut y);
        y
    }
}
