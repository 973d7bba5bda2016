//! Sine and cosine together.

/// Sine and cosine of `x` (radians), sharing the range reduction; each below 1 ulp.
///
/// The bits are those of [`Real::sin`](crate::Real::sin) and [`Real::cos`](crate::Real::cos)
/// for `f64`.
#[inline]
#[must_use]
pub fn sin_cos(x: f64) -> (f64, f64) {
    libm::sincos(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, Real, Stream};

    #[test]
    fn the_bits_are_those_of_sin_and_cos() {
        let mut rng = Stream::new(1, Purpose::Test, 0, 0);
        for range in [0.3, 1.0, 10.0, 1e4, 1e9, 1e300] {
            for _ in 0..20_000 {
                let x = rng.uniform_in(-range, range);
                let (sin, cos) = sin_cos(x);
                assert_eq!(sin.to_bits(), Real::sin(x).to_bits(), "sin {x}");
                assert_eq!(cos.to_bits(), Real::cos(x).to_bits(), "cos {x}");
            }
        }
    }

    /// Published digits (DLMF, and sin 1, cos 1 from OEIS A049469, A049470).
    #[test]
    fn known_values() {
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
        let (sin, cos) = sin_cos(1.0);
        assert!((sin - 0.841_470_984_807_896_5).abs() < 2e-16);
        assert!((cos - 0.540_302_305_868_139_7).abs() < 2e-16);
        assert!(sin_cos(f64::NAN).0.is_nan() && sin_cos(f64::INFINITY).1.is_nan());
    }
}
