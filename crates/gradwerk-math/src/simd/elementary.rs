//! Elementary functions of vectors: the one source of their bits.
//!
//! In single precision they are written here, once for all vector types; `f32::exp` and friends of
//! [`Real`](crate::Real) are the one-lane case. In double precision each lane calls the `libm`
//! crate. The coefficients are minimax fits (Lawson's reweighted least squares, 40 digits) made
//! for gradwerk; each function states its error, which its test measures.

use super::{Bits, Portable, Simd};
use crate::Real;

/// Elementary functions, lane by lane. NaN stays NaN; infinities give the limits.
pub trait Elementary: Simd {
    /// `e^x`; error below 1.1 units in the last place, subnormal results included.
    #[must_use]
    fn exp(self) -> Self;
    /// Natural logarithm; error below 1 unit in the last place.
    #[must_use]
    fn ln(self) -> Self;
    /// `ln(1 + x)`, accurate near 0; error below 2 units in the last place.
    #[must_use]
    fn ln_1p(self) -> Self;
    /// Hyperbolic tangent, never beyond -1 and 1; relative error below 3.5e-7.
    #[must_use]
    fn tanh(self) -> Self;
    /// Logistic function `1 / (1 + e^-x)`; relative error below 2e-7.
    #[must_use]
    fn sigmoid(self) -> Self;
    /// Error function `2 / sqrt(pi) * integral of e^(-t^2) over [0, x]`, never beyond -1 and 1;
    /// relative error below 3.5e-7.
    #[must_use]
    fn erf(self) -> Self;
    /// Sine and cosine of an angle in radians; absolute error below 1e-7.
    #[must_use]
    fn sin_cos(self) -> (Self, Self);
}

impl<const N: usize> Elementary for Portable<f64, N> {
    #[inline(always)]
    fn exp(self) -> Self {
        self.map(libm::exp)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.map(libm::log)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.map(libm::log1p)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        self.map(libm::tanh)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        self.map(Real::sigmoid)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        self.map(libm::erf)
    }
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        (self.map(libm::sin), self.map(libm::cos))
    }
}

impl<S: Bits> Elementary for S {
    #[inline(always)]
    fn exp(self) -> Self {
        exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        ln(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        ln_1p(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        sigmoid(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        erf(self)
    }
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        sin_cos(self)
    }
}

/// `c[0] + c[1] x + c[2] x^2 + ...` (Horner).
#[inline(always)]
fn polynomial<S: Bits, const N: usize>(x: S, c: [f32; N]) -> S {
    let mut y = x.lift(c[N - 1]);
    for i in (0..N - 1).rev() {
        y = y.mul_add(x, x.lift(c[i]));
    }
    y
}

/// 1.5 * 2^23: adding it to a number below 2^22 rounds that to an integer, which then stands in
/// the low bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// The nearest integer to `x`, `|x| < 2^22`.
#[inline(always)]
fn round<S: Bits>(x: S) -> S {
    x.add(x.lift(ROUND)).sub(x.lift(ROUND))
}

/// `2^n` for an integer `n` in [-126, 127].
#[inline(always)]
fn power_of_two<S: Bits>(n: S) -> S {
    // The biased exponent n + 127 goes to the low bits of a number in [2^23, 2^24), then into
    // its place.
    n.add(n.lift(8_388_608.0 + 127.0)).shift_left::<23>()
}

/// ln 2 in two parts; the first has 15 bits, so its product with an exponent is exact.
const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];

#[inline(always)]
fn exp<S: Bits>(x: S) -> S {
    // Outside these bounds the result is 0 or infinite; `bound.min(x)` keeps a NaN.
    let x = x.lift(-104.0).max(x.lift(89.0).min(x));
    // x = n ln 2 + r with |r| <= ln 2 / 2.
    let n = round(x.mul(x.lift(std::f32::consts::LOG2_E)));
    let r = n.neg().mul_add(x.lift(LN_2[0]), x);
    let r = n.neg().mul_add(x.lift(LN_2[1]), r);
    // e^r = 1 + r + r^2 q(r)
    let q = polynomial(r, [0.5, 0.166_665_12, 0.041_666_187, 0.008_369_598, 0.001_395_166]);
    let e = r.mul(r).mul_add(q, r).add(r.lift(1.0));
    // 2^n in two factors, since n may lie outside the exponents of normal numbers.
    let half = round(n.mul(n.lift(0.5)));
    e.mul(power_of_two(half)).mul(power_of_two(n.sub(half)))
}

/// `(m, e)` with `x = m 2^e` and `m` in [sqrt 1/2, sqrt 2), for positive finite `x`.
#[inline(always)]
fn mantissa_exponent<S: Bits>(x: S) -> (S, S) {
    let tiny = x.lt(x.lift(f32::MIN_POSITIVE));
    let x = S::select(tiny, x.mul(x.lift(8_388_608.0)), x);
    let bias = S::select(tiny, x.lift(127.0 + 23.0), x.lift(127.0));
    let m = x.and(x.lift_bits(0x007f_ffff)).or(x.lift(1.0));
    // The exponent as the low bits of a number in [2^23, 2^24).
    let e = x.shift_right::<23>().or(x.lift(8_388_608.0)).sub(x.lift(8_388_608.0)).sub(bias);
    let small = m.lt(x.lift(std::f32::consts::SQRT_2));
    (S::select(small, m, m.mul(m.lift(0.5))), S::select(small, e, e.add(e.lift(1.0))))
}

#[inline(always)]
fn ln<S: Bits>(x: S) -> S {
    let zero = x.lift(0.0);
    let (m, e) = mantissa_exponent(x);
    // With f = m - 1 and s = f / (2 + f): ln m = 2 s + s R(s^2) = f - (f^2/2 - s (f^2/2 + R)),
    // which keeps the large part f exact (the arrangement of FreeBSD's logf).
    let f = m.sub(m.lift(1.0));
    let s = f.div(f.add(f.lift(2.0)));
    let z = s.mul(s);
    let r = z.mul(polynomial(z, [0.666_666_6, 0.400_003_55, 0.285_358_82, 0.236_106_6]));
    let half = f.mul(f).mul(f.lift(0.5));
    let small = s.mul_add(half.add(r), e.mul(e.lift(LN_2[1])));
    let y = e.mul_add(e.lift(LN_2[0]), f.sub(half.sub(small)));
    // Infinity and NaN stay; 0 gives minus infinity, negative numbers NaN.
    let y = S::select(x.lt(x.lift(f32::INFINITY)), y, x);
    let not_positive = S::select(x.lt(zero), x.lift(f32::NAN), x.lift(f32::NEG_INFINITY));
    S::select(x.le(zero), not_positive, y)
}

#[inline(always)]
fn ln_1p<S: Bits>(x: S) -> S {
    let one = x.lift(1.0);
    let u = x.add(one);
    let y = ln(u);
    // ln(1 + x) = ln u + (what rounding took from u) / u, to first order.
    let lost = x.sub(u.sub(one));
    let corrected = y.add(lost.div(u));
    // At u = 0 and infinity the quotient is NaN, and there is nothing to correct.
    let regular = S::select(u.lt(u.lift(f32::INFINITY)), corrected, y);
    let y = S::select(u.le(u.lift(0.0)), y, regular);
    // Here the result rounds to x itself, and -0 stays -0.
    S::select(x.abs().lt(x.lift(2.9e-8)), x, y)
}

#[inline(always)]
fn tanh<S: Bits>(x: S) -> S {
    // Beyond 9.02 the result rounds to 1; `bound.min(x)` keeps a NaN.
    let x = x.lift(-9.02).max(x.lift(9.02).min(x));
    let t = x.mul(x);
    let p = polynomial(t, [1.0, 0.133_797_32, 0.003_494_048_7, 2.058_365e-5, 1.331_919_5e-8]);
    let q = polynomial(t, [1.0, 0.467_130_45, 0.025_871_132, 0.000_328_311_32, 7.762_094e-7]);
    within_one(x.mul(p).div(q))
}

/// Rounding may lift a result near 1 above it.
#[inline(always)]
fn within_one<S: Bits>(y: S) -> S {
    y.lift(-1.0).max(y.lift(1.0).min(y))
}

#[inline(always)]
fn erf<S: Bits>(x: S) -> S {
    // Beyond 3.95 the result rounds to 1.
    let x = x.lift(-3.95).max(x.lift(3.95).min(x));
    let t = x.mul(x);
    let p = polynomial(
        t,
        [
            std::f32::consts::FRAC_2_SQRT_PI,
            0.191_541_25,
            0.052_873_943,
            0.003_807_685,
            0.000_284_662_38,
            2.025_789_4e-6,
        ],
    );
    let q = polynomial(
        t,
        [1.0, 0.503_081_7, 0.114_555_6, 0.015_054_152, 0.001_170_582_5, 3.782_924e-5],
    );
    within_one(x.mul(p).div(q))
}

#[inline(always)]
fn sigmoid<S: Bits>(x: S) -> S {
    // With e = e^-|x| nothing overflows: e / (1 + e) below 0, 1 / (1 + e) above.
    let (one, e) = (x.lift(1.0), exp(x.abs().neg()));
    S::select(x.lt(x.lift(0.0)), e, one).div(e.add(one))
}

/// pi / 2 in three parts; the first two have 11 bits, so that their products with an integer
/// below 2^13 are exact.
const PI_2: [f32; 3] = [1.570_312_5, 0.000_483_751_3, 7.549_79e-8];

/// Largest angle whose multiple of pi / 2 stays below 2^13.
const LARGE_ANGLE: f32 = 12_800.0;

#[inline(always)]
fn sin_cos<S: Bits>(x: S) -> (S, S) {
    let large = S::select(x.abs().le(x.lift(LARGE_ANGLE)), x.lift(0.0), x.lift(1.0));
    let (sin, cos) = sin_cos_moderate(x);
    if any_nonzero(large) {
        // Rare: lanes with huge angles (and NaN) go through the scalar functions.
        (replace(large, x, sin, libm::sinf), replace(large, x, cos, libm::cosf))
    } else {
        (sin, cos)
    }
}

#[inline(always)]
fn sin_cos_moderate<S: Bits>(x: S) -> (S, S) {
    // x = k pi/2 + r with |r| <= pi/4
    let shifted = x.mul_add(x.lift(std::f32::consts::FRAC_2_PI), x.lift(ROUND));
    let k = shifted.sub(x.lift(ROUND)).neg();
    let r = k.mul_add(x.lift(PI_2[0]), x);
    let r = k.mul_add(x.lift(PI_2[1]), r);
    let r = k.mul_add(x.lift(PI_2[2]), r);
    let z = r.mul(r);
    let s = polynomial(z, [-0.166_666_67, 0.008_333_329, -0.000_198_392_56, 2.717_564_5e-6]);
    let c = polynomial(z, [0.041_666_668, -0.001_388_888_3, 2.479_943_6e-5, -2.720_324_5e-7]);
    let sin = r.mul(z).mul_add(s, r);
    let cos = z.mul(z).mul_add(c, z.mul_add(z.lift(-0.5), z.lift(1.0)));
    // The low bits of `shifted` are those of k: odd k swaps, bit 1 gives the signs.
    let odd = shifted.and(x.lift_bits(1)).shift_left::<31>();
    let swap = odd.or(x.lift(1.0)).lt(x.lift(0.0));
    let sign = shifted.and(x.lift_bits(2)).shift_left::<30>();
    let sine = S::select(swap, cos, sin).xor(sign);
    let cosine = S::select(swap, sin, cos).xor(sign).xor(odd);
    // -0 stays -0, which the reduction would lose.
    (S::select(x.abs().lt(x.lift(1e-4)), x, sine), cosine)
}

#[inline(always)]
fn any_nonzero<S: Bits>(x: S) -> bool {
    lanes(x)[..S::LANES].iter().any(|&lane| lane != 0.0)
}

/// The numbers of a vector, followed by zeros.
#[inline(always)]
fn lanes<S: Bits>(x: S) -> [f32; 16] {
    let mut lanes = [0.0; 16];
    // SAFETY: no vector has more than 16 lanes.
    unsafe { x.store(lanes.as_mut_ptr()) };
    lanes
}

/// `f(x)` in the lanes where `mask` is not 0, else `y`.
#[inline(always)]
fn replace<S: Bits>(mask: S, x: S, y: S, f: impl Fn(f32) -> f32) -> S {
    let (mask, x, mut y) = (lanes(mask), lanes(x), lanes(y));
    for i in 0..S::LANES {
        if mask[i] != 0.0 {
            y[i] = f(x[i]);
        }
    }
    // SAFETY: `y` holds at least as many numbers as a vector, whose kind `x` proved.
    unsafe { S::load(y.as_ptr()) }
}

#[cfg(test)]
mod tests {
    use super::super::{Job, Kernel};
    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Function {
        Exp,
        Ln,
        Ln1p,
        Tanh,
        Sigmoid,
        Erf,
        Sin,
        Cos,
    }
    use Function::{Cos, Erf, Exp, Ln, Ln1p, Sigmoid, Sin, Tanh};
    const ALL: [Function; 8] = [Exp, Ln, Ln1p, Tanh, Sigmoid, Erf, Sin, Cos];

    struct Apply<'a>(Function, &'a mut [f32]);

    impl Job<f32> for Apply<'_> {
        type Out = ();
        #[inline(always)]
        fn run<S: Elementary<E = f32>>(self, _: S) {
            let Apply(function, values) = self;
            for chunk in values.chunks_mut(S::LANES) {
                // SAFETY: the chunk has `len <= LANES` numbers, the parameter proves the hardware.
                unsafe {
                    let x = S::load_part(chunk.as_ptr(), chunk.len());
                    let y = match function {
                        Exp => x.exp(),
                        Ln => x.ln(),
                        Ln1p => x.ln_1p(),
                        Tanh => x.tanh(),
                        Sigmoid => x.sigmoid(),
                        Erf => x.erf(),
                        Sin => x.sin_cos().0,
                        Cos => x.sin_cos().1,
                    };
                    y.store_part(chunk.as_mut_ptr(), chunk.len());
                }
            }
        }
    }

    fn apply(kernel: Kernel, function: Function, x: &[f32]) -> Vec<f32> {
        let mut y = x.to_vec();
        kernel.run(Apply(function, &mut y));
        y
    }

    fn exact(function: Function, x: f32) -> f64 {
        let x = f64::from(x);
        match function {
            Exp => libm::exp(x),
            Ln => libm::log(x),
            Ln1p => libm::log1p(x),
            Tanh => libm::tanh(x),
            Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Erf => libm::erf(x),
            Sin => libm::sin(x),
            Cos => libm::cos(x),
        }
    }

    /// Distance between neighbouring single-precision numbers at `y`.
    fn ulp(y: f64) -> f64 {
        let y = (y.abs() as f32).min(f32::MAX);
        f64::from(f32::from_bits(y.to_bits() + 1)) - f64::from(y)
    }

    /// Every `step`-th single-precision number, both signs.
    fn all(step: usize) -> impl Iterator<Item = Vec<f32>> {
        let numbers = (0..=u32::MAX).step_by(step).map(f32::from_bits).filter(|x| x.is_finite());
        let mut numbers = numbers.peekable();
        std::iter::from_fn(move || {
            numbers.peek()?;
            Some(numbers.by_ref().take(4096).collect())
        })
    }

    /// The largest error of `function` over numbers in `range`, in the unit that `unit` gives.
    fn worst(
        function: Function,
        range: std::ops::RangeInclusive<f32>,
        unit: impl Fn(f64) -> f64,
    ) -> f64 {
        let mut worst = 0.0_f64;
        // A prime step meets all mantissas.
        for x in all(1999) {
            let x: Vec<f32> = x.into_iter().filter(|x| range.contains(x)).collect();
            for kernel in Kernel::available() {
                for (&x, y) in x.iter().zip(apply(kernel, function, &x)) {
                    let e = exact(function, x);
                    if e.abs() > f64::from(f32::MAX) {
                        continue;
                    }
                    let error = (f64::from(y) - e).abs() / unit(e);
                    assert!(!error.is_nan(), "{function:?}({x}) = {y} on {kernel}");
                    worst = worst.max(error);
                }
            }
        }
        println!("{function:?}: {worst:.3e}");
        worst
    }

    const ANY: std::ops::RangeInclusive<f32> = f32::MIN..=f32::MAX;

    #[test]
    fn exp_is_accurate() {
        assert!(worst(Exp, -104.5..=88.72, ulp) < 1.1);
    }

    #[test]
    fn ln_is_accurate() {
        assert!(worst(Ln, f32::from_bits(1)..=f32::MAX, ulp) < 1.0);
    }

    #[test]
    fn ln_1p_is_accurate() {
        assert!(worst(Ln1p, -0.999_999_94..=f32::MAX, ulp) < 2.0);
    }

    /// Relative to the value; subnormal values by their distance.
    fn relative(y: f64) -> f64 {
        y.abs().max(f64::from(f32::MIN_POSITIVE))
    }

    #[test]
    fn tanh_is_accurate_and_bounded() {
        assert!(worst(Tanh, ANY, relative) < 3.5e-7);
    }

    #[test]
    fn sigmoid_is_accurate() {
        assert!(worst(Sigmoid, ANY, relative) < 2e-7);
    }

    #[test]
    fn erf_is_accurate() {
        assert!(worst(Erf, ANY, relative) < 3.5e-7);
    }

    #[test]
    fn sine_and_cosine_are_accurate() {
        assert!(worst(Sin, ANY, |_| 1.0) < 1e-7);
        assert!(worst(Cos, ANY, |_| 1.0) < 1e-7);
    }

    #[test]
    fn bounds_hold_everywhere() {
        for kernel in Kernel::available() {
            for x in all(251) {
                let in_bounds = |f| apply(kernel, f, &x).iter().all(|y| y.abs() <= 1.0);
                assert!(in_bounds(Tanh) && in_bounds(Erf) && in_bounds(Sigmoid), "{kernel}");
            }
        }
    }

    #[test]
    fn special_values() {
        const INF: f32 = f32::INFINITY;
        let cases = [
            (Exp, 0.0, 1.0),
            (Exp, -0.0, 1.0),
            (Exp, INF, INF),
            (Exp, -INF, 0.0),
            (Exp, 89.0, INF),
            (Exp, -105.0, 0.0),
            (Ln, 1.0, 0.0),
            (Ln, 0.0, -INF),
            (Ln, -0.0, -INF),
            (Ln, INF, INF),
            (Ln1p, 0.0, 0.0),
            (Ln1p, -0.0, -0.0),
            (Ln1p, -1.0, -INF),
            (Ln1p, INF, INF),
            (Tanh, 0.0, 0.0),
            (Tanh, -0.0, -0.0),
            (Tanh, INF, 1.0),
            (Tanh, -INF, -1.0),
            (Sigmoid, 0.0, 0.5),
            (Sigmoid, INF, 1.0),
            (Sigmoid, -INF, 0.0),
            (Erf, 0.0, 0.0),
            (Erf, -0.0, -0.0),
            (Erf, INF, 1.0),
            (Erf, -INF, -1.0),
            (Sin, 0.0, 0.0),
            (Sin, -0.0, -0.0),
            (Cos, 0.0, 1.0),
        ];
        for kernel in Kernel::available() {
            for (f, x, y) in cases {
                let got = apply(kernel, f, &[x])[0];
                assert_eq!(got.to_bits(), f32::to_bits(y), "{f:?}({x}) = {got} on {kernel}");
            }
            for f in ALL {
                assert!(apply(kernel, f, &[f32::NAN])[0].is_nan(), "{f:?} on {kernel}");
            }
            for (f, x) in [(Ln, -1.0), (Ln, -INF), (Ln1p, -1.5), (Sin, INF), (Cos, -INF)] {
                assert!(apply(kernel, f, &[x])[0].is_nan(), "{f:?}({x}) on {kernel}");
            }
        }
    }

    /// The scalar functions of `f32` are the one-lane case of the portable vectors.
    #[test]
    fn scalars_have_the_bits_of_the_portable_vectors() {
        let x: Vec<f32> = (-2000..2000).map(|i| i as f32 * 0.043).collect();
        type Scalar = fn(f32) -> f32;
        let scalar: [(Function, Scalar); 8] = [
            (Exp, Real::exp),
            (Ln, Real::ln),
            (Ln1p, Real::ln_1p),
            (Tanh, Real::tanh),
            (Sigmoid, Real::sigmoid),
            (Erf, Real::erf),
            (Sin, Real::sin),
            (Cos, Real::cos),
        ];
        for (function, f) in scalar {
            for (&x, y) in x.iter().zip(apply(Kernel::Portable, function, &x)) {
                assert!(f(x).to_bits() == y.to_bits() || (y.is_nan() && f(x).is_nan()));
            }
        }
    }

    /// A lane's bits depend on its own number alone, also where one lane takes the rare path.
    #[test]
    fn lanes_are_independent() {
        let x: Vec<f32> = (0..64).map(|i| (i as f32 - 20.0) * 900.0).collect();
        for kernel in Kernel::available() {
            for f in [Sin, Cos, Exp, Tanh] {
                let together = apply(kernel, f, &x);
                for (&x, y) in x.iter().zip(together) {
                    assert_eq!(apply(kernel, f, &[x])[0].to_bits(), y.to_bits(), "{f:?}({x})");
                }
            }
        }
    }
}
