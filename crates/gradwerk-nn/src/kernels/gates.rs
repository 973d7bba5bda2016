//! One step of a recurrent layer, unit by unit: what lies between its matrix products.
//!
//! A row of gates has four blocks of `units` numbers. For a gated recurrent unit they are the
//! recurrent part `m` of the new value, reset `r`, update `z` and the new value `n`; for long
//! short-term memory input `i`, forget `f`, cell input `g` and output `o`. The formulas are those
//! of [`Cell`](crate::memory).

use std::marker::PhantomData;

use gradwerk_math::simd::{Elementary, Job};
use gradwerk_math::{Kernel, Real};

use crate::Engine;

/// Numbers of one unit to numbers of the same unit. A trait and not a closure, because only
/// `#[inline(always)]` makes sure that the formula is compiled for the instruction set.
trait Formula<const IN: usize, const OUT: usize> {
    fn apply<S: Elementary>(x: [S; IN]) -> [S; OUT];
}

/// Blocks of `units` numbers in rows `stride` apart.
#[derive(Clone, Copy)]
struct Place<E> {
    start: *mut E,
    stride: usize,
}

/// Rows and units.
type Shape = (usize, usize);

/// # Panics
/// If `blocks` blocks of units in `rows` rows would leave a slice of `len` numbers.
fn check(len: usize, stride: usize, blocks: usize, (rows, units): Shape) {
    assert!(rows == 0 || (rows - 1) * stride + blocks * units <= len, "a slice is too short");
    assert!(blocks * units <= stride, "rows overlap");
}

/// The first `N` blocks of each row, to be read.
fn read<E, const N: usize>(slice: &[E], stride: usize, shape: Shape) -> [Place<E>; N] {
    check(slice.len(), stride, N, shape);
    let start = slice.as_ptr().cast_mut();
    std::array::from_fn(|block| Place { start: start.wrapping_add(block * shape.1), stride })
}

/// The first `N` blocks of each row, to be read and written.
fn write<E, const N: usize>(slice: &mut [E], stride: usize, shape: Shape) -> [Place<E>; N] {
    check(slice.len(), stride, N, shape);
    let start = slice.as_mut_ptr();
    std::array::from_fn(|block| Place { start: start.wrapping_add(block * shape.1), stride })
}

/// `targets = f(sources)` for all units of all rows.
struct Pass<E, F, const IN: usize, const OUT: usize> {
    shape: Shape,
    sources: [Place<E>; IN],
    targets: [Place<E>; OUT],
    formula: PhantomData<F>,
}

impl<E: Engine, F: Formula<IN, OUT>, const IN: usize, const OUT: usize> Pass<E, F, IN, OUT> {
    /// `sources` come from [`read`] or [`write`], `targets` from [`write`], with this shape.
    fn run(kernel: Kernel, shape: Shape, sources: [Place<E>; IN], targets: [Place<E>; OUT]) {
        E::run(kernel, Self { shape, sources, targets, formula: PhantomData });
    }
}

impl<E, F, const IN: usize, const OUT: usize> Job<E> for Pass<E, F, IN, OUT>
where
    E: Engine,
    F: Formula<IN, OUT>,
{
    type Out = ();
    #[inline(always)]
    fn run<S: Elementary<E = E>>(self, zero: S) {
        let (rows, units) = self.shape;
        let whole = units - units % S::LANES;
        for row in 0..rows {
            for unit in (0..whole).step_by(S::LANES) {
                // SAFETY: the makers of the places checked all rows and units.
                unsafe { self.vector(zero, row, unit, S::LANES) };
            }
            if whole < units {
                // SAFETY: as above.
                unsafe { self.vector(zero, row, whole, units - whole) };
            }
        }
    }
}

impl<E: Engine, F: Formula<IN, OUT>, const IN: usize, const OUT: usize> Pass<E, F, IN, OUT> {
    /// `count` units of a row from `unit` on. All sources are read before a target is written, so
    /// that both may lie in the same place.
    #[inline(always)]
    unsafe fn vector<S: Elementary<E = E>>(&self, zero: S, row: usize, unit: usize, count: usize) {
        let mut x = [zero; IN];
        // SAFETY: the caller promises that these units exist in all places.
        unsafe {
            for (x, place) in x.iter_mut().zip(&self.sources) {
                let source = place.start.add(row * place.stride + unit);
                *x = if count == S::LANES { S::load(source) } else { S::load_part(source, count) };
            }
            for (y, place) in F::apply(x).iter().zip(&self.targets) {
                let target = place.start.add(row * place.stride + unit);
                if count == S::LANES { y.store(target) } else { y.store_part(target, count) }
            }
        }
    }
}

/// `1 - x`.
#[inline(always)]
fn rest<S: Elementary>(x: S) -> S {
    x.lift(S::E::ONE).sub(x)
}

/// `d x (1 - x)`: through a sigmoid with the value `x`.
#[inline(always)]
fn through_sigmoid<S: Elementary>(x: S, d: S) -> S {
    d.mul(x.mul(rest(x)))
}

/// `d (1 - x^2)`: through a hyperbolic tangent with the value `x`.
#[inline(always)]
fn through_tanh<S: Elementary>(x: S, d: S) -> S {
    d.mul(x.neg().mul_add(x, x.lift(S::E::ONE)))
}

/// From sums `m, r, z, n` and the output before to gates `r, z, n` and the output, twice.
struct GruForward;
impl Formula<5, 5> for GruForward {
    #[inline(always)]
    fn apply<S: Elementary>([m, r, z, n, before]: [S; 5]) -> [S; 5] {
        let (r, z) = (r.sigmoid(), z.sigmoid());
        let n = r.mul_add(m, n).tanh();
        let h = z.mul_add(before.sub(n), n);
        [r, z, n, h, h]
    }
}

/// To derivatives of the sums `m, r, z, n`, and of the output before where it passes `z` alone.
struct GruVjp;
impl Formula<7, 5> for GruVjp {
    #[inline(always)]
    fn apply<S: Elementary>([m, r, z, n, before, dy, carry]: [S; 7]) -> [S; 5] {
        let d = dy.add(carry);
        let dn = through_tanh(n, d.mul(rest(z)));
        let dr = through_sigmoid(r, dn.mul(m));
        let dz = through_sigmoid(z, d.mul(before.sub(n)));
        [dn.mul(r), dr, dz, dn, d.mul(z)]
    }
}

/// Along directions of the sums and of the output before: the direction of the output, twice.
struct GruJvp;
impl Formula<10, 2> for GruJvp {
    #[inline(always)]
    fn apply<S: Elementary>(x: [S; 10]) -> [S; 2] {
        let [m, r, z, n, before, dm, dr, dz, dn, d_before] = x;
        let (dr, dz) = (through_sigmoid(r, dr), through_sigmoid(z, dz));
        let dn = through_tanh(n, r.mul_add(dm, dr.mul_add(m, dn)));
        let dh = z.mul_add(d_before, dz.mul_add(before.sub(n), rest(z).mul(dn)));
        [dh, dh]
    }
}

/// From sums `i, f, g, o` and the cell before to gates, `tanh c`, the output, twice, and `c`.
struct LstmForward;
impl Formula<5, 8> for LstmForward {
    #[inline(always)]
    fn apply<S: Elementary>([i, f, g, o, before]: [S; 5]) -> [S; 8] {
        let (i, f, g, o) = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid());
        let c = f.mul_add(before, i.mul(g));
        let tanh_c = c.tanh();
        let h = o.mul(tanh_c);
        [i, f, g, o, tanh_c, h, h, c]
    }
}

/// To derivatives of the sums, of the output before (none but through the gates) and of the cell
/// before.
struct LstmVjp;
impl Formula<9, 6> for LstmVjp {
    #[inline(always)]
    fn apply<S: Elementary>(x: [S; 9]) -> [S; 6] {
        let [i, f, g, o, tanh_c, before, dy, carry_h, carry_c] = x;
        let d = dy.add(carry_h);
        let dc = carry_c.add(through_tanh(tanh_c, d.mul(o)));
        let (di, df) = (through_sigmoid(i, dc.mul(g)), through_sigmoid(f, dc.mul(before)));
        let (dg, do_) = (through_tanh(g, dc.mul(i)), through_sigmoid(o, d.mul(tanh_c)));
        [di, df, dg, do_, d.lift(S::E::ZERO), dc.mul(f)]
    }
}

/// Along directions of the sums and of the cell before: the direction of the output, twice, and
/// of the cell.
struct LstmJvp;
impl Formula<11, 3> for LstmJvp {
    #[inline(always)]
    fn apply<S: Elementary>(x: [S; 11]) -> [S; 3] {
        let [i, f, g, o, tanh_c, before, di, df, dg, do_, d_before] = x;
        let (di, df) = (through_sigmoid(i, di), through_sigmoid(f, df));
        let (dg, do_) = (through_tanh(g, dg), through_sigmoid(o, do_));
        let new = i.mul_add(dg, di.mul(g));
        let dc = f.mul_add(d_before, df.mul_add(before, new));
        let dh = o.mul_add(through_tanh(tanh_c, dc), do_.mul(tanh_c));
        [dh, dh, dc]
    }
}

/// One step forward of `rows` sequences.
#[derive(Debug)]
pub(crate) struct GatesForward<'a, E> {
    /// Sequences, and units of the layer.
    pub shape: (usize, usize),
    /// `[rows, 4 units]`: sums, overwritten by the gates (`m` stays).
    pub gates: &'a mut [E],
    /// `[rows, units]` or, with a cell, `[rows, 2 units]`: outputs (and cells) before the step.
    pub before: &'a [E],
    /// `[rows, units]`: gets `tanh c`; not used without a cell.
    pub tanh_c: &'a mut [E],
    /// Gets what `before` is for the next step, rows with the given distance.
    pub memory: (&'a mut [E], usize),
    /// `[rows, units]`: gets the output.
    pub y: &'a mut [E],
}

impl<E: Engine> GatesForward<'_, E> {
    /// A gated recurrent unit.
    ///
    /// # Panics
    /// If a slice is too short; so for all methods here.
    pub fn gru(self, kernel: Kernel) {
        let (shape, units) = (self.shape, self.shape.1);
        let [m, r, z, n] = write(self.gates, 4 * units, shape);
        let [before] = read(self.before, units, shape);
        let [memory] = write(self.memory.0, self.memory.1, shape);
        let [y] = write(self.y, units, shape);
        let (sources, targets) = ([m, r, z, n, before], [r, z, n, memory, y]);
        Pass::<E, GruForward, 5, 5>::run(kernel, shape, sources, targets);
    }

    /// Long short-term memory.
    pub fn lstm(self, kernel: Kernel) {
        let (shape, units) = (self.shape, self.shape.1);
        let [i, f, g, o] = write(self.gates, 4 * units, shape);
        let [_, before] = read(self.before, 2 * units, shape);
        let [tanh_c] = write(self.tanh_c, units, shape);
        let [memory, cell] = write(self.memory.0, self.memory.1, shape);
        let [y] = write(self.y, units, shape);
        let sources = [i, f, g, o, before];
        let targets = [i, f, g, o, tanh_c, memory, y, cell];
        Pass::<E, LstmForward, 5, 8>::run(kernel, shape, sources, targets);
    }
}

/// One step backwards: derivatives of a number with respect to the sums behind the gates.
#[derive(Debug)]
pub(crate) struct GatesVjp<'a, E> {
    /// Sequences, and units of the layer.
    pub shape: (usize, usize),
    /// As the step forward left them.
    pub gates: &'a [E],
    /// As there.
    pub before: &'a [E],
    /// As there.
    pub tanh_c: &'a [E],
    /// `[rows, units]`: the derivative with respect to the output, as far as it is used outside.
    pub dy: &'a [E],
    /// Laid out as `before`: holds the derivative with respect to what the next step read, and gets
    /// that with respect to `before`, without what passes through the sums.
    pub carry: &'a mut [E],
    /// `[rows, 4 units]`: gets the derivative with respect to the sums.
    pub d_gates: &'a mut [E],
}

impl<E: Engine> GatesVjp<'_, E> {
    /// A gated recurrent unit.
    pub fn gru(self, kernel: Kernel) {
        let (shape, units) = (self.shape, self.shape.1);
        let [m, r, z, n] = read(self.gates, 4 * units, shape);
        let [before] = read(self.before, units, shape);
        let [dy] = read(self.dy, units, shape);
        let [carry] = write(self.carry, units, shape);
        let [dm, dr, dz, dn] = write(self.d_gates, 4 * units, shape);
        let (sources, targets) = ([m, r, z, n, before, dy, carry], [dm, dr, dz, dn, carry]);
        Pass::<E, GruVjp, 7, 5>::run(kernel, shape, sources, targets);
    }

    /// Long short-term memory.
    pub fn lstm(self, kernel: Kernel) {
        let (shape, units) = (self.shape, self.shape.1);
        let [i, f, g, o] = read(self.gates, 4 * units, shape);
        let [_, before] = read(self.before, 2 * units, shape);
        let [tanh_c] = read(self.tanh_c, units, shape);
        let [dy] = read(self.dy, units, shape);
        let [carry, carry_c] = write(self.carry, 2 * units, shape);
        let [di, df, dg, do_] = write(self.d_gates, 4 * units, shape);
        let sources = [i, f, g, o, tanh_c, before, dy, carry, carry_c];
        let targets = [di, df, dg, do_, carry, carry_c];
        Pass::<E, LstmVjp, 9, 6>::run(kernel, shape, sources, targets);
    }
}

/// One step forward of directions.
#[derive(Debug)]
pub(crate) struct GatesJvp<'a, E> {
    /// Sequences, and units of the layer.
    pub shape: (usize, usize),
    /// As the step forward left them.
    pub gates: &'a [E],
    /// As there.
    pub before: &'a [E],
    /// As there.
    pub tanh_c: &'a [E],
    /// `[rows, 4 units]`: directions of the sums.
    pub d_gates: &'a [E],
    /// Laid out as `before`: holds its direction, and gets that for the next step.
    pub carry: &'a mut [E],
    /// `[rows, units]`: gets the direction of the output.
    pub dy: &'a mut [E],
}

impl<E: Engine> GatesJvp<'_, E> {
    /// A gated recurrent unit.
    pub fn gru(self, kernel: Kernel) {
        let (shape, units) = (self.shape, self.shape.1);
        let [m, r, z, n] = read(self.gates, 4 * units, shape);
        let [before] = read(self.before, units, shape);
        let [dm, dr, dz, dn] = read(self.d_gates, 4 * units, shape);
        let [carry] = write(self.carry, units, shape);
        let [dy] = write(self.dy, units, shape);
        let sources = [m, r, z, n, before, dm, dr, dz, dn, carry];
        Pass::<E, GruJvp, 10, 2>::run(kernel, shape, sources, [carry, dy]);
    }

    /// Long short-term memory.
    pub fn lstm(self, kernel: Kernel) {
        let (shape, units) = (self.shape, self.shape.1);
        let [i, f, g, o] = read(self.gates, 4 * units, shape);
        let [_, before] = read(self.before, 2 * units, shape);
        let [tanh_c] = read(self.tanh_c, units, shape);
        let [di, df, dg, do_] = read(self.d_gates, 4 * units, shape);
        let [carry, carry_c] = write(self.carry, 2 * units, shape);
        let [dy] = write(self.dy, units, shape);
        let sources = [i, f, g, o, tanh_c, before, di, df, dg, do_, carry_c];
        Pass::<E, LstmJvp, 11, 3>::run(kernel, shape, sources, [carry, dy, carry_c]);
    }
}
