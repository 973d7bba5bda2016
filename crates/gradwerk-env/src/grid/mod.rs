//! Walks through rooms with walls, doors and keys, seen from above through a small window.
//!
//! The walker turns, steps forward, picks up a key in front of it and opens the door in front of
//! it, if it has the key. It sees the 7 x 7 cells before it, turned so that it always stands in
//! the middle of the last row and looks up. The goal is worth `1 - 0.9 t / limit` after t steps.
//!
//! `grid/empty-N`, `grid/door-key-N` and `grid/four-rooms-N` are N x N cells, walls included.

mod maps;
mod world;

pub use maps::Map;
pub use world::{Cell, Grid, Walker};

use crate::registry::{EnvFactory, Facts, made};

const LARGEST: usize = 32;

/// `grid/NAME-N`.
pub(crate) fn family(id: &str) -> Option<Box<dyn EnvFactory>> {
    let (name, digits) = id.strip_prefix("grid/")?.rsplit_once('-')?;
    let size: usize = digits.parse().ok()?;
    let map = Map::ALL.into_iter().find(|map| map.name() == name)?;
    if !(map.smallest()..=LARGEST).contains(&size) || size.to_string() != digits {
        return None;
    }
    let limit = map.limit(size);
    let facts = Facts {
        id: id.into(),
        summary: format!("{}; {size} x {size} cells", map.summary()),
        time_limit: Some(limit),
        solved_at: None,
    };
    Some(made(facts, move || Grid::new(map, size)))
}
