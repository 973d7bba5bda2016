//! Tile coding (Sutton and Barto 2018, section 9.5.4).

use gradwerk_math::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{Bounds, Scaling};
use super::countable;
use super::sparse::{self, SparseMap};
use crate::config::{Kind, at_least_one, widths};
use crate::{ActorCritic, Engine, NnError, Shape};

/// Linear in the tiles that the observation lies in (tile coding).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TileCodingConfig {
    /// Number of shifted grids, each with one tile for an observation. A power of two, at least
    /// four times the entries of the observation, spreads the shifts best.
    pub tilings: usize,
    /// Tiles between the bounds of each entry; one number stands for all entries.
    pub tiles: Vec<usize>,
    /// Lower bounds of the observation's entries; left empty, those of its space.
    pub low: Vec<f64>,
    /// Upper bounds of the observation's entries; left empty, those of its space.
    pub high: Vec<f64>,
}

impl Default for TileCodingConfig {
    fn default() -> Self {
        Self { tilings: 8, tiles: vec![8], low: Vec::new(), high: Vec::new() }
    }
}

impl Kind for TileCodingConfig {
    const HAS_FEATURES: bool = false;

    fn validate(&self) -> Result<(), NnError> {
        at_least_one("tilings", self.tilings)?;
        if self.tiles.is_empty() {
            return Err(NnError::setting("tiles", "[]", "must have one number, or one per entry"));
        }
        widths("tiles", &self.tiles)
    }

    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
        Ok(sparse::linear_on(Tiles::new(self, shape)?, shape))
    }
}

/// One feature per tile, 1 where the observation lies in it.
///
/// Tiling `t` of `n` is shifted by `t (2i + 1) / n` tiles along entry `i`: by odd multiples
/// 1, 3, 5, ... of the smallest shift, so that the shifted tiles do not line up along diagonals.
/// Beyond the bounds the outermost tiles go on. Indices are computed in double precision and whole
/// numbers: single precision finds the same tiles.
#[derive(Clone, Debug)]
struct Tiles {
    scaling: Scaling,
    tilings: usize,
    tiles: Vec<usize>,
    features: usize,
}

impl Tiles {
    fn new(config: &TileCodingConfig, shape: &Shape) -> Result<Self, NnError> {
        let scaling = Bounds::new(&config.low, &config.high, shape)?.to_unit();
        let given = format!("{:?}", config.tiles);
        let tiles = match config.tiles[..] {
            [all] => vec![all; shape.inputs],
            _ => config.tiles.clone(),
        };
        if tiles.len() != shape.inputs {
            let why = format!("must have one number, or {} of them", shape.inputs);
            return Err(NnError::setting("tiles", given, why));
        }
        let mut axes = tiles.iter().map(|&tiles| tiles.checked_add(1));
        let count = axes.try_fold(config.tilings, |count, axis| count.checked_mul(axis?));
        countable("tiles", given, count)?;
        let features = count.unwrap_or(0);
        Ok(Self { scaling, tilings: config.tilings, tiles, features })
    }

    /// Along entry `i`, how many shifts of `1 / tilings` of a tile lie below `x`.
    fn shifts_below<E: Engine>(&self, i: usize, x: E) -> usize {
        let all = self.tiles[i] * self.tilings;
        // The upper bound itself belongs to the last tile.
        let place = self.scaling.exact(i, x) * all as f64;
        place.clip(0.0, (all - 1) as f64) as usize
    }

    /// The tile of tiling `t` in which `x` lies, of all tiles of all tilings.
    fn tile<E: Engine>(&self, x: &[E], t: usize) -> usize {
        let mut index = t;
        for (i, (&x, &tiles)) in x.iter().zip(&self.tiles).enumerate() {
            let shift = t * (2 * i + 1) % self.tilings;
            // A shifted grid needs one tile more to cover the same interval.
            index = index * (tiles + 1) + (self.shifts_below(i, x) + shift) / self.tilings;
        }
        index
    }
}

impl SparseMap for Tiles {
    const IDENTITY: bool = false;

    fn inputs(&self) -> usize {
        self.tiles.len()
    }
    fn features(&self) -> usize {
        self.features
    }
    fn visit<E: Engine>(&self, x: &[E], mut visit: impl FnMut(usize, E)) {
        for t in 0..self.tilings {
            visit(self.tile(x, t), E::ONE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sparse::tests::{derivatives_are_correct, outputs};
    use super::super::tests::shape;
    use super::*;

    fn tiles(tilings: usize, tiles: &[usize], inputs: usize) -> Tiles {
        let config = TileCodingConfig { tilings, tiles: tiles.to_vec(), ..Default::default() };
        Tiles::new(&config, &shape(inputs)).unwrap()
    }

    fn active(map: &Tiles, x: &[f32]) -> Vec<usize> {
        let mut found = Vec::new();
        map.visit(x, |k, phi| {
            assert_eq!(phi, 1.0);
            found.push(k);
        });
        found
    }

    /// Bounds -2 and 3, two tiles of 2.5, two tilings, the second shifted by half a tile: its
    /// tiles begin at -3.25, -0.75 and 1.75.
    #[test]
    fn tiles_of_one_entry_by_hand() {
        let map = tiles(2, &[2], 1);
        assert_eq!(map.features(), 6);
        let expected =
            [(-2.0, [0, 3]), (-0.76, [0, 3]), (-0.74, [0, 4]), (0.51, [1, 4]), (1.76, [1, 5])];
        for (x, tiles) in expected {
            assert_eq!(active(&map, &[x]), tiles, "{x}");
        }
        // The bound belongs to the last tile, and the outermost tiles go on.
        assert_eq!(active(&map, &[3.0]), [1, 5]);
        assert_eq!(active(&map, &[99.0]), [1, 5]);
        assert_eq!(active(&map, &[-99.0]), [0, 3]);
    }

    /// Four tilings of one tile per entry (2 x 2 tiles each). Shifts: 0, 1, 2, 3 quarters along the
    /// first entry, 0, 3, 2, 1 along the second (3 t modulo 4). At u = (0.3, 0.3), one quarter below:
    /// (1 + shift) / 4 is 0, 0, 0, 1 and 0, 1, 0, 0.
    #[test]
    fn tiles_of_two_entries_by_hand() {
        let map = tiles(4, &[1], 2);
        assert_eq!(map.features(), 16);
        assert_eq!(active(&map, &[-0.5, -0.5]), [0, 4 + 1, 8, 12 + 2]);
    }

    /// Between neighbouring tiles of the finest division, exactly one tiling changes its tile.
    #[test]
    fn each_shift_changes_one_tile() {
        let map = tiles(8, &[4, 3], 2);
        for step in 0..31_u8 {
            let at = |s: u8| active(&map, &[-2.0 + 5.0 * (f32::from(s) + 0.5) / 32.0, 0.0]);
            let changed = at(step).iter().zip(at(step + 1)).filter(|(a, b)| **a != *b).count();
            assert_eq!(changed, 1, "{step}");
        }
    }

    #[test]
    fn forward_adds_the_rows_of_the_tiles() {
        let map = tiles(2, &[2], 1);
        assert_eq!(outputs(&map, &[-2.0, 1.76]), [3.0, 6.0]); // 0 + 3, 1 + 5
        assert!(outputs(&map, &[f64::NAN])[0].is_nan());
        assert!(outputs(&map, &[f64::INFINITY])[0].is_nan());
    }

    #[test]
    fn derivatives_of_tiles_are_correct() {
        derivatives_are_correct(&tiles(4, &[3, 2], 2));
    }

    #[test]
    fn wrong_tiles_are_named() {
        let message = |tiles: &[usize], inputs| {
            let config = TileCodingConfig { tiles: tiles.to_vec(), ..Default::default() };
            config.validate().and_then(|()| Tiles::new(&config, &shape(inputs)).map(drop))
        };
        let error = |tiles: &[usize], inputs| message(tiles, inputs).unwrap_err().to_string();
        assert_eq!(error(&[4, 0], 2), "tiles[1] = 0: must be from 1 to 65536");
        assert_eq!(error(&[4, 3], 3), "tiles = [4, 3]: must have one number, or 3 of them");
        assert!(error(&[8], 17).starts_with("tiles = [8]: makes more than 65536 features"));
        assert_eq!(
            error(&[usize::MAX], 2),
            "tiles[0] = 18446744073709551615: must be from 1 to 65536"
        );
    }
}
