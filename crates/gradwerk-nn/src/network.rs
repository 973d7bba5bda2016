//! What a network is: a function with derivatives.

use std::fmt::Debug;

use gradwerk_math::Kernel;

use crate::{Engine, Layout, Memory, Rows};

/// Parameters as a network reads them.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a, E> {
    /// The flat parameters, [`Layout::len`] numbers.
    pub theta: &'a [E],
    /// What [`Network::pack`] made of them, [`Network::packed_len`] numbers.
    pub packed: &'a [E],
}

/// A differentiable function `y = f(theta, x)` of a batch of rows.
///
/// The bits of each row of `y` depend on that row of `x` alone, not on the batch; with a memory,
/// on the rows before it in its sequence as well, back to the last fresh one, and on what the
/// memory held. Sums over rows (in `dtheta`) run in the order of the rows and continue from what
/// `dtheta` holds, so a batch may be cut into tiles at will (a batch of sequences between two
/// sequences, which puts the rows in another order).
///
/// All methods panic if a slice is shorter than stated. They are fastest where the slices start on
/// a cache line, as a [`Buffer`](crate::Buffer) does.
pub trait Network<E: Engine>: Send + Sync + Debug {
    /// Names and places of the parameters.
    fn layout(&self) -> &Layout;
    /// Numbers per row of `x`.
    fn inputs(&self) -> usize;
    /// Numbers per row of `y`.
    fn outputs(&self) -> usize;
    /// How many numbers [`Network::pack`] writes.
    fn packed_len(&self) -> usize {
        0
    }
    /// Bring the weights into the form that all other methods read (aligned, and transposed). Once
    /// per change of `theta`.
    fn pack(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        let _ = (kernel, theta, packed);
    }
    /// How many numbers per sequence the network remembers from one row to the next.
    fn memory_len(&self) -> usize {
        0
    }
    /// How many numbers [`Network::forward`] keeps for the derivatives of a batch.
    fn cache_len(&self, rows: usize) -> usize {
        let _ = rows;
        0
    }
    /// How much working memory [`Network::vjp`] and [`Network::jvp`] need.
    fn scratch_len(&self, rows: usize) -> usize {
        let _ = rows;
        0
    }

    /// `y = f(theta, x)`: `x` is `[rows, inputs]`, `y` is `[rows, outputs]`; overwrites `cache`,
    /// and the `memory` of each sequence by what it is after the sequence's last row.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    fn forward(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        memory: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    );

    /// Reverse mode: `dtheta += (dy/dtheta)^T dy` and, if asked, `dx = (dy/dx)^T dy`, at the point
    /// of the last `forward` that wrote `cache`. May be called again with the same cache.
    ///
    /// The memory before the first rows is a constant here and in [`Network::jvp`]: a derivative
    /// reaches back to the beginning of each sequence (truncated back-propagation through time).
    #[allow(clippy::too_many_arguments)] // the operands of one formula
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
    );

    /// Forward mode: `dy = (dy/dtheta) u + (dy/dx) dx` for a direction `u` in parameter space and,
    /// if given, a direction `dx` of the input.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
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
    );
}
