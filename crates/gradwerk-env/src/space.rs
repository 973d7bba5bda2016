//! Spaces of observations and actions (the terms of Gymnasium).

use crate::EnvError;
use gradwerk_math::Stream;

/// The set of values an observation or an action may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Space {
    /// `0, 1, ..., n - 1`.
    Discrete {
        /// Number of values, at least 1.
        n: usize,
    },
    /// Real vectors with a lower and an upper bound per component (infinite bounds allowed).
    Box {
        /// Lower bounds; the length is the dimension.
        low: Vec<f32>,
        /// Upper bounds, as many as lower ones.
        high: Vec<f32>,
    },
    /// Images with whole numbers from 0 to 255. A row has the numbers channel by channel
    /// (`[channels, height, width]`), each as an `f32`.
    Image {
        /// Numbers per place: colours, kinds of objects, frames.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Space {
    /// A box of `dim` components, each between `low` and `high`.
    #[must_use]
    pub fn uniform_box(dim: usize, low: f32, high: f32) -> Self {
        Self::Box { low: vec![low; dim], high: vec![high; dim] }
    }

    /// A box symmetric around 0 with the given bounds.
    #[must_use]
    pub fn symmetric_box(bounds: &[f32]) -> Self {
        Self::Box { low: bounds.iter().map(|b| -b).collect(), high: bounds.to_vec() }
    }

    /// Check that the space has values.
    ///
    /// # Errors
    /// If there are none: no value, no component, a bound that is NaN or a lower one above the
    /// upper one.
    pub fn validate(&self) -> Result<(), EnvError> {
        let (low, high) = match self {
            Self::Discrete { n: 0 } => return Err(EnvError("Discrete(0) has no value".into())),
            Self::Image { channels, height, width } if channels * height * width == 0 => {
                return Err(EnvError(format!("{self} has no pixel")));
            }
            Self::Discrete { .. } | Self::Image { .. } => return Ok(()),
            Self::Box { low, high } => (low, high),
        };
        if low.is_empty() || low.len() != high.len() {
            let (l, h) = (low.len(), high.len());
            return Err(EnvError(format!("a Box needs as many bounds below ({l}) as above ({h})")));
        }
        let fits = |(l, h): (&f32, &f32)| l <= h;
        match low.iter().zip(high).position(|pair| !fits(pair)) {
            None => Ok(()),
            Some(i) => Err(EnvError(format!(
                "Box component {i}: the bounds {} and {} enclose nothing",
                low[i], high[i]
            ))),
        }
    }

    /// Number of `f32` entries an observation of this space takes in a row (1 for discrete).
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Discrete { .. } => 1,
            Self::Box { low, .. } => low.len(),
            Self::Image { channels, height, width } => channels * height * width,
        }
    }

    /// How many `(discrete, continuous)` components an action of this space has: none if it is a
    /// space of observations only.
    #[must_use]
    pub fn action_widths(&self) -> (usize, usize) {
        match self {
            Self::Discrete { .. } => (1, 0),
            Self::Box { low, .. } => (0, low.len()),
            Self::Image { .. } => (0, 0),
        }
    }

    /// A random action: its discrete and its continuous components. Uniform within bounds, of
    /// size about 1 where they are infinite.
    #[must_use]
    pub fn sample(&self, rng: &mut Stream) -> (Vec<u32>, Vec<f32>) {
        match self {
            Self::Discrete { n } => (vec![rng.below(*n as u32)], vec![]),
            Self::Box { low, high } => {
                let bounds = low.iter().zip(high);
                (vec![], bounds.map(|(l, h)| within(*l, *h, rng)).collect())
            }
            Self::Image { .. } => (vec![], vec![]),
        }
    }

    /// The first entry of an observation row that lies outside this space (NaN always does).
    /// A discrete observation is one whole number.
    #[must_use]
    pub fn first_outside(&self, row: &[f32]) -> Option<usize> {
        let whole_below =
            |x: f32, n: usize| x >= 0.0 && (x as usize) < n && x == (x as usize) as f32;
        let inside = |k: usize, x: f32| match self {
            Self::Discrete { n } => whole_below(x, *n),
            Self::Box { low, high } => low[k] <= x && x <= high[k],
            Self::Image { .. } => x == f32::from(x as u8),
        };
        row.iter().enumerate().position(|(k, &x)| !inside(k, x))
    }
}

/// A random number within bounds.
fn within(low: f32, high: f32, rng: &mut Stream) -> f32 {
    let low = if low.is_finite() { low } else { high.min(1.0) - 2.0 };
    let high = if high.is_finite() { high } else { low.max(-1.0) + 2.0 };
    low + (high - low) * rng.uniform()
}

impl std::fmt::Display for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Discrete { n } => write!(f, "Discrete({n})"),
            Self::Box { low, .. } => write!(f, "Box({})", low.len()),
            Self::Image { channels, height, width } => {
                write!(f, "Image({channels}x{height}x{width})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_of_rows() {
        let (discrete, continuous) = (Space::Discrete { n: 5 }, Space::uniform_box(3, -1.0, 1.0));
        assert_eq!((discrete.width(), continuous.width()), (1, 3));
        assert_eq!(discrete.action_widths(), (1, 0));
        assert_eq!(continuous.action_widths(), (0, 3));
        assert_eq!(
            (discrete.to_string(), continuous.to_string()),
            ("Discrete(5)".into(), "Box(3)".into())
        );
    }

    #[test]
    fn an_image_has_whole_numbers_up_to_255() {
        let space = Space::Image { channels: 2, height: 3, width: 4 };
        assert_eq!((space.width(), space.to_string()), (24, "Image(2x3x4)".into()));
        assert_eq!(space.first_outside(&[0.0, 255.0, 7.0]), None);
        for wrong in [-1.0, 256.0, 0.5, f32::NAN, f32::INFINITY] {
            assert_eq!(space.first_outside(&[1.0, wrong]), Some(1), "{wrong}");
        }
        let empty = Space::Image { channels: 1, height: 0, width: 4 };
        assert_eq!(empty.validate().unwrap_err().to_string(), "Image(1x0x4) has no pixel");
        assert!(space.validate().is_ok());
    }

    #[test]
    fn bounds_belong_to_the_box_and_nan_does_not() {
        let space = Space::symmetric_box(&[1.0, f32::INFINITY]);
        assert_eq!(space.first_outside(&[-1.0, 1e30]), None);
        assert_eq!(space.first_outside(&[1.5, 0.0]), Some(0));
        assert_eq!(space.first_outside(&[0.0, f32::NAN]), Some(1));
    }

    #[test]
    fn a_discrete_observation_is_a_whole_number_below_n() {
        let outside = |x: f32| Space::Discrete { n: 3 }.first_outside(&[x]).is_some();
        assert!(!outside(0.0) && !outside(2.0));
        assert!(outside(3.0) && outside(-1.0) && outside(0.5) && outside(f32::NAN));
    }
}
