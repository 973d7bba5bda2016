//! Special functions of distributions, in double precision.
//!
//! Where the engine works in single precision it rounds their results, so that both precisions
//! come from one source. Reference: Abramowitz and Stegun, Handbook of Mathematical Functions.

use crate::Real;

/// `ln(2 pi) / 2`: minus the log-density of the standard normal at 0.
pub const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// From here on the asymptotic series below are exact to rounding.
const ASYMPTOTIC: f64 = 10.0;

/// `ln Gamma(x)` for `x > 0`.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Logarithm of the beta function `B(a, b) = Gamma(a) Gamma(b) / Gamma(a + b)`.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// The digamma function `d ln Gamma(x) / dx` for `x > 0` (6.3.5 up to 10, then 6.3.18).
#[must_use]
pub fn digamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < ASYMPTOTIC {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let w = 1.0 / (x * x);
    // Bernoulli numbers over 2 k: 1/12, -1/120, 1/252, -1/240, 1/132, -691/32760, 1/12.
    let series = w
        * (1.0 / 12.0
            - w * (1.0 / 120.0
                - w * (1.0 / 252.0
                    - w * (1.0 / 240.0 - w * (1.0 / 132.0 - w * (691.0 / 32_760.0 - w / 12.0))))));
    shift + Real::ln(x) - 0.5 / x - series
}

/// The trigamma function `d^2 ln Gamma(x) / dx^2` for `x > 0` (6.4.6 up to 10, then 6.4.12).
#[must_use]
pub fn trigamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < ASYMPTOTIC {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let w = 1.0 / (x * x);
    // Bernoulli numbers: 1/6, -1/30, 1/42, -1/30, 5/66, -691/2730, 7/6.
    let series = 1.0 / 6.0
        - w * (1.0 / 30.0
            - w * (1.0 / 42.0
                - w * (1.0 / 30.0 - w * (5.0 / 66.0 - w * (691.0 / 2730.0 - w * 7.0 / 6.0)))));
    shift + (1.0 + 0.5 / x + w * series) / x
}

/// Density of the standard normal.
#[must_use]
pub fn normal_density(x: f64) -> f64 {
    Real::exp(-0.5 * x * x - HALF_LN_TAU)
}

/// `Phi(b) - Phi(a)`, the mass of the standard normal on `[a, b]`; without cancellation where
/// `a <= 0 <= b`.
#[must_use]
pub fn normal_mass(a: f64, b: f64) -> f64 {
    0.5 * (Real::erf(b * std::f64::consts::FRAC_1_SQRT_2)
        - Real::erf(a * std::f64::consts::FRAC_1_SQRT_2))
}

/// `ln(1 + e^x)` without overflow.
pub fn softplus<R: Real>(x: R) -> R {
    x.maximum(R::ZERO) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 4e-15 * want.abs().max(1.0), "{got} instead of {want}");
    }

    const EULER: f64 = 0.577_215_664_901_532_9;
    const ZETA_2: f64 = std::f64::consts::PI * std::f64::consts::PI / 6.0;

    /// `psi(1) = -gamma`, `psi(1/2) = -gamma - 2 ln 2`, `psi(n + 1) = H_n - gamma`.
    #[test]
    fn digamma_at_known_places() {
        close(digamma(1.0), -EULER);
        close(digamma(0.5), -EULER - 2.0 * std::f64::consts::LN_2);
        for n in [1_u32, 5, 9, 10, 40, 1000] {
            let harmonic: f64 = (1..=n).rev().map(|k| 1.0 / f64::from(k)).sum();
            close(digamma(f64::from(n) + 1.0), harmonic - EULER);
        }
    }

    /// `psi'(1) = pi^2 / 6`, `psi'(1/2) = pi^2 / 2`, `psi'(n + 1) = pi^2/6 - sum 1/k^2`.
    #[test]
    fn trigamma_at_known_places() {
        close(trigamma(1.0), ZETA_2);
        close(trigamma(0.5), 3.0 * ZETA_2);
        for n in [1_u32, 5, 9, 10, 40] {
            let sum: f64 = (1..=n).rev().map(|k| 1.0 / f64::from(k * k)).sum();
            close(trigamma(f64::from(n) + 1.0), ZETA_2 - sum);
        }
    }

    /// `Gamma(n) = (n - 1)!`, `Gamma(1/2) = sqrt(pi)`, `B(2, 3) = 1! 2! / 4! = 1/12`.
    #[test]
    fn gamma_at_known_places() {
        close(ln_gamma(6.0), Real::ln(120.0_f64));
        close(ln_gamma(0.5), 0.5 * Real::ln(std::f64::consts::PI));
        close(ln_beta(2.0, 3.0), -Real::ln(12.0_f64));
    }

    /// Rounded to single precision, results are within one unit in the last place of those at the
    /// neighbouring doubles: the engine loses nothing but the rounding of its input.
    #[test]
    fn single_precision_rounds_once() {
        for k in 1..200_u8 {
            let x = 0.13_f32 * f32::from(k);
            for f in [digamma, trigamma, ln_gamma] {
                let (single, double) = (f(f64::from(x)) as f32, f(f64::from(x)));
                assert!((f64::from(single) - double).abs() <= 6e-8 * double.abs().max(1e-30));
            }
        }
    }

    /// The mass of one and of two deviations (A&S table 26.1), and of everything.
    #[test]
    fn normal_masses() {
        close(normal_mass(-1.0, 1.0), 0.682_689_492_137_085_9);
        close(normal_mass(0.0, 2.0), 0.477_249_868_051_820_8);
        close(normal_mass(f64::NEG_INFINITY, f64::INFINITY), 1.0);
        close(normal_density(0.0), 0.398_942_280_401_432_7);
    }

    #[test]
    fn softplus_neither_overflows_nor_vanishes() {
        close(softplus(0.0_f64), std::f64::consts::LN_2);
        assert_eq!(softplus(1000.0_f32), 1000.0);
        assert_eq!(softplus(f64::NEG_INFINITY), 0.0);
        // e^-40 to first order.
        let tiny = softplus(-40.0_f64);
        assert!((tiny / Real::exp(-40.0_f64) - 1.0).abs() < 1e-15);
        assert!(softplus(f32::NAN).is_nan());
    }
}
