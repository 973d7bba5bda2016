//! A rule for the grids: walk to what is needed next if it is in sight, otherwise wander.

use super::Rule;
use gradwerk_math::{Purpose, Stream};

const VIEW: usize = 7;
/// The walker's own cell, row and column.
const OWN: (usize, usize) = (6, 3);

struct Window<'a>(&'a [f32]);

impl Window<'_> {
    fn has(&self, channel: usize, (row, column): (usize, usize)) -> bool {
        self.0[(channel * VIEW + row) * VIEW + column] > 0.0
    }

    fn find(&self, channel: usize) -> Option<(usize, usize)> {
        let mut cells = (0..VIEW).flat_map(|row| (0..VIEW).map(move |column| (row, column)));
        cells.find(|cell| self.has(channel, *cell))
    }

    /// Walls, locked doors and keys block the way.
    fn is_blocked(&self, cell: (usize, usize)) -> bool {
        [0, 1, 3].into_iter().any(|channel| self.has(channel, cell))
    }

    /// The first cell of a shortest way from the walker to `goal`, which may itself block.
    fn way(&self, goal: (usize, usize)) -> Option<(usize, usize)> {
        // Backwards from the goal: the first cell that touches the walker is next.
        let mut reached = vec![goal];
        let mut next = 0;
        while next < reached.len() {
            let cell = reached[next];
            for near in neighbours(cell) {
                if near == OWN {
                    return Some(cell);
                }
                if !self.is_blocked(near) && !reached.contains(&near) {
                    reached.push(near);
                }
            }
            next += 1;
        }
        None
    }
}

fn neighbours((row, column): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let steps = [(-1, 0), (1, 0), (0, -1), (0, 1)];
    steps.into_iter().filter_map(move |(dr, dc)| {
        let (r, c) = (row.checked_add_signed(dr)?, column.checked_add_signed(dc)?);
        (r < VIEW && c < VIEW).then_some((r, c))
    })
}

pub fn rule(id: &str) -> Option<Rule> {
    let known = id.starts_with("grid/");
    let mut rng = Stream::new(2, Purpose::Test, 0, 0);
    known.then(|| -> Rule { Box::new(move |obs, _| (vec![act(&Window(obs), &mut rng)], vec![])) })
}

fn act(window: &Window<'_>, rng: &mut Stream) -> u32 {
    let has_key = window.has(5, OWN);
    let wanted = window.find(4).filter(|goal| window.way(*goal).is_some());
    let wanted = wanted.or_else(|| window.find(if has_key { 1 } else { 3 }));
    let ahead = (OWN.0 - 1, OWN.1);
    match wanted.and_then(|goal| window.way(goal)) {
        Some(cell) if cell == ahead && window.has(3, cell) => 3,
        Some(cell) if cell == ahead && window.has(1, cell) => 4,
        Some(cell) if cell == ahead => 2,
        Some(cell) => u32::from(cell.1 > OWN.1),
        None if window.is_blocked(ahead) => rng.below(2),
        None if rng.below(6) == 0 => rng.below(2),
        None => 2,
    }
}
