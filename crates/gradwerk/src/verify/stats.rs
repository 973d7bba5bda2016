//! Probabilities of deviations.

use gradwerk_math::Real;

/// `P(|Z| >= |z|)` for a standard normal Z.
#[must_use]
pub fn two_sided_p(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// `P(X >= x)` for a chi-square variable with `degrees` degrees of freedom: the regularised upper
/// incomplete gamma function `Q(degrees / 2, x / 2)` (Abramowitz and Stegun 1964, 26.4.19).
///
/// # Panics
/// If `degrees` is 0.
#[must_use]
pub fn chi_square_tail(x: f64, degrees: usize) -> f64 {
    assert!(degrees > 0, "0 degrees of freedom, expected at least 1");
    let (a, x) = (degrees as f64 / 2.0, x / 2.0);
    if x <= 0.0 {
        return if x.is_nan() { f64::NAN } else { 1.0 };
    }
    let front = Real::exp(a * Real::ln(x) - x - libm::lgamma(a));
    if x < a + 1.0 { 1.0 - front * lower_series(a, x) } else { front * upper_fraction(a, x) }
}

/// `sum_k x^k / (a (a+1) ... (a+k))` (ibid., 6.5.29).
fn lower_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0 / a, 1.0 / a, a);
    while term > sum * 1e-17 {
        k += 1.0;
        term *= x / k;
        sum += term;
    }
    sum
}

/// The continued fraction `1/(x+1-a- 1(1-a)/(x+3-a- ...))` (ibid., 6.5.31), by Lentz's method.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (f64::MAX, 1.0 / b);
    let mut fraction = d;
    for k in 1..10_000 {
        let factor = -f64::from(k) * (f64::from(k) - a);
        b += 2.0;
        d = 1.0 / (factor * d + b);
        c = b + factor / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of the normal distribution: 1.959963984540054 (2.5 % on either side).
    #[test]
    fn normal_probabilities() {
        assert!((two_sided_p(1.959_963_984_540_054) - 0.05).abs() < 1e-14);
        assert!((two_sided_p(-1.959_963_984_540_054) - 0.05).abs() < 1e-14);
        assert_eq!(two_sided_p(0.0), 1.0);
        assert!(two_sided_p(f64::NAN).is_nan());
    }

    /// With 2 degrees of freedom the tail is `e^(-x/2)`; with 1 it is the normal's; with 4,
    /// `e^(-x/2) (1 + x/2)`.
    #[test]
    fn chi_square_probabilities() {
        for x in [0.1_f64, 1.0, 3.0, 10.0, 60.0] {
            let e = Real::exp(-x / 2.0);
            let close = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-12, "{x}");
            close(chi_square_tail(x, 2), e);
            close(chi_square_tail(x, 4), e * (1.0 + x / 2.0));
            assert!((chi_square_tail(x, 1) / two_sided_p(x.sqrt()) - 1.0).abs() < 1e-11);
        }
        assert_eq!(chi_square_tail(0.0, 3), 1.0);
    }
}
