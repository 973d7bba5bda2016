//! `games/crossing`: cross a road of eight lanes as often as possible.
//!
//! The player starts at the bottom and walks up or down one cell a step. In each lane between the
//! first row and the last, cars drive round and round, one cell every one to four steps. A car
//! that meets the player throws it back to the start. At the top there is a point, the player
//! starts again, and the traffic is drawn anew. Every fifth crossing brings one more car into
//! each lane (three at most) if the game ramps up. Only the time limit ends a game.

use super::{Channel, Game, Outcome, SIDE, SIZE};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

const PLAYER: usize = 0;
const CAR: usize = 1;
const TRAIL: usize = 2;
const MOVING: usize = 3;
/// Of the cars that move every second step; those of every third and fourth follow.
const EVERY_SECOND: usize = 4;
/// Column of the player.
const COLUMN: i8 = 4;
const START: i8 = SIDE - 1;
const LANES: usize = SIZE - 2;
const SLOWEST: u8 = 4;

/// The cars of one lane, which all drive alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lane {
    /// Column of the first car; the others follow at equal distances.
    x: i8,
    /// -1 to the left, 1 to the right.
    heading: i8,
    /// Steps per cell.
    period: u8,
    /// Steps until the next move, at least 1.
    wait: u8,
}

/// The player and the traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    y: i8,
    /// Lane `k` is row `k + 1`.
    lanes: [Lane; LANES],
    /// Cars per lane.
    cars: u8,
    crossings: u32,
}

impl Crossing {
    fn draw_traffic(&mut self, ramping: bool, rng: &mut Stream) {
        let more = if ramping { (self.crossings / 5).min(2) as u8 } else { 0 };
        self.cars = 1 + more;
        self.lanes = std::array::from_fn(|_| {
            let heading = if rng.below(2) == 0 { -1 } else { 1 };
            let period = 1 + rng.below(u32::from(SLOWEST)) as u8;
            let wait = 1 + rng.below(u32::from(period)) as u8;
            Lane { x: rng.below(10) as i8, heading, period, wait }
        });
    }

    /// The columns of a lane's cars.
    fn columns(&self, lane: Lane) -> impl Iterator<Item = i8> {
        let (cars, apart) = (self.cars as i8, SIDE / self.cars.max(1) as i8);
        (0..cars).map(move |k| (lane.x + k * apart) % SIDE)
    }

    fn is_hit(&self) -> bool {
        let lane = usize::try_from(self.y - 1).ok().and_then(|k| self.lanes.get(k));
        lane.is_some_and(|lane| self.columns(*lane).any(|x| x == COLUMN))
    }

    fn drive(&mut self) {
        for lane in &mut self.lanes {
            lane.wait -= 1;
            if lane.wait == 0 {
                lane.wait = lane.period;
                lane.x = (lane.x + lane.heading).rem_euclid(SIDE);
            }
        }
    }
}

impl Game for Crossing {
    const NAME: &'static str = "crossing";
    const SUMMARY: &'static str = "cross a road between cars; 1 point per crossing";
    const TIME_LIMIT: u32 = 500;
    const ACTIONS: &'static [&'static str] = &["stay", "up", "down"];
    const CHANNELS: &'static [Channel] = &[
        Channel::block(86, 180, 233),
        Channel::block(213, 94, 0),
        Channel::disc(60, 64, 80),
        Channel::HINT,
        Channel::HINT,
        Channel::HINT,
        Channel::HINT,
    ];

    fn start(&mut self, rng: &mut Stream) {
        *self = Self { y: START, ..Self::default() };
        self.draw_traffic(false, rng);
    }

    fn step(&mut self, action: u32, ramping: bool, rng: &mut Stream) -> Outcome {
        self.y = (self.y + [0, -1, 1][action as usize]).clamp(0, START);
        let walked_into = self.is_hit();
        self.drive();
        if walked_into || self.is_hit() {
            self.y = START;
        }
        if self.y > 0 {
            return Outcome::default();
        }
        self.y = START;
        self.crossings = self.crossings.saturating_add(1);
        self.draw_traffic(ramping, rng);
        Outcome { points: 1, over: false }
    }

    fn draw(&self, mut put: impl FnMut(usize, i8, i8)) {
        for (lane, y) in self.lanes.iter().zip(1..) {
            for x in self.columns(*lane) {
                put(TRAIL, (x - lane.heading).rem_euclid(SIDE), y);
                put(CAR, x, y);
                if lane.wait == 1 {
                    put(MOVING, x, y);
                }
                if lane.period > 1 {
                    put(EVERY_SECOND + usize::from(lane.period) - 2, x, y);
                }
            }
        }
        put(PLAYER, COLUMN, self.y);
    }

    fn is_valid(&self) -> bool {
        let fits = |l: &Lane| {
            (0..SIDE).contains(&l.x)
                && (l.heading == 1 || l.heading == -1)
                && (1..=SLOWEST).contains(&l.period)
                && (1..=l.period).contains(&l.wait)
        };
        (0..SIDE).contains(&self.y) && (1..=3).contains(&self.cars) && self.lanes.iter().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    /// All lanes empty of danger but row 8, whose car is given.
    fn with(car: Lane) -> Crossing {
        let far = Lane { x: 0, heading: 1, period: 4, wait: 4 };
        let mut lanes = [far; LANES];
        lanes[7] = car;
        Crossing { y: START, lanes, cars: 1, crossings: 0 }
    }

    fn step(game: &mut Crossing, action: u32) -> Outcome {
        game.step(action, true, &mut Stream::new(0, Purpose::Test, 0, 0))
    }

    /// The player enters row 8 in column 4. A car that arrives there in the same step, or stands
    /// there, throws it back; one that waits a step longer does not, until it moves.
    #[test]
    fn cars_throw_the_player_back() {
        let car = Lane { x: 3, heading: 1, period: 2, wait: 1 };
        let mut game = with(car);
        step(&mut game, 1);
        assert_eq!((game.y, game.lanes[7].x, game.lanes[7].wait), (9, 4, 2));
        let mut late = with(Lane { wait: 2, ..car });
        step(&mut late, 1);
        assert_eq!(late.y, 8);
        step(&mut late, 0);
        assert_eq!(late.y, 9);
        let mut standing = with(Lane { x: 4, ..car });
        step(&mut standing, 1);
        assert_eq!(standing.y, 9, "walked into it before it left");
    }

    /// Nine steps up are a crossing: the cars of far lanes start at column 0 and move to 1 and 2
    /// in that time, never to 4.
    #[test]
    fn the_top_is_a_point_and_a_new_start() {
        let mut game = with(Lane { x: 9, heading: -1, period: 4, wait: 4 });
        let points: Vec<u32> = (0..9).map(|_| step(&mut game, 1).points).collect();
        assert_eq!(points, [0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((game.y, game.crossings), (START, 1));
    }

    #[test]
    fn cars_drive_round_and_stand_apart() {
        let mut game = with(Lane { x: 9, heading: 1, period: 1, wait: 1 });
        step(&mut game, 0);
        assert_eq!(game.lanes[7].x, 0);
        game.cars = 3;
        // 10 / 3 = 3 cells apart
        assert_eq!(game.columns(Lane { x: 8, ..game.lanes[7] }).collect::<Vec<_>>(), [8, 1, 4]);
    }

    /// The fifth crossing brings a second car, unless the game is steady.
    #[test]
    fn traffic_grows() {
        for (ramping, cars) in [(true, 2), (false, 1)] {
            let mut game = with(Lane { x: 0, heading: 1, period: 4, wait: 4 });
            (game.y, game.crossings) = (1, 4);
            let outcome = game.step(1, ramping, &mut Stream::new(0, Purpose::Test, 0, 0));
            assert_eq!((outcome.points, game.cars), (1, cars));
        }
    }
}
