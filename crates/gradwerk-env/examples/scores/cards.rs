//! A rule for the patience: take what can be taken, from the pyramid first; otherwise deal.

use super::Rule;

const PLACES: usize = 29;
const RANKS: usize = 13;
const WASTE: usize = 28;

pub fn rule(id: &str) -> Option<Rule> {
    (id == "cards/pyramid").then(|| -> Rule { Box::new(|obs, _| (vec![act(obs)], vec![])) })
}

/// The rank of an uncovered card, 0 for any other place.
fn rank(obs: &[f32], place: usize) -> usize {
    let open = place == WASTE || obs[PLACES * RANKS + place] == 1.0;
    let ranks = &obs[place * RANKS..(place + 1) * RANKS];
    ranks.iter().position(|x| open && *x == 1.0).map_or(0, |k| k + 1)
}

fn act(obs: &[f32]) -> u32 {
    let ranks: Vec<usize> = (0..PLACES).map(|place| rank(obs, place)).collect();
    if let Some(king) = ranks.iter().position(|rank| *rank == RANKS) {
        return (1 + PLACES * (PLACES - 1) / 2 + king) as u32;
    }
    // Pairs of the pyramid come before those with the waste, which have the highest numbers.
    let pairs = (1..PLACES).flat_map(|b| (0..b).map(move |a| (a, b)));
    let fits =
        |(a, b): (usize, usize)| ranks[a] > 0 && ranks[b] > 0 && ranks[a] + ranks[b] == RANKS;
    pairs.enumerate().find(|(_, pair)| fits(*pair)).map_or(0, |(k, _)| k as u32 + 1)
}
