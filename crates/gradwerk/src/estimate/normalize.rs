//! Advantage normalisation: subtract the mean, divide by the standard deviation.

use gradwerk_math::Real;

/// Added to the standard deviation, so that equal advantages give 0 and not 0/0. Far below any
/// standard deviation that matters; the value that Huang et al. (2022, detail 7) report.
pub const NORMALIZE_EPS: f64 = 1e-8;

/// Mean and standard deviation of a set of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean; 0 of no rows.
    pub mean: f64,
    /// Standard deviation with divisor `rows` (so that one row has 0, not 0/0).
    pub std: f64,
    /// Number of rows.
    pub rows: usize,
}

impl Moments {
    /// Two passes in double precision, in the order of the iterator.
    fn of<R: Real>(rows: impl Iterator<Item = R> + Clone) -> Self {
        let (mut count, mut sum) = (0_usize, 0.0);
        for x in rows.clone() {
            count += 1;
            sum += x.to_f64();
        }
        if count == 0 {
            return Self { mean: 0.0, std: 0.0, rows: 0 };
        }
        let mean = sum / count as f64;
        let mut squares = 0.0;
        for x in rows {
            let d = x.to_f64() - mean;
            squares += d * d;
        }
        Self { mean, std: (squares / count as f64).sqrt(), rows: count }
    }

    /// `(x - mean) / (std + eps)`, eps = [`NORMALIZE_EPS`].
    #[inline]
    #[must_use]
    pub fn apply<R: Real>(&self, x: R) -> R {
        R::from_f64((x.to_f64() - self.mean) / (self.std + NORMALIZE_EPS))
    }
}

/// Moments over the valid rows of a batch.
#[must_use]
pub fn moments<R: Real>(x: &[R], valid: &[bool]) -> Moments {
    Moments::of(x.iter().zip(valid).filter(|(_, valid)| **valid).map(|(&x, _)| x))
}

/// Moments over the rows of a minibatch, given by their indices (all valid), in that order.
#[must_use]
pub fn moments_of_rows<R: Real>(x: &[R], rows: &[u32]) -> Moments {
    Moments::of(rows.iter().map(|&k| x[k as usize]))
}

/// Normalise the valid rows of a batch in place.
pub fn normalize<R: Real>(x: &mut [R], valid: &[bool]) -> Moments {
    let moments = moments(x, valid);
    for (x, &valid) in x.iter_mut().zip(valid) {
        if valid {
            *x = moments.apply(*x);
        }
    }
    moments
}
