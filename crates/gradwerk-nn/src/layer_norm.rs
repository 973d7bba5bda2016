//! Layer normalisation.

use gradwerk_math::Kernel;

use crate::{Engine, Init, Layout, Memory, Network, Params, Rows};

/// Added to the variance.
const EPSILON: f64 = 1e-5;

/// `y_j = g_j n_j + b_j` with `n = (x - mean) / sqrt(variance + 1e-5)` over the entries of a row
/// (Ba, Kiros and Hinton 2016). `weight` g starts at 1, `bias` b at 0. Per row the cache holds n
/// and the factor `1 / sqrt(...)`.
#[derive(Clone, Debug)]
pub(crate) struct LayerNorm {
    layout: Layout,
    width: usize,
}

impl LayerNorm {
    /// Of rows of `width` numbers.
    pub fn new(width: usize) -> Self {
        let mut layout = Layout::default();
        layout.push("weight", &[width], Init::Constant(1.0));
        layout.push("bias", &[width], Init::Constant(0.0));
        Self { layout, width }
    }

    fn kept(&self) -> usize {
        self.width + 1
    }

    /// `sum_j f(j) / width`.
    fn mean<E: Engine>(&self, f: impl Fn(usize) -> E) -> E {
        const LANES: usize = 8;
        // A sum per lane, so that none waits for the one before, in an order that never changes.
        let mut lanes = [E::ZERO; LANES];
        for j in 0..self.width {
            lanes[j % LANES] += f(j);
        }
        lanes.into_iter().sum::<E>() / E::from_f64(self.width as f64)
    }

    /// `out = scale (d - mean(d) - n mean(n d))`: what the derivative of n makes of a direction or
    /// of a cotangent `d` (it is symmetric).
    fn project<E: Engine>(
        &self,
        kept: &[E],
        d: impl Fn(usize) -> E,
        mut out: impl FnMut(usize, E),
    ) {
        let (n, scale) = (&kept[..self.width], kept[self.width]);
        let (mean, along) = (self.mean(&d), self.mean(|j| n[j] * d(j)));
        for (j, &n) in n.iter().enumerate() {
            out(j, scale * (d(j) - mean - n * along));
        }
    }
}

impl<E: Engine> Network<E> for LayerNorm {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.width
    }
    fn outputs(&self) -> usize {
        self.width
    }
    fn cache_len(&self, rows: usize) -> usize {
        rows * self.kept()
    }

    fn forward(
        &self,
        _: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        let (gain, bias) = params.theta.split_at(self.width);
        let rows = x.chunks_exact(self.width).zip(y.chunks_exact_mut(self.width)).take(rows);
        for ((x, y), kept) in rows.zip(cache.chunks_exact_mut(self.kept())) {
            let mean = self.mean(|j| x[j]);
            let variance = self.mean(|j| (x[j] - mean) * (x[j] - mean));
            let scale = E::ONE / (variance + E::from_f64(EPSILON)).sqrt();
            for j in 0..self.width {
                kept[j] = (x[j] - mean) * scale;
                y[j] = gain[j] * kept[j] + bias[j];
            }
            kept[self.width] = scale;
        }
    }

    fn vjp(
        &self,
        _: Kernel,
        params: Params<'_, E>,
        _: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dtheta: &mut [E],
        mut dx: Option<&mut [E]>,
        _: &mut [E],
    ) {
        let gain = &params.theta[..self.width];
        let (d_gain, d_bias) = dtheta.split_at_mut(self.width);
        let rows = cache.chunks_exact(self.kept()).zip(dy.chunks_exact(self.width)).take(rows);
        for (row, (kept, dy)) in rows.enumerate() {
            for j in 0..self.width {
                d_gain[j] += dy[j] * kept[j];
                d_bias[j] += dy[j];
            }
            if let Some(dx) = &mut dx {
                let dx = &mut dx[row * self.width..][..self.width];
                self.project(kept, |j| gain[j] * dy[j], |j, d| dx[j] = d);
            }
        }
    }

    fn jvp(
        &self,
        _: Kernel,
        params: Params<'_, E>,
        _: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        u: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        _: &mut [E],
    ) {
        let gain = &params.theta[..self.width];
        let (u_gain, u_bias) = u.split_at(self.width);
        let rows = cache.chunks_exact(self.kept()).zip(dy.chunks_exact_mut(self.width)).take(rows);
        for (row, (kept, dy)) in rows.enumerate() {
            for j in 0..self.width {
                dy[j] = u_gain[j] * kept[j] + u_bias[j];
            }
            if let Some(dx) = dx {
                let dx = &dx[row * self.width..][..self.width];
                self.project(kept, |j| dx[j], |j, d| dy[j] += gain[j] * d);
            }
        }
    }
}
