//! From a raw observation to the input of the networks.
//!
//! The one place that knows how a space is shown to a network; the collector and the policy both
//! use it. Environments, checkpoints and users speak raw observations, rollouts and networks
//! encoded ones.

use crate::config::Invalid;
use crate::normalize::ObsMap;
use gradwerk_env::{EnvError, Space};

/// How raw observations of a space become inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// A vector as it is, after the observation normaliser.
    Vector {
        /// Its entries.
        width: usize,
    },
    /// An index below `n` as `n` numbers, 1 at the index and 0 elsewhere. A linear function of
    /// them is a table.
    OneHot {
        /// Number of indices.
        n: usize,
    },
}

impl Encoder {
    /// The encoder of a space.
    #[must_use]
    pub fn of(space: &Space) -> Self {
        match space {
            Space::Discrete { n } => Self::OneHot { n: *n },
            Space::Box { .. } | Space::Image { .. } => Self::Vector { width: space.width() },
        }
    }

    /// Entries of a raw observation.
    #[must_use]
    pub fn raw_width(self) -> usize {
        match self {
            Self::Vector { width } => width,
            Self::OneHot { .. } => 1,
        }
    }

    /// Entries of an encoded observation, the inputs of the networks.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Vector { width } => width,
            Self::OneHot { n } => n,
        }
    }

    /// Whether running moments of the observation make sense.
    ///
    /// # Errors
    /// For an index: its mean and deviation mean nothing, and those of the one-hot entries would
    /// blow rare states up.
    pub fn check_normalization(self, normalize_observations: bool) -> Result<(), Invalid> {
        match self {
            Self::OneHot { n } if normalize_observations => Err(Invalid::new(
                "normalize.observations",
                true,
                format!("the observation is an index below {n}, shown one-hot: must be false"),
            )),
            _ => Ok(()),
        }
    }

    /// Encode rows `raw` into `out`. `map` is the normaliser of vectors.
    ///
    /// # Panics
    /// If an index is not a whole number below `n` ([`Encoder::check`] finds out).
    pub fn encode(self, map: &ObsMap, raw: &[f32], out: &mut [f32]) {
        match self {
            Self::Vector { .. } => map.apply(raw, out),
            Self::OneHot { n } => {
                out.fill(0.0);
                for (&x, row) in raw.iter().zip(out.chunks_exact_mut(n)) {
                    let index = index_below(x, n);
                    row[index.unwrap_or_else(|| panic!("observation {x}, expected 0..{n}"))] = 1.0;
                }
            }
        }
    }

    /// Check that raw rows can be encoded.
    ///
    /// # Errors
    /// Names the first index that is not a whole number below `n`.
    pub fn check(self, raw: &[f32]) -> Result<(), EnvError> {
        let Self::OneHot { n } = self else { return Ok(()) };
        match raw.iter().find(|x| index_below(**x, n).is_none()) {
            Some(x) => Err(EnvError(format!("observation {x}, expected a whole number in 0..{n}"))),
            None => Ok(()),
        }
    }
}

fn index_below(x: f32, n: usize) -> Option<usize> {
    let index = x as usize;
    (index < n && index as f32 == x).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_becomes_a_unit_vector() {
        let encoder = Encoder::of(&Space::Discrete { n: 3 });
        assert_eq!((encoder.raw_width(), encoder.width()), (1, 3));
        let mut out = [9.0; 6];
        encoder.encode(&ObsMap::new(3, None, 10.0), &[2.0, 0.0], &mut out);
        assert_eq!(out, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert!(encoder.check(&[2.0, 0.0]).is_ok());
        for wrong in [3.0, -1.0, 0.5, f32::NAN] {
            let error = encoder.check(&[0.0, wrong]).unwrap_err().to_string();
            assert_eq!(error, format!("observation {wrong}, expected a whole number in 0..3"));
        }
    }

    #[test]
    fn a_vector_stays_itself() {
        let encoder = Encoder::of(&Space::uniform_box(2, -1.0, 1.0));
        assert_eq!((encoder.raw_width(), encoder.width()), (2, 2));
        let mut out = [0.0; 2];
        encoder.encode(&ObsMap::new(2, None, 10.0), &[0.5, -7.0], &mut out);
        assert_eq!(out, [0.5, -7.0]);
        assert!(encoder.check_normalization(true).is_ok());
    }

    #[test]
    fn indices_are_not_normalised() {
        let encoder = Encoder::OneHot { n: 16 };
        assert!(encoder.check_normalization(false).is_ok());
        let error = encoder.check_normalization(true).unwrap_err().to_string();
        assert!(error.starts_with("normalize.observations = true: the observation is an index"));
    }
}
