//! Spaces of observations and actions (the terms of Gymnasium).

use crate::{EnvError, mask};
use gradwerk_math::Stream;

/// The set of values an observation or an action may take.
///
/// A value is one flat row: the entries of a `Dict` or `Tuple` follow one another in order.
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
    /// Several choices at once: component `k` is one of `0..n[k]`.
    MultiDiscrete {
        /// Number of values of each component, each at least 1.
        n: Vec<usize>,
    },
    /// `n` bits, each 0 or 1.
    MultiBinary {
        /// Number of bits, at least 1.
        n: usize,
    },
    /// Named entries in this order.
    Dict(Vec<(String, Space)>),
    /// Entries without names.
    Tuple(Vec<Space>),
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

    /// A `Dict` from its entries.
    #[must_use]
    pub fn dict<const K: usize>(entries: [(&str, Space); K]) -> Self {
        Self::Dict(entries.into_iter().map(|(name, space)| (name.to_string(), space)).collect())
    }

    /// The entries of a `Dict` or `Tuple` with their names (a tuple's are their numbers); none of
    /// any other space.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, &Space)> {
        match self {
            Self::Dict(entries) => entries.iter().map(|(name, s)| (name.clone(), s)).collect(),
            Self::Tuple(entries) => {
                entries.iter().enumerate().map(|(k, s)| (k.to_string(), s)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The spaces that a row is made of, in order, none of them a `Dict` or `Tuple`.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Space> {
        match self {
            Self::Dict(entries) => entries.iter().flat_map(|(_, space)| space.leaves()).collect(),
            Self::Tuple(entries) => entries.iter().flat_map(Space::leaves).collect(),
            leaf => vec![leaf],
        }
    }

    /// Check that the space has values.
    ///
    /// # Errors
    /// If there are none: no value, no component, a bound that is NaN or a lower one above the
    /// upper one; or if a `Dict` has two entries of one name. The error names the entry.
    pub fn validate(&self) -> Result<(), EnvError> {
        match self {
            Self::Discrete { n: 0 } | Self::MultiBinary { n: 0 } => {
                Err(EnvError(format!("{self} has no value")))
            }
            Self::Image { channels, height, width } if channels * height * width == 0 => {
                Err(EnvError(format!("{self} has no pixel")))
            }
            Self::Discrete { .. } | Self::MultiBinary { .. } | Self::Image { .. } => Ok(()),
            Self::MultiDiscrete { n } if n.is_empty() || n.contains(&0) => {
                Err(EnvError(format!("{self} has no value")))
            }
            Self::MultiDiscrete { .. } => Ok(()),
            Self::Box { low, high } => validate_box(low, high),
            Self::Dict(_) | Self::Tuple(_) => self.validate_entries(),
        }
    }

    fn validate_entries(&self) -> Result<(), EnvError> {
        let entries = self.entries();
        if entries.is_empty() {
            return Err(EnvError(format!("{self} has no entry")));
        }
        for (k, (name, space)) in entries.iter().enumerate() {
            space.validate().map_err(|e| EnvError(format!("entry `{name}`: {e}")))?;
            if entries[..k].iter().any(|(other, _)| other == name) {
                return Err(EnvError(format!("{self} has two entries `{name}`")));
            }
        }
        Ok(())
    }

    /// Number of `f32` entries an observation of this space takes in a row (1 for discrete).
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Discrete { .. } => 1,
            Self::Box { low, .. } => low.len(),
            Self::Image { channels, height, width } => channels * height * width,
            Self::MultiDiscrete { n } => n.len(),
            Self::MultiBinary { n } => *n,
            Self::Dict(entries) => entries.iter().map(|(_, space)| space.width()).sum(),
            Self::Tuple(entries) => entries.iter().map(Space::width).sum(),
        }
    }

    /// How many `(discrete, continuous)` components an action of this space has: none if it is a
    /// space of observations only.
    #[must_use]
    pub fn action_widths(&self) -> (usize, usize) {
        (self.choices().len(), self.action_bounds().0.len())
    }

    /// A random action: its discrete and its continuous components. Uniform over the values that
    /// `mask` allows (an empty one allows all) and within bounds, of size about 1 where they are
    /// infinite.
    #[must_use]
    pub fn sample(&self, mask: &[bool], rng: &mut Stream) -> (Vec<u32>, Vec<f32>) {
        let (low, high) = self.action_bounds();
        let mut rest = mask;
        let draw = |n: usize| {
            let (own, later) = rest.split_at(n.min(rest.len()));
            rest = later;
            mask::random_value(n, own, rng)
        };
        let discrete = self.choices().into_iter().map(draw).collect();
        (discrete, low.iter().zip(&high).map(|(l, h)| within(*l, *h, rng)).collect())
    }

    /// Bounds of the continuous components of an action, in order: those of all boxes.
    #[must_use]
    pub fn action_bounds(&self) -> (Vec<f32>, Vec<f32>) {
        let (mut all_low, mut all_high) = (Vec::new(), Vec::new());
        for leaf in self.leaves() {
            if let Self::Box { low, high } = leaf {
                all_low.extend_from_slice(low);
                all_high.extend_from_slice(high);
            }
        }
        (all_low, all_high)
    }

    /// Number of values of each discrete component of an action, in order (2 for a bit). Their
    /// sum is the width of an action mask ([`Env::action_mask`](crate::Env::action_mask)).
    #[must_use]
    pub fn choices(&self) -> Vec<usize> {
        let choices = |leaf: &Space| match leaf {
            Self::Discrete { n } => vec![*n],
            Self::MultiDiscrete { n } => n.clone(),
            Self::MultiBinary { n } => vec![2; *n],
            _ => Vec::new(),
        };
        self.leaves().into_iter().flat_map(choices).collect()
    }

    /// The first entry of an observation row that lies outside this space (NaN always does).
    /// A discrete component is one whole number.
    #[must_use]
    pub fn first_outside(&self, row: &[f32]) -> Option<usize> {
        let below = |n: usize, x: f32| x >= 0.0 && (x as usize) < n && x == (x as usize) as f32;
        let inside = |leaf: &Space, k: usize, x: f32| match leaf {
            Self::Discrete { n } => below(*n, x),
            Self::Box { low, high } => low[k] <= x && x <= high[k],
            Self::MultiDiscrete { n } => below(n[k], x),
            Self::MultiBinary { .. } => below(2, x),
            Self::Image { .. } => x == f32::from(x as u8),
            Self::Dict(_) | Self::Tuple(_) => unreachable!("leaves are neither"),
        };
        let mut start = 0;
        for leaf in self.leaves() {
            let part = &row[start..row.len().min(start + leaf.width())];
            if let Some(k) = part.iter().enumerate().position(|(k, &x)| !inside(leaf, k, x)) {
                return Some(start + k);
            }
            start += leaf.width();
        }
        None
    }

    /// What messages call entry `k` of a row: `[2]`, or in a `Dict` or `Tuple` `.position[2]`.
    #[must_use]
    pub fn entry_name(&self, k: usize) -> String {
        let mut start = 0;
        for (name, space) in self.entries() {
            if k < start + space.width() {
                return format!(".{name}{}", space.entry_name(k - start));
            }
            start += space.width();
        }
        format!("[{k}]")
    }
}

fn validate_box(low: &[f32], high: &[f32]) -> Result<(), EnvError> {
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

/// A random number within bounds.
fn within(low: f32, high: f32, rng: &mut Stream) -> f32 {
    let low = if low.is_finite() { low } else { high.min(1.0) - 2.0 };
    let high = if high.is_finite() { high } else { low.max(-1.0) + 2.0 };
    low + (high - low) * rng.uniform()
}

impl std::fmt::Display for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |texts: Vec<String>| texts.join(", ");
        match self {
            Self::Discrete { n } => write!(f, "Discrete({n})"),
            Self::Box { low, .. } => write!(f, "Box({})", low.len()),
            Self::Image { channels, height, width } => {
                write!(f, "Image({channels}x{height}x{width})")
            }
            Self::MultiDiscrete { n } => write!(f, "MultiDiscrete({n:?})"),
            Self::MultiBinary { n } => write!(f, "MultiBinary({n})"),
            Self::Dict(entries) => {
                let entry = |(name, space): &(String, Space)| format!("{name}: {space}");
                write!(f, "Dict({})", list(entries.iter().map(entry).collect()))
            }
            Self::Tuple(entries) => {
                write!(f, "Tuple({})", list(entries.iter().map(Space::to_string).collect()))
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

    /// A discrete move with a parameter, and what a robot reports.
    fn mixed() -> Space {
        let inner =
            Space::Tuple(vec![Space::MultiBinary { n: 2 }, Space::uniform_box(1, 0.0, 9.0)]);
        Space::dict([
            ("kind", Space::MultiDiscrete { n: vec![3, 2] }),
            ("force", Space::uniform_box(2, -1.0, 1.0)),
            ("more", inner),
        ])
    }

    #[test]
    fn a_dict_is_its_entries_one_after_another() {
        let space = mixed();
        // 2 choices, 2 forces, 2 bits, 1 number.
        assert_eq!((space.width(), space.action_widths()), (7, (4, 3)));
        assert_eq!(space.choices(), [3, 2, 2, 2]);
        assert_eq!(space.action_bounds(), (vec![-1.0, -1.0, 0.0], vec![1.0, 1.0, 9.0]));
        let names = [0, 1, 3, 5, 6].map(|k| space.entry_name(k));
        assert_eq!(names, [".kind[0]", ".kind[1]", ".force[1]", ".more.0[1]", ".more.1[0]"]);
        let text = "Dict(kind: MultiDiscrete([3, 2]), force: Box(2), \
                    more: Tuple(MultiBinary(2), Box(1)))";
        assert_eq!(space.to_string(), text);
    }

    #[test]
    fn every_entry_has_its_own_range() {
        let space = mixed();
        let row = [2.0, 1.0, 0.5, -1.0, 0.0, 1.0, 9.0];
        assert_eq!(space.first_outside(&row), None);
        for (k, wrong) in
            [(0, 3.0), (1, 2.0), (2, 1.5), (3, f32::NAN), (4, 2.0), (5, 0.5), (6, 9.5)]
        {
            let mut row = row;
            row[k] = wrong;
            assert_eq!(space.first_outside(&row), Some(k));
        }
    }

    #[test]
    fn spaces_without_values_are_errors_that_name_the_entry() {
        let message = |space: Space| space.validate().unwrap_err().to_string();
        assert!(mixed().validate().is_ok());
        assert_eq!(
            message(Space::MultiDiscrete { n: vec![2, 0] }),
            "MultiDiscrete([2, 0]) has no value"
        );
        assert_eq!(message(Space::MultiDiscrete { n: vec![] }), "MultiDiscrete([]) has no value");
        assert_eq!(message(Space::MultiBinary { n: 0 }), "MultiBinary(0) has no value");
        assert_eq!(message(Space::Tuple(vec![])), "Tuple() has no entry");
        let inner = Space::Tuple(vec![Space::Discrete { n: 0 }]);
        assert_eq!(
            message(Space::dict([("a", inner)])),
            "entry `a`: entry `0`: Discrete(0) has no value"
        );
        let twice = Space::dict([("a", Space::Discrete { n: 1 }), ("a", Space::Discrete { n: 2 })]);
        assert_eq!(message(twice), "Dict(a: Discrete(1), a: Discrete(2)) has two entries `a`");
    }
}
