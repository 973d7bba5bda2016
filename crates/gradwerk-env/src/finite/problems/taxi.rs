//! Taxi-v4: fetch a passenger and bring them to their destination (Dietterich 2000).
//!
//! Five rows of five with walls; four places R, G, Y, B. Actions: 0 south, 1 north, 2 east,
//! 3 west, 4 pick up, 5 drop off. The state is ((row * 5 + column) * 5 + passenger) * 4 +
//! destination, where passenger 4 sits in the taxi. Reward -1 per step, -10 for picking up or
//! dropping off where that is not possible, 20 for delivering the passenger, which ends the
//! episode.

use crate::finite::{Mdp, MdpFactory};

/// (row, column) of R, G, Y and B.
const PLACES: [(usize, usize); 4] = [(0, 0), (0, 4), (4, 0), (4, 3)];
const IN_TAXI: usize = 4;
/// (row, column) of the cells with a wall on their eastern side.
const WALLS: [(usize, usize); 6] = [(0, 1), (1, 1), (3, 0), (3, 2), (4, 0), (4, 2)];

/// `Taxi-v4`: solved at a mean return of 8.
pub static TAXI: MdpFactory = MdpFactory::new(
    "Taxi-v4",
    "fetch and deliver a passenger; 500 states, 6 actions, -1 per step, -10 for mistakes, 20 at the end",
    taxi,
)
.solved_at(8.0);

/// Where everybody is.
#[derive(Clone, Copy)]
struct Scene {
    row: usize,
    column: usize,
    passenger: usize,
    destination: usize,
}

impl Scene {
    fn of(state: usize) -> Self {
        let (cell, rest) = (state / 20, state % 20);
        let (row, column) = (cell / 5, cell % 5);
        Self { row, column, passenger: rest / 4, destination: rest % 4 }
    }

    fn index(self) -> usize {
        ((self.row * 5 + self.column) * 5 + self.passenger) * 4 + self.destination
    }

    /// The place the taxi stands at.
    fn place(self) -> Option<usize> {
        PLACES.iter().position(|&place| place == (self.row, self.column))
    }

    fn wall_east_of(row: usize, column: usize) -> bool {
        column == 4 || WALLS.contains(&(row, column))
    }

    fn driven(self, direction: usize) -> Self {
        let Self { row, column, .. } = self;
        match direction {
            0 => Self { row: (row + 1).min(4), ..self },
            1 => Self { row: row.saturating_sub(1), ..self },
            2 if !Self::wall_east_of(row, column) => Self { column: column + 1, ..self },
            3 if column > 0 && !Self::wall_east_of(row, column - 1) => {
                Self { column: column - 1, ..self }
            }
            _ => self,
        }
    }

    fn picked_up(self) -> (Self, f64) {
        match self.place() {
            Some(place) if place == self.passenger => (Self { passenger: IN_TAXI, ..self }, -1.0),
            _ => (self, -10.0),
        }
    }

    /// What follows, the reward, and whether that was the destination.
    fn dropped_off(self) -> (Self, f64, bool) {
        match self.place() {
            Some(place) if self.passenger == IN_TAXI => {
                let arrived = place == self.destination;
                (Self { passenger: place, ..self }, if arrived { 20.0 } else { -1.0 }, arrived)
            }
            _ => (self, -10.0, false),
        }
    }
}

fn taxi() -> Mdp {
    let mut mdp = Mdp::new("Taxi-v4", 500, 6);
    mdp.horizon = Some(200);
    mdp.allow_unreachable = true; // a passenger at the destination, except after a delivery
    for state in 0..500 {
        let scene = Scene::of(state);
        let waits = scene.passenger < IN_TAXI && scene.passenger != scene.destination;
        // 25 cells, 4 places, 3 other destinations.
        mdp.start[state] = f64::from(u8::from(waits)) / 300.0;
        for action in 0..6 {
            let (next, reward, delivered) = match action {
                4 => {
                    let (next, reward) = scene.picked_up();
                    (next, reward, false)
                }
                5 => scene.dropped_off(),
                direction => (scene.driven(direction), -1.0, false),
            };
            match delivered {
                true => mdp.ends((state, action), 1.0, next.index(), reward),
                false => mdp.goes((state, action), 1.0, next.index(), reward),
            }
        }
    }
    mdp
}
