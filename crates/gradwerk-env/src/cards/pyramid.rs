//! `cards/pyramid`: a patience in which pairs of cards that add up to 13 leave a pyramid.
//!
//! 28 cards lie in seven rows, each covered by the two below it; the other 24 are the stock. Two
//! uncovered cards that add up to 13 may be taken away (ace 1, jack 11, queen 12), a king alone.
//! The top card of the waste counts as uncovered. Turning up the next card of the stock puts it on
//! the waste; there is one round only. Each card of the pyramid that leaves is worth 1/28, so that
//! the return is the share of the pyramid that was cleared. The game ends when nothing is left of
//! the pyramid, or nothing can be done.

use crate::picture::{Anchor, Color, Item, Scene};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

const ROWS: usize = 7;
const CARDS: usize = 28;
const RANKS: usize = 13;
const STOCK: usize = 52 - CARDS;
/// The place of the waste's top card, after those of the pyramid.
const WASTE: usize = CARDS;
const PLACES: usize = CARDS + 1;
const PAIRS: usize = PLACES * (PLACES - 1) / 2;
/// Turn up a card; take a pair; take a king.
const ACTIONS: usize = 1 + PAIRS + PLACES;
/// Each place's rank one-hot, which cards of the pyramid are uncovered, what is left of the stock.
const WIDTH: usize = PLACES * RANKS + CARDS + 1;

/// What an action stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Deal,
    /// Two places, the smaller one first.
    Pair(usize, usize),
    Single(usize),
}

impl Move {
    /// Action 0 deals, then come the pairs (0, 1), (0, 2), (1, 2), (0, 3), ..., then the places.
    fn of(action: usize) -> Self {
        match action.checked_sub(1) {
            None => Self::Deal,
            Some(pair) if pair < PAIRS => {
                let larger = (1..PLACES).rfind(|j| j * (j - 1) / 2 <= pair).unwrap_or(1);
                Self::Pair(pair - larger * (larger - 1) / 2, larger)
            }
            Some(single) => Self::Single(single - PAIRS),
        }
    }
}

/// The cards. A rank is 1 to 13; suits do not matter.
///
/// Observation: per place its rank one-hot (nothing if it is empty), 28 times whether a card is
/// uncovered, and the share of the stock that is left. An action that is not valid changes
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pyramid {
    /// Row by row from the top; 0 where a card has left.
    cards: Vec<u8>,
    /// The next card is the last.
    stock: Vec<u8>,
    waste: Vec<u8>,
}

impl Pyramid {
    /// Write which actions are possible, `[436]`.
    pub fn valid_actions(&self, mask: &mut [bool]) {
        let ranks = self.uncovered();
        let goes_with = |a: usize, b: usize| {
            ranks[a] > 0 && ranks[b] > 0 && usize::from(ranks[a] + ranks[b]) == RANKS
        };
        let goes_with = &goes_with;
        let pairs = (1..PLACES).flat_map(move |b| (0..b).map(move |a| goes_with(a, b)));
        let kings = ranks.iter().map(|rank| usize::from(*rank) == RANKS);
        let all = std::iter::once(!self.stock.is_empty()).chain(pairs).chain(kings);
        mask.iter_mut().zip(all).for_each(|(entry, valid)| *entry = valid);
    }

    /// The ranks of the places, 0 where nothing is or something covers it.
    fn uncovered(&self) -> [u8; PLACES] {
        std::array::from_fn(|p| if self.is_uncovered(p) { self.rank(p) } else { 0 })
    }

    fn allows(&self, what: Move) -> bool {
        let open = |place| self.is_uncovered(place).then(|| self.rank(place));
        match what {
            Move::Deal => !self.stock.is_empty(),
            Move::Pair(a, b) => {
                open(a).zip(open(b)).is_some_and(|(a, b)| usize::from(a + b) == RANKS)
            }
            Move::Single(place) => open(place) == Some(RANKS as u8),
        }
    }

    /// The rank at a place, 0 if it is empty.
    fn rank(&self, place: usize) -> u8 {
        if place == WASTE { self.waste.last().copied().unwrap_or(0) } else { self.cards[place] }
    }

    /// Whether there is a card that nothing covers.
    fn is_uncovered(&self, place: usize) -> bool {
        let covers = |row: usize| [place + row + 1, place + row + 2];
        let free = |place: usize| self.cards[place] == 0;
        match row(place) {
            _ if self.rank(place) == 0 => false,
            Some(row) if row + 1 < ROWS => covers(row).into_iter().all(free),
            _ => true,
        }
    }

    /// Take a card away; how many of the pyramid that are.
    fn take(&mut self, place: usize) -> u32 {
        if place == WASTE {
            self.waste.pop();
            return 0;
        }
        self.cards[place] = 0;
        1
    }

    fn carry_out(&mut self, what: Move) -> u32 {
        match what {
            Move::Deal => {
                self.waste.extend(self.stock.pop());
                0
            }
            Move::Pair(a, b) => self.take(a) + self.take(b),
            Move::Single(place) => self.take(place),
        }
    }

    fn is_over(&self) -> bool {
        let cleared = self.cards.iter().all(|rank| *rank == 0);
        let there = self.uncovered().iter().fold(0u16, |there, rank| there | 1 << rank);
        let has = |rank: usize| there >> rank & 1 == 1;
        // A pair is a low rank and the high one that makes it 13.
        let pair = (1..=RANKS / 2).any(|low| has(low) && has(RANKS - low));
        cleared || !(pair || has(RANKS) || !self.stock.is_empty())
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        let ranks = (0..PLACES).filter(|place| self.rank(*place) > 0);
        ranks.for_each(|p| obs[p * RANKS + usize::from(self.rank(p)) - 1] = 1.0);
        let open = (0..CARDS).filter(|place| self.is_uncovered(*place));
        open.for_each(|place| obs[PLACES * RANKS + place] = 1.0);
        obs[WIDTH - 1] = self.stock.len() as f32 / STOCK as f32;
    }

    fn is_valid(&self) -> bool {
        let mut counts = [0; RANKS + 1];
        for rank in [&self.cards, &self.stock, &self.waste].into_iter().flatten() {
            match counts.get_mut(usize::from(*rank)) {
                Some(count) => *count += 1,
                None => return false,
            }
        }
        let fits = self.cards.len() == CARDS && self.stock.len() + self.waste.len() <= STOCK;
        fits && counts[1..].iter().all(|count| *count <= 4)
    }
}

/// The row of a place in the pyramid.
fn row(place: usize) -> Option<usize> {
    (0..ROWS).find(|row| place < (row + 1) * (row + 2) / 2)
}

impl BuiltIn for Pyramid {
    const SPEC: EnvSpec = EnvSpec {
        id: "cards/pyramid",
        summary: "a patience with 436 actions, few of them valid; the return is the share cleared",
        time_limit: Some(200),
        solved_at: None,
    };
    fn new() -> Self {
        Self { cards: vec![0; CARDS], ..Self::default() }
    }
}

impl Env for Pyramid {
    fn observation_space(&self) -> Space {
        Space::uniform_box(WIDTH, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: ACTIONS }
    }

    fn action_mask(&self, mask: &mut [bool]) -> bool {
        self.valid_actions(mask);
        true
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        let mut deck: Vec<u8> = (0..52).map(|card| card % RANKS as u8 + 1).collect();
        for k in (1..deck.len()).rev() {
            deck.swap(k, rng.below(k as u32 + 1) as usize);
        }
        self.stock = deck.split_off(CARDS);
        self.cards = deck;
        self.waste.clear();
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let what = Move::of(action.discrete[0] as usize);
        let left = if self.allows(what) { self.carry_out(what) } else { 0 };
        self.observe(obs);
        let end = if self.is_over() { End::Terminated } else { End::Continue };
        Step { reward: f64::from(left) / CARDS as f64, end }
    }

    fn render(&self) -> Option<Scene> {
        let mut scene = Scene::new(300.0, 300.0, Color(0, 90, 66));
        for place in 0..PLACES {
            let at = match row(place) {
                Some(row) => {
                    let first = row * (row + 1) / 2;
                    let middle = (place - first) as f64 - row as f64 / 2.0;
                    (150.0 + 40.0 * middle, 28.0 + 30.0 * row as f64)
                }
                None => (150.0, 268.0),
            };
            paint(&mut scene, self.rank(place), at, self.is_uncovered(place));
        }
        let text = format!("{} left", self.stock.len());
        let (at, anchor, color) = ((20.0, 274.0), Anchor::Start, Color(255, 255, 255));
        scene.items.push(Item::Text { at, text, size: 14.0, anchor, color, upwards: false });
        Some(scene)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode_json(self))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        *self = snapshot::decode_json(snapshot, Self::is_valid)?;
        Ok(())
    }
}

/// Paint a card around a point; covered ones are darker.
fn paint(scene: &mut Scene, rank: u8, (x, y): (f64, f64), open: bool) {
    if rank == 0 {
        return;
    }
    let face = if open { Color(255, 255, 255) } else { Color(170, 176, 172) };
    scene.block((x - 17.0, y - 20.0), (34.0, 46.0), Color(40, 44, 42));
    scene.block((x - 16.0, y - 19.0), (32.0, 44.0), face);
    let text = match rank {
        1 => "A".into(),
        11 => "J".into(),
        12 => "Q".into(),
        13 => "K".into(),
        pips => pips.to_string(),
    };
    let (at, color) = ((x, y - 4.0), Color(34, 34, 34));
    scene.items.push(Item::Text {
        at,
        text,
        size: 14.0,
        anchor: Anchor::Middle,
        color,
        upwards: false,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    /// A pyramid whose last row is given and whose other cards are all twos.
    fn with(last: [u8; 7]) -> Pyramid {
        let mut cards = vec![2; CARDS];
        cards[21..].copy_from_slice(&last);
        Pyramid { cards, stock: vec![5, 9], waste: vec![] }
    }

    fn valid(game: &Pyramid) -> Vec<Move> {
        let mut mask = vec![false; ACTIONS];
        game.valid_actions(&mut mask);
        let possible = |a: &usize| game.allows(Move::of(*a));
        assert_eq!(mask, (0..ACTIONS).map(|a| possible(&a)).collect::<Vec<_>>());
        (0..ACTIONS).filter(possible).map(Move::of).collect()
    }

    #[test]
    fn every_action_is_a_different_move() {
        assert_eq!((ACTIONS, Move::of(0), Move::of(1)), (436, Move::Deal, Move::Pair(0, 1)));
        assert_eq!((Move::of(2), Move::of(3)), (Move::Pair(0, 2), Move::Pair(1, 2)));
        assert_eq!(Move::of(406), Move::Pair(27, 28));
        assert_eq!((Move::of(407), Move::of(435)), (Move::Single(0), Move::Single(WASTE)));
    }

    /// In the last row 6 + 7 and a king can go; the twos above are covered, though 2 + 11 is 13.
    /// With the first two cards gone, the two that they covered (place 15) goes with the jack.
    #[test]
    fn uncovered_pairs_of_thirteen_and_kings_may_go() {
        let mut game = with([6, 7, 11, 13, 3, 3, 3]);
        assert_eq!(valid(&game), [Move::Deal, Move::Pair(21, 22), Move::Single(24)]);
        assert_eq!(game.carry_out(Move::Pair(21, 22)), 2);
        assert_eq!(valid(&game), [Move::Deal, Move::Pair(15, 23), Move::Single(24)]);
    }

    /// The stock is turned up from its end: 9 and then 5. Neither goes with a 4 that is covered;
    /// 9 goes with an uncovered 4, and only one card of the pyramid leaves.
    #[test]
    fn the_waste_takes_part() {
        let mut game = with([4, 3, 3, 3, 3, 3, 3]);
        assert_eq!(valid(&game), [Move::Deal]);
        game.carry_out(Move::Deal);
        assert_eq!(valid(&game), [Move::Deal, Move::Pair(21, WASTE)]);
        assert_eq!(game.carry_out(Move::Pair(21, WASTE)), 1);
        assert_eq!((game.waste.len(), valid(&game)), (0, vec![Move::Deal]));
        game.carry_out(Move::Deal);
        assert!(game.is_over(), "5 is up, no 8 is there, and the stock is empty");
    }

    #[test]
    fn a_move_that_is_not_valid_changes_nothing() {
        let (mut game, rng) =
            (with([6, 7, 1, 1, 1, 1, 1]), &mut Stream::new(0, Purpose::Test, 0, 0));
        let before = game.clone();
        let step = game.step(Action { discrete: &[1], continuous: &[] }, rng, &mut [0.0; WIDTH]);
        assert_eq!((step, game), (Step { reward: 0.0, end: End::Continue }, before));
    }

    #[test]
    fn a_pack_has_four_of_each_rank() {
        let mut game = Pyramid::new();
        game.reset(&mut Stream::new(3, Purpose::Test, 0, 0), &mut [0.0; WIDTH]);
        let mut all = [game.cards.clone(), game.stock.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (1..=13).flat_map(|rank| [rank; 4]).collect::<Vec<u8>>());
        assert!(game.is_valid());
    }
}
