//! From a raw observation to the input of the networks.
//!
//! The one place that knows how a space is shown to a network; the collector and the policy both
//! use it. Environments, checkpoints and users speak raw observations, rollouts and networks
//! encoded ones.

use crate::config::Invalid;
use crate::frame::Frame;
use crate::normalize::ObsMap;
use gradwerk_env::{EnvError, Space};
use gradwerk_math::Real;
use gradwerk_nn::{ImageSize, PlacedImage};

/// How raw observations of a space become inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// An image `[channels, height, width]` of whole numbers from 0 to 255, shown from 0 to 1 and
    /// kept in a byte each.
    Image {
        /// Channels, height and width.
        size: ImageSize,
    },
    /// Bits as they are.
    Bits {
        /// Their number.
        n: usize,
    },
    /// Entries of a row with their names, each by its own encoder.
    Parts(Vec<(String, Encoder)>),
}

/// Where a part of an observation begins: among the raw entries, the encoded ones, and the numbers
/// that are kept.
#[derive(Clone, Copy, Default)]
struct Place {
    raw: usize,
    encoded: usize,
    number: usize,
}

/// The number that a network sees of a pixel: `pixel / 255`.
#[must_use]
pub fn brightness<E: Real>(pixel: u8) -> E {
    E::from_f32(f32::from(pixel) * (1.0 / 255.0))
}

impl Encoder {
    /// The encoder of a space.
    #[must_use]
    pub fn of(space: &Space) -> Self {
        match space {
            Space::Discrete { n } => Self::OneHot { n: *n },
            Space::Box { low, .. } => Self::Vector { width: low.len() },
            Space::Image { channels, height, width } => {
                let (channels, height, width) = (*channels, *height, *width);
                Self::Image { size: ImageSize { channels, height, width } }
            }
            Space::MultiBinary { n } => Self::Bits { n: *n },
            Space::MultiDiscrete { n } => {
                let part = |(k, &n): (usize, &usize)| (k.to_string(), Self::OneHot { n });
                Self::Parts(n.iter().enumerate().map(part).collect())
            }
            Space::Dict(_) | Space::Tuple(_) => {
                let entries = space.entries().into_iter();
                Self::Parts(entries.map(|(name, space)| (name, Self::of(space))).collect())
            }
        }
    }

    /// Entries of a raw observation.
    #[must_use]
    pub fn raw_width(&self) -> usize {
        match self {
            Self::Vector { width } | Self::Bits { n: width } => *width,
            Self::OneHot { .. } => 1,
            Self::Image { size } => size.len(),
            Self::Parts(parts) => parts.iter().map(|(_, part)| part.raw_width()).sum(),
        }
    }

    /// Entries of an encoded observation, the inputs of the networks.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Vector { width } => *width,
            Self::OneHot { n } | Self::Bits { n } => *n,
            Self::Image { size } => size.len(),
            Self::Parts(parts) => parts.iter().map(|(_, part)| part.width()).sum(),
        }
    }

    /// Numbers and bytes that a rollout keeps per encoded observation.
    #[must_use]
    pub fn columns(&self) -> (usize, usize) {
        match self {
            Self::Image { size } => (0, size.len()),
            Self::Parts(parts) => parts.iter().fold((0, 0), |(numbers, pixels), (_, part)| {
                let (more_numbers, more_pixels) = part.columns();
                (numbers + more_numbers, pixels + more_pixels)
            }),
            other => (other.width(), 0),
        }
    }

    /// How an encoded observation is kept.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let mut images = Vec::new();
        self.for_leaves(Place::default(), &mut |place, leaf| {
            if let Self::Image { size } = leaf {
                images.push(PlacedImage { at: place.encoded, size: *size });
            }
        });
        Frame::new(self.width(), &images)
    }

    /// First entry and number of values of every choice in an encoded observation: what an
    /// embedding is about.
    #[must_use]
    pub fn choices(&self) -> Vec<(usize, usize)> {
        let mut choices = Vec::new();
        self.for_leaves(Place::default(), &mut |place, leaf| {
            if let Self::OneHot { n } = leaf {
                choices.push((place.encoded, *n));
            }
        });
        choices
    }

    /// Call `f` with the first raw entry, the first of the numbers that are kept and the length of
    /// every vector: the entries that a normaliser is about.
    pub fn for_vectors(&self, f: &mut impl FnMut(usize, usize, usize)) {
        self.for_leaves(Place::default(), &mut |place, leaf| {
            if let Self::Vector { width } = leaf {
                f(place.raw, place.number, *width);
            }
        });
    }

    /// Call `f` with every part that has no parts, and where it begins; returns where the next one
    /// would.
    fn for_leaves(&self, at: Place, f: &mut impl FnMut(Place, &Self)) -> Place {
        if let Self::Parts(parts) = self {
            return parts.iter().fold(at, |at, (_, part)| part.for_leaves(at, f));
        }
        f(at, self);
        Place {
            raw: at.raw + self.raw_width(),
            encoded: at.encoded + self.width(),
            number: at.number + self.columns().0,
        }
    }

    /// Whether running moments of the observation make sense.
    ///
    /// # Errors
    /// Where no entry is a vector: the mean and deviation of an index mean nothing, and those of
    /// the one-hot entries would blow rare states up; pixels are scaled already, and a normaliser
    /// would need as many moments.
    pub fn check_normalization(&self, normalize_observations: bool) -> Result<(), Invalid> {
        let mut vectors = 0;
        self.for_vectors(&mut |_, _, _| vectors += 1);
        if vectors > 0 || !normalize_observations {
            return Ok(());
        }
        let reason = match self {
            Self::OneHot { n } => {
                format!("the observation is an index below {n}, shown one-hot: must be false")
            }
            Self::Image { size } => {
                format!("the observation is an image {size}, shown from 0 to 1: must be false")
            }
            _ => {
                "the observation has no vector, only indices, bits and images: must be false".into()
            }
        };
        Err(Invalid::new("normalize.observations", true, reason))
    }

    /// Encode rows `raw` into `out`. `map` is the normaliser of the numbers that are kept.
    ///
    /// # Panics
    /// If an index is not a whole number below `n` ([`Encoder::check`] finds out).
    pub fn encode(&self, map: &ObsMap, raw: &[f32], out: &mut [f32]) {
        if let Self::Vector { .. } = self {
            map.apply(raw, out);
            return;
        }
        let rows = raw.chunks_exact(self.raw_width()).zip(out.chunks_exact_mut(self.width()));
        rows.for_each(|(raw, out)| self.encode_row(map, 0, raw, out));
    }

    /// Encode one row whose first number is entry `first` of the normaliser.
    fn encode_row(&self, map: &ObsMap, first: usize, raw: &[f32], out: &mut [f32]) {
        match self {
            Self::Vector { .. } => map.apply_from(first, raw, out),
            Self::Bits { .. } => out.copy_from_slice(raw),
            Self::OneHot { n } => {
                out.fill(0.0);
                let (n, x) = (*n, raw[0]);
                let index = index_below(x, n);
                out[index.unwrap_or_else(|| panic!("observation {x}, expected 0..{n}"))] = 1.0;
            }
            Self::Parts(parts) => {
                let (mut first, mut raw, mut out) = (first, raw, out);
                for (_, part) in parts {
                    let (own, later) = raw.split_at(part.raw_width());
                    let (target, rest) = out.split_at_mut(part.width());
                    part.encode_row(map, first, own, target);
                    (first, raw, out) = (first + part.columns().0, later, rest);
                }
            }
            Self::Image { .. } => {
                for (&x, out) in raw.iter().zip(out) {
                    *out = brightness(pixel(x).unwrap_or_else(|| panic!("{}", not_a_pixel(x))));
                }
            }
        }
    }

    /// Encode rows `raw` into what a rollout keeps, `numbers` and `pixels` ([`Encoder::columns`]).
    ///
    /// # Panics
    /// As [`Encoder::encode`]; pixels must have been checked.
    pub fn store(&self, map: &ObsMap, raw: &[f32], numbers: &mut [f32], pixels: &mut [u8]) {
        let (n, p) = self.columns();
        if p == 0 {
            return self.encode(map, raw, numbers);
        }
        for (row, raw) in raw.chunks_exact(self.raw_width()).enumerate() {
            let numbers = &mut numbers[row * n..(row + 1) * n];
            self.store_row(map, 0, raw, numbers, &mut pixels[row * p..(row + 1) * p]);
        }
    }

    /// Encode one row into what is kept; its first number is entry `first` of the normaliser.
    fn store_row(
        &self,
        map: &ObsMap,
        first: usize,
        raw: &[f32],
        numbers: &mut [f32],
        pixels: &mut [u8],
    ) {
        match self {
            Self::Image { .. } => {
                pixels.iter_mut().zip(raw).for_each(|(pixel, &x)| *pixel = x as u8);
            }
            Self::Parts(parts) => {
                let (mut first, mut raw, mut numbers, mut pixels) = (first, raw, numbers, pixels);
                for (_, part) in parts {
                    let (n, p) = part.columns();
                    let (own, later) = raw.split_at(part.raw_width());
                    let (own_numbers, more_numbers) = numbers.split_at_mut(n);
                    let (own_pixels, more_pixels) = pixels.split_at_mut(p);
                    part.store_row(map, first, own, own_numbers, own_pixels);
                    (first, raw, numbers, pixels) = (first + n, later, more_numbers, more_pixels);
                }
            }
            _ => self.encode_row(map, first, raw, numbers),
        }
    }

    /// Check that a raw row can be encoded.
    ///
    /// # Errors
    /// Names the entry, and the first index there that is not a whole number below `n`, or the
    /// first pixel that is not one from 0 to 255.
    pub fn check(&self, raw: &[f32]) -> Result<(), EnvError> {
        match self {
            Self::Vector { .. } => Ok(()),
            Self::OneHot { n } => check_index(raw[0], *n),
            Self::Bits { .. } => raw.iter().try_for_each(|&x| check_index(x, 2)),
            Self::Image { size } => match raw.iter().position(|x| pixel(*x).is_none()) {
                Some(at) => {
                    Err(EnvError(format!("{}: {}", place(*size, at), not_a_pixel(raw[at]))))
                }
                None => Ok(()),
            },
            Self::Parts(parts) => {
                let mut rest = raw;
                parts.iter().try_for_each(|(name, part)| {
                    let (own, later) = rest.split_at(part.raw_width());
                    rest = later;
                    part.check(own).map_err(|why| EnvError(format!("entry `{name}`: {why}")))
                })
            }
        }
    }
}

fn check_index(x: f32, n: usize) -> Result<(), EnvError> {
    match index_below(x, n) {
        Some(_) => Ok(()),
        None => Err(EnvError(format!("observation {x}, expected a whole number in 0..{n}"))),
    }
}

/// The pixel that a number stands for.
fn pixel(x: f32) -> Option<u8> {
    let pixel = x as u8;
    (f32::from(pixel) == x).then_some(pixel)
}

fn not_a_pixel(x: f32) -> String {
    format!("pixel {x}, expected a whole number from 0 to 255")
}

/// Where entry `at` of a row of images lies.
fn place(size: ImageSize, at: usize) -> String {
    let at = at % size.len();
    let (row, column) = (at / size.width % size.height, at % size.width);
    let channel = at / (size.height * size.width);
    format!("observation entry {at} (channel {channel}, row {row}, column {column})")
}

fn index_below(x: f32, n: usize) -> Option<usize> {
    let index = x as usize;
    (index < n && index as f32 == x).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::Moments;

    #[test]
    fn an_index_becomes_a_unit_vector() {
        let encoder = Encoder::of(&Space::Discrete { n: 3 });
        assert_eq!((encoder.raw_width(), encoder.width()), (1, 3));
        let mut out = [9.0; 6];
        encoder.encode(&ObsMap::new(3, None, 10.0), &[2.0, 0.0], &mut out);
        assert_eq!(out, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert!(encoder.check(&[2.0]).is_ok());
        for wrong in [3.0, -1.0, 0.5, f32::NAN] {
            let error = encoder.check(&[wrong]).unwrap_err().to_string();
            assert_eq!(error, format!("observation {wrong}, expected a whole number in 0..3"));
        }
    }

    #[test]
    fn an_image_becomes_bytes_and_numbers_up_to_1() {
        let encoder = Encoder::of(&Space::Image { channels: 2, height: 1, width: 2 });
        assert_eq!((encoder.raw_width(), encoder.width(), encoder.columns()), (4, 4, (0, 4)));
        let (map, raw) = (ObsMap::new(4, None, 10.0), [0.0, 255.0, 51.0, 1.0]);
        let (mut out, mut pixels) = ([9.0; 4], [9; 4]);
        encoder.encode(&map, &raw, &mut out);
        encoder.store(&map, &raw, &mut [], &mut pixels);
        assert_eq!(pixels, [0, 255, 51, 1]);
        assert_eq!(out, pixels.map(brightness::<f32>));
        // 51 / 255 = 1/5
        assert!((out[2] - 0.2).abs() < 1e-7 && out[1] == 1.0);
        for wrong in [256.0, -1.0, 0.5, f32::NAN] {
            let error = encoder.check(&[0.0, 1.0, 2.0, wrong]).unwrap_err().to_string();
            let expected = format!(
                "observation entry 3 (channel 1, row 0, column 1): pixel {wrong}, expected a \
                 whole number from 0 to 255"
            );
            assert_eq!(error, expected);
        }
        let error = encoder.check_normalization(true).unwrap_err().to_string();
        assert!(error.starts_with("normalize.observations = true: the observation is an image"));
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

    /// A pair of choices, a vector, bits: 5 + 2 + 2 entries.
    fn parts() -> Encoder {
        Encoder::of(&Space::dict([
            ("pair", Space::MultiDiscrete { n: vec![2, 3] }),
            ("place", Space::uniform_box(2, -9.0, 9.0)),
            ("keys", Space::MultiBinary { n: 2 }),
        ]))
    }

    #[test]
    fn every_entry_of_a_dict_is_encoded_in_its_own_way() {
        let encoder = parts();
        assert_eq!((encoder.raw_width(), encoder.width()), (6, 9));
        let mut moments = Moments::new(9);
        moments.count = 4.0;
        // Mean 1, variance 16 / 4, so deviation 2, in both entries of the vector.
        (moments.mean[5], moments.mean[6]) = (1.0, 1.0);
        (moments.m2[5], moments.m2[6]) = (16.0, 16.0);
        let mut out = [9.0; 9];
        let row = [1.0, 2.0, 3.0, -1.0, 1.0, 0.0];
        encoder.encode(&ObsMap::new(9, Some(&moments), 10.0), &row, &mut out);
        assert_eq!(out, [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, -1.0, 1.0, 0.0]);
        let mut vectors = Vec::new();
        encoder.for_vectors(&mut |raw, first, width| vectors.push((raw, first, width)));
        assert_eq!(vectors, [(2, 5, 2)]);
        assert_eq!(encoder.choices(), [(0, 2), (2, 3)]);
    }

    #[test]
    fn a_wrong_entry_of_a_dict_is_an_error() {
        let row = [1.0, 2.0, 3.0, -1.0, 1.0, 0.0];
        assert!(parts().check(&row).is_ok());
        for (k, wrong, place, n) in [
            (0, 2.0, "entry `pair`: entry `0`", 2),
            (1, -1.0, "entry `pair`: entry `1`", 3),
            (5, 0.5, "entry `keys`", 2),
        ] {
            let mut row = row;
            row[k] = wrong;
            let error = parts().check(&row).unwrap_err().to_string();
            let what = format!("observation {wrong}, expected a whole number in 0..{n}");
            assert_eq!(error, format!("{place}: {what}"));
        }
    }

    #[test]
    fn a_dict_is_normalised_if_it_has_a_vector() {
        assert!(parts().check_normalization(true).is_ok());
        let encoder = Encoder::of(&Space::MultiDiscrete { n: vec![2] });
        assert!(encoder.check_normalization(true).is_err());
    }

    /// A vector, an image, an index, bits inside of another entry, another image, a vector.
    fn scene() -> Encoder {
        let image = |channels| Space::Image { channels, height: 2, width: 1 };
        let inner = Space::Tuple(vec![Space::MultiBinary { n: 2 }, image(1)]);
        Encoder::of(&Space::dict([
            ("place", Space::uniform_box(2, -9.0, 9.0)),
            ("camera", image(2)),
            ("kind", Space::Discrete { n: 3 }),
            ("more", inner),
            ("speed", Space::uniform_box(1, -9.0, 9.0)),
        ]))
    }

    const SCENES: [[f32; 12]; 2] = [
        [0.5, -2.0, 0.0, 255.0, 7.0, 51.0, 1.0, 1.0, 0.0, 3.0, 4.0, 2.5],
        [8.0, -0.5, 1.0, 2.0, 3.0, 4.0, 2.0, 0.0, 1.0, 254.0, 128.0, -7.0],
    ];

    #[test]
    fn what_is_kept_of_a_dict_is_shown_as_it_is_encoded() {
        let encoder = scene();
        assert_eq!((encoder.raw_width(), encoder.width(), encoder.columns()), (12, 14, (8, 6)));
        let mut moments = Moments::new(8);
        moments.count = 4.0;
        (moments.mean[0], moments.mean[1], moments.mean[7]) = (1.0, -1.0, 0.25);
        (moments.m2[0], moments.m2[1], moments.m2[7]) = (16.0, 2.0, 9.0);
        let map = ObsMap::new(8, Some(&moments), 10.0);
        let raw = SCENES.concat();
        let (mut numbers, mut pixels) = ([9.0; 16], [9; 12]);
        encoder.store(&map, &raw, &mut numbers, &mut pixels);
        assert_eq!(pixels, [0, 255, 7, 51, 3, 4, 1, 2, 3, 4, 254, 128]);
        // (0.5 - 1) / 2, (-2 + 1) / sqrt(1/2), the index 1 and two bits.
        let second = -((1.0 / 0.5_f64.sqrt()) as f32);
        assert_eq!(numbers[..7], [-0.25, second, 0.0, 1.0, 0.0, 1.0, 0.0]);
        let (mut out, mut shown) = ([9.0; 28], [9.0; 28]);
        encoder.encode(&map, &raw, &mut out);
        for row in 0..2 {
            let (n, p) = (&numbers[8 * row..8 * (row + 1)], &pixels[6 * row..6 * (row + 1)]);
            encoder.frame().show((1, 0), n, p, &mut shown[14 * row..14 * (row + 1)]);
        }
        assert_eq!(shown.map(f32::to_bits), out.map(f32::to_bits));
        let mut vectors = Vec::new();
        encoder.for_vectors(&mut |raw, first, width| vectors.push((raw, first, width)));
        assert_eq!(vectors, [(0, 0, 2), (11, 7, 1)]);
        assert_eq!(encoder.choices(), [(6, 3)]);
    }

    #[test]
    fn a_wrong_pixel_of_a_dict_is_named_with_its_entry() {
        for (k, place) in [
            (4, "entry `camera`: observation entry 2 (channel 1, row 0, column 0)"),
            (10, "entry `more`: entry `1`: observation entry 1 (channel 0, row 1, column 0)"),
        ] {
            let mut row = SCENES[0];
            row[k] = 0.5;
            let error = scene().check(&row).unwrap_err().to_string();
            assert_eq!(error, format!("{place}: pixel 0.5, expected a whole number from 0 to 255"));
        }
        assert!(scene().check(&SCENES[1]).is_ok());
    }
}
