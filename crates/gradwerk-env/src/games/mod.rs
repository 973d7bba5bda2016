//! Small arcade games on a grid of 10 x 10 cells, seen as images.
//!
//! An observation has one channel per kind of object, 255 where there is one and 0 elsewhere.
//! Some channels are hints instead: what moves next, where something came from, so that one
//! image says all that matters. `-pixels` in a name shows 84 x 84 grey pixels instead, without
//! the hints that no eye would see.
//!
//! By default an action is replaced by the one before it with probability 0.1 (`-exact`: never),
//! and a game gets harder as it is won (`-steady`: it does not). `games/bricks-pixels-exact-steady`
//! has all three.
//!
//! The rules are our own, after the kinds of game that arcades of the seventies had.

mod arcade;
mod bricks;
mod collector;
mod crossing;
mod shooter;

pub use arcade::{Arcade, Rules, View};
pub use bricks::Bricks;
pub use collector::Collector;
pub use crossing::Crossing;
pub use shooter::Shooter;

use crate::picture::Color;
use crate::registry::{EnvFactory, Facts, made};
use gradwerk_math::Stream;
use serde::{Serialize, de::DeserializeOwned};

/// Cells per side.
pub const SIZE: usize = 10;
/// [`SIZE`] in the type of coordinates.
const SIDE: i8 = SIZE as i8;

/// One kind of object.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// Colour in pictures; `None` for a hint, which only the channels show.
    pub color: Option<Color>,
    /// Drawn as a disc instead of a block.
    pub round: bool,
}

impl Channel {
    const fn block(r: u8, g: u8, b: u8) -> Self {
        Self { color: Some(Color(r, g, b)), round: false }
    }
    const fn disc(r: u8, g: u8, b: u8) -> Self {
        Self { color: Some(Color(r, g, b)), round: true }
    }
    const HINT: Self = Self { color: None, round: false };
}

/// What a step brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Points.
    pub points: u32,
    /// The game is lost.
    pub over: bool,
}

/// The rules of a game; [`Arcade`] makes an environment of them.
pub trait Game: Clone + Default + Serialize + DeserializeOwned + Send + 'static {
    /// The name after `games/`.
    const NAME: &'static str;
    /// One line about it.
    const SUMMARY: &'static str;
    /// Steps after which an episode is cut.
    const TIME_LIMIT: u32;
    /// What the actions do, in order.
    const ACTIONS: &'static [&'static str];
    /// The kinds of object, in the order of the channels.
    const CHANNELS: &'static [Channel];

    /// Set up a new game.
    fn start(&mut self, rng: &mut Stream);
    /// Take one step. With `ramping` the game gets harder as it is won.
    fn step(&mut self, action: u32, ramping: bool, rng: &mut Stream) -> Outcome;
    /// Call `put(channel, x, y)` for every object, later ones over earlier ones; x counts from
    /// the left, y from the top. Places outside the grid are not shown.
    fn draw(&self, put: impl FnMut(usize, i8, i8));
    /// Whether this is a state that the game could have got into, as far as its safety goes.
    fn is_valid(&self) -> bool;
}

/// A row of the grid as bits: whether there is something at `x`.
fn has(row: u16, x: i8) -> bool {
    (0..SIDE).contains(&x) && row >> x & 1 == 1
}

/// Call `put(channel, x, y)` for every bit of rows.
fn draw_rows(rows: &[u16; SIZE], channel: usize, put: &mut impl FnMut(usize, i8, i8)) {
    for (y, row) in rows.iter().enumerate() {
        (0..SIDE).filter(|x| has(*row, *x)).for_each(|x| put(channel, x, y as i8));
    }
}

/// Whether rows have no bit outside the grid.
fn rows_fit(rows: &[u16; SIZE]) -> bool {
    rows.iter().all(|row| row >> SIZE == 0)
}

/// Whether a place lies in the grid.
fn on_grid(x: i8, y: i8) -> bool {
    (0..SIDE).contains(&x) && (0..SIDE).contains(&y)
}

/// The game of that name.
pub(crate) fn family(id: &str) -> Option<Box<dyn EnvFactory>> {
    let name = id.strip_prefix("games/")?;
    factory::<Bricks>(id, name)
        .or_else(|| factory::<Collector>(id, name))
        .or_else(|| factory::<Crossing>(id, name))
        .or_else(|| factory::<Shooter>(id, name))
}

/// `NAME[-pixels][-exact][-steady]`.
fn factory<G: Game>(id: &str, name: &str) -> Option<Box<dyn EnvFactory>> {
    let mut rest = name.strip_prefix(G::NAME)?;
    let mut has = |suffix| rest.strip_prefix(suffix).map(|after| rest = after).is_some();
    let (pixels, exact, steady) = (has("-pixels"), has("-exact"), has("-steady"));
    if !rest.is_empty() {
        return None;
    }
    let rules = Rules {
        view: if pixels { View::Pixels } else { View::Channels },
        sticky: if exact { 0.0 } else { 0.1 },
        ramping: !steady,
    };
    let facts = Facts {
        id: id.into(),
        summary: format!("{}{}", G::SUMMARY, if pixels { "; 84 x 84 grey pixels" } else { "" }),
        time_limit: Some(G::TIME_LIMIT),
        solved_at: None,
    };
    Some(made(facts, move || Arcade::<G>::new(rules)))
}
