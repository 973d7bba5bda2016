//! Blackjack-v1 (Sutton and Barto, Example 5.1), as a table.
//!
//! Actions: 0 stick, 1 hit. The observation is Gymnasium's tuple (sum 0..32, dealer's card
//! 0..11, usable ace 0..2) as one index, (sum * 11 + dealer) * 2 + ace. A natural (an ace and a
//! ten dealt first) looks like any other 21 and is paid differently, so that it is a state of its
//! own, 704 + dealer, which shows the observation of (21, dealer, 1). The dealer's hidden card and
//! further ones are drawn from an infinite deck and seen by nobody before the end: they are
//! summed out.

use crate::finite::{Mdp, MdpFactory, Observation};

const OBSERVATIONS: usize = 32 * 11 * 2;
/// Probability of each card value 1 to 10 (jack, queen and king count 10).
const CARDS: [f64; 10] = {
    let mut p = [1.0 / 13.0; 10];
    p[9] = 4.0 / 13.0;
    p
};

/// `Blackjack-v1` with Gymnasium's defaults, the rules of Sutton and Barto.
pub static BLACKJACK: MdpFactory = MdpFactory::new(
    "Blackjack-v1",
    "hit or stick against a dealer; 704 observations, 2 actions, reward -1, 0 or 1 at the end",
    || blackjack(Natural::Wins),
);

/// What a natural of the player is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Natural {
    /// It beats everything but the dealer's natural (`sab=True`, the default of Blackjack-v1).
    Wins,
    /// It is a 21 like any other (`sab=False, natural=False`).
    Counts21,
    /// It is a 21 like any other, and pays 1.5 where that wins (`sab=False, natural=True`).
    Pays1_5,
}

/// A hand as far as the game goes: its sum with aces as 1, and whether there is an ace.
#[derive(Clone, Copy)]
struct Hand {
    hard: usize,
    ace: bool,
}

impl Hand {
    fn with(self, card: usize) -> Self {
        Self { hard: self.hard + card, ace: self.ace || card == 1 }
    }

    /// Whether an ace counts 11.
    fn usable_ace(self) -> bool {
        self.ace && self.hard + 10 <= 21
    }

    fn sum(self) -> usize {
        self.hard + 10 * usize::from(self.usable_ace())
    }
}

/// The table under the given rule for naturals.
#[must_use]
pub fn blackjack(natural: Natural) -> Mdp {
    let mut mdp = Mdp::new("Blackjack-v1", OBSERVATIONS + 11, 2);
    mdp.allow_unreachable = true; // sums below 4 and the like
    mdp.start.fill(0.0);
    for dealer in 1..=10 {
        deal(&mut mdp, dealer);
        let finals = dealer_finals(dealer);
        for sum in 4..=21 {
            for ace in [false, true].into_iter().filter(|ace| !ace || sum >= 12) {
                let hand = if ace { Hand { hard: sum - 10, ace } } else { Hand { hard: sum, ace } };
                let state = index(sum, dealer, ace);
                stick(&mut mdp, state, payoffs(sum, &finals, None));
                hit(&mut mdp, state, hand, dealer);
            }
        }
        let state = OBSERVATIONS + dealer;
        stick(&mut mdp, state, payoffs(21, &finals, Some(natural)));
        hit(&mut mdp, state, Hand { hard: 11, ace: true }, dealer);
    }
    let of = (0..mdp.states).map(|s| if s < OBSERVATIONS { s } else { of_natural(s) }).collect();
    mdp.observation = Observation::Aggregated { observations: OBSERVATIONS, of };
    mdp
}

fn index(sum: usize, dealer: usize, usable_ace: bool) -> usize {
    (sum * 11 + dealer) * 2 + usize::from(usable_ace)
}

fn of_natural(state: usize) -> usize {
    index(21, state - OBSERVATIONS, true)
}

/// Two cards for the player while the dealer shows `dealer`.
fn deal(mdp: &mut Mdp, dealer: usize) {
    for first in 1..=10 {
        for second in 1..=10 {
            let hand = Hand { hard: 0, ace: false }.with(first).with(second);
            let state = match hand.sum() {
                21 => OBSERVATIONS + dealer,
                sum => index(sum, dealer, hand.usable_ace()),
            };
            mdp.start[state] += CARDS[dealer - 1] * CARDS[first - 1] * CARDS[second - 1];
        }
    }
}

fn hit(mdp: &mut Mdp, state: usize, hand: Hand, dealer: usize) {
    for card in 1..=10 {
        let hand = hand.with(card);
        let next = index(hand.sum(), dealer, hand.usable_ace());
        match hand.sum() > 21 {
            true => mdp.ends((state, 1), CARDS[card - 1], next, -1.0),
            false => mdp.goes((state, 1), CARDS[card - 1], next, 0.0),
        }
    }
}

fn stick(mdp: &mut Mdp, state: usize, payoffs: Vec<(f64, f64)>) {
    let possible = payoffs.into_iter().filter(|(p, _)| *p > 0.0);
    possible.for_each(|(p, reward)| mdp.ends((state, 0), p, state, reward));
}

/// How the dealer ends: `[0]` bust, `[17..=21]` the sum, `[22]` a natural.
type Finals = [f64; 23];

fn dealer_finals(card: usize) -> Finals {
    let mut finals = [0.0; 23];
    for hidden in 1..=10 {
        let hand = Hand { hard: card, ace: card == 1 }.with(hidden);
        match hand.sum() {
            21 => finals[22] += CARDS[hidden - 1], // two cards: a natural
            _ => draw_to_17(hand, CARDS[hidden - 1], &mut finals),
        }
    }
    finals
}

/// The dealer draws below 17 and sticks from there on.
fn draw_to_17(hand: Hand, p: f64, finals: &mut Finals) {
    match hand.sum() {
        22.. => finals[0] += p,
        sum @ 17.. => finals[sum] += p,
        _ => (1..=10).for_each(|card| draw_to_17(hand.with(card), p * CARDS[card - 1], finals)),
    }
}

/// `(probability, reward)` of losing, drawing and winning with `sum`; `natural` is the rule that
/// applies if the hand is one.
fn payoffs(sum: usize, finals: &Finals, natural: Option<Natural>) -> Vec<(f64, f64)> {
    let (mut lose, mut draw, mut win) = (0.0, 0.0, 0.0);
    for (end, &p) in finals.iter().enumerate() {
        let dealer = end.min(21);
        if natural == Some(Natural::Wins) && end != 22 {
            win += p;
        } else {
            match dealer.cmp(&sum) {
                std::cmp::Ordering::Less => win += p,
                std::cmp::Ordering::Equal => draw += p,
                std::cmp::Ordering::Greater => lose += p,
            }
        }
    }
    let pay = if natural == Some(Natural::Pays1_5) { 1.5 } else { 1.0 };
    vec![(lose, -1.0), (draw, 0.0), (win, pay)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payoff(mdp: &Mdp, state: usize) -> Vec<(f64, f64)> {
        mdp.row(state, 0).iter().map(|t| (t.reward, t.probability)).collect()
    }

    #[test]
    fn rules_differ_in_naturals_only() {
        let [wins, counts, pays] =
            [Natural::Wins, Natural::Counts21, Natural::Pays1_5].map(blackjack);
        assert_eq!(wins.transitions[..2 * OBSERVATIONS], counts.transitions[..2 * OBSERVATIONS]);
        // Against a nine the dealer has no natural: a natural always wins under `Wins`.
        let nine = payoff(&wins, OBSERVATIONS + 9);
        assert_eq!(nine.len(), 1);
        assert!(nine[0].0 == 1.0 && (nine[0].1 - 1.0).abs() < 1e-15);
        // Against an ace it draws where the hidden card is a ten: 4/13.
        let ace = payoff(&wins, OBSERVATIONS + 1);
        assert_eq!(ace[0].0, 0.0);
        assert!((ace[0].1 - 4.0 / 13.0).abs() < 1e-15);
        // As a mere 21 it also draws against a 21 of more cards.
        assert!(payoff(&counts, OBSERVATIONS + 9)[0].1 > 0.0);
        assert_eq!(payoff(&pays, OBSERVATIONS + 9)[1].0, 1.5);
    }

    #[test]
    fn a_dealer_who_shows_a_six_goes_bust_most() {
        let bust: Vec<f64> = (1..=10).map(|card| dealer_finals(card)[0]).collect();
        assert!((2..10).all(|k| k == 5 || bust[k] < bust[5]));
        // Published for a dealer who stands on every 17, infinite deck: 42.3 % with a six.
        assert!((bust[5] - 0.423).abs() < 5e-4, "{}", bust[5]);
    }
}
