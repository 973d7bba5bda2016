//! `games/shooter`: shoot marching aliens before they land.
//!
//! Four rows of six aliens march sideways, and down by a row when they reach a side. The cannon at
//! the bottom walks or fires; two of its shots may be in the air. Shots rise and bombs fall by a
//! cell a step. An alien that is hit is a point. A bomb on the cannon, or an alien in the
//! cannon's row, ends the game. When all are gone the next wave comes, which marches faster and
//! drops more bombs if the game ramps up.

use super::{Channel, Game, Outcome, SIDE, SIZE, draw_rows, has, rows_fit};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

const CANNON: usize = 0;
const ALIEN: usize = 1;
const LEFTWARD: usize = 2;
const RIGHTWARD: usize = 3;
const MARCHING: usize = 4;
const SHOT: usize = 5;
const BOMB: usize = 6;
/// Row of the cannon.
const GROUND: usize = SIZE - 1;
const WAVE: u16 = 0b00_1111_1100;
const WAVE_ROWS: usize = 4;
const SLOWEST: u8 = 6;
const MOST_SHOTS: u32 = 2;
const MOST_BOMBS: u32 = 3;

/// Cannon, aliens and what flies between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shooter {
    cannon: i8,
    aliens: [u16; SIZE],
    /// -1 to the left, 1 to the right.
    heading: i8,
    /// Steps until the aliens move, at least 1.
    wait: u8,
    shots: [u16; SIZE],
    bombs: [u16; SIZE],
    /// Waves that were shot down.
    waves: u32,
}

fn count(rows: &[u16; SIZE]) -> u32 {
    rows.iter().map(|row| row.count_ones()).sum()
}

impl Shooter {
    fn level(&self, ramping: bool) -> u32 {
        if ramping { self.waves.min(4) } else { 0 }
    }

    fn period(&self, ramping: bool) -> u8 {
        SLOWEST - self.level(ramping) as u8
    }

    fn muster(&mut self, ramping: bool) {
        self.aliens = std::array::from_fn(|y| if y < WAVE_ROWS { WAVE } else { 0 });
        self.heading = 1;
        self.wait = self.period(ramping);
    }

    /// Remove aliens and shots in the same cells; returns how many aliens.
    fn hit(&mut self) -> u32 {
        let pairs = self.aliens.iter_mut().zip(&mut self.shots);
        pairs.fold(0, |hits, (aliens, shots)| {
            let both = *aliens & *shots;
            *aliens ^= both;
            *shots ^= both;
            hits + both.count_ones()
        })
    }

    fn act(&mut self, action: u32) {
        match action {
            1 | 2 => self.cannon = (self.cannon + [0, -1, 1][action as usize]).clamp(0, SIDE - 1),
            3 if count(&self.shots) < MOST_SHOTS => self.shots[GROUND - 1] |= 1 << self.cannon,
            _ => {}
        }
    }

    /// Sideways, or down where the side is reached.
    fn march(&mut self, ramping: bool) {
        self.wait -= 1;
        if self.wait > 0 {
            return;
        }
        self.wait = self.period(ramping);
        let edge = if self.heading > 0 { SIDE - 1 } else { 0 };
        if self.aliens.iter().any(|row| has(*row, edge)) {
            self.heading = -self.heading;
            self.aliens.rotate_right(1); // The last row is empty, or the game would be over.
        } else {
            let heading = self.heading;
            self.aliens = self.aliens.map(|row| if heading > 0 { row << 1 } else { row >> 1 });
        }
    }

    /// Bombs fall; whether one reaches the cannon. Others that reach its row are gone.
    fn fall(&mut self) -> bool {
        self.bombs.rotate_right(1);
        self.bombs[0] = 0;
        let landed = std::mem::take(&mut self.bombs[GROUND]);
        has(landed, self.cannon)
    }

    /// Now and then the lowest alien of some column drops a bomb.
    fn drop_bomb(&mut self, level: u32, rng: &mut Stream) {
        if rng.below(20) >= 2 + level || count(&self.bombs) >= MOST_BOMBS {
            return;
        }
        let columns = self.aliens.iter().fold(0, |all, row| all | row);
        if columns == 0 {
            return;
        }
        let chosen = rng.below(columns.count_ones()) as usize;
        let x = (0..SIDE).filter(|x| has(columns, *x)).nth(chosen).expect("one of the columns");
        let lowest = (0..SIZE).rfind(|y| has(self.aliens[*y], x)).expect("an alien in the column");
        if lowest + 1 < GROUND {
            self.bombs[lowest + 1] |= 1 << x;
        }
    }
}

impl Game for Shooter {
    const NAME: &'static str = "shooter";
    const SUMMARY: &'static str = "shoot marching aliens; 1 point each, over when hit or invaded";
    const TIME_LIMIT: u32 = 1000;
    const ACTIONS: &'static [&'static str] = &["stay", "left", "right", "fire"];
    const CHANNELS: &'static [Channel] = &[
        Channel::block(86, 180, 233),
        Channel::block(0, 158, 115),
        Channel::HINT,
        Channel::HINT,
        Channel::HINT,
        Channel::disc(255, 255, 255),
        Channel::disc(213, 94, 0),
    ];

    fn start(&mut self, _rng: &mut Stream) {
        *self = Self { cannon: 4, ..Self::default() };
        self.muster(false);
    }

    fn step(&mut self, action: u32, ramping: bool, rng: &mut Stream) -> Outcome {
        self.shots.rotate_left(1);
        self.shots[GROUND] = 0; // What was in the first row has left.
        let mut points = self.hit();
        self.act(action);
        self.march(ramping);
        points += self.hit();
        let bombed = self.fall();
        let level = self.level(ramping);
        self.drop_bomb(level, rng);
        let over = bombed || self.aliens[GROUND] != 0;
        if count(&self.aliens) == 0 {
            self.waves = self.waves.saturating_add(1);
            self.muster(ramping);
        }
        Outcome { points, over }
    }

    fn draw(&self, mut put: impl FnMut(usize, i8, i8)) {
        draw_rows(&self.aliens, ALIEN, &mut put);
        draw_rows(&self.aliens, if self.heading < 0 { LEFTWARD } else { RIGHTWARD }, &mut put);
        if self.wait == 1 {
            draw_rows(&self.aliens, MARCHING, &mut put);
        }
        draw_rows(&self.shots, SHOT, &mut put);
        draw_rows(&self.bombs, BOMB, &mut put);
        put(CANNON, self.cannon, GROUND as i8);
    }

    fn is_valid(&self) -> bool {
        (0..SIDE).contains(&self.cannon)
            && [&self.aliens, &self.shots, &self.bombs].into_iter().all(rows_fit)
            && (self.heading == 1 || self.heading == -1)
            && (1..=SLOWEST).contains(&self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    /// One alien, which moves in `wait` steps.
    fn with(x: i8, y: usize, wait: u8) -> Shooter {
        let mut game = Shooter { cannon: 4, heading: 1, wait, ..Shooter::default() };
        game.aliens[y] = 1 << x;
        game.aliens[0] |= 1; // A second one, so that the wave is not over.
        game
    }

    /// A step in which no bomb is dropped: there are as many as there may be, far from the cannon.
    fn step(game: &mut Shooter, action: u32) -> Outcome {
        game.bombs[2] = 0b111 << 7;
        let outcome = game.step(action, true, &mut Stream::new(0, Purpose::Test, 0, 0));
        game.bombs = [0; SIZE];
        outcome
    }

    /// A shot appears in row 8 and rises a row a step: it hits the alien in row 6 two steps later.
    #[test]
    fn a_shot_rises_and_hits() {
        let mut game = with(4, 6, 6);
        assert_eq!(step(&mut game, 3).points, 0);
        assert_eq!(game.shots[8], 1 << 4);
        assert_eq!(step(&mut game, 0).points, 0);
        assert_eq!(step(&mut game, 0), Outcome { points: 1, over: false });
        assert_eq!((game.aliens[6], count(&game.shots)), (0, 0));
    }

    #[test]
    fn only_two_shots_are_in_the_air() {
        let mut game = with(0, 0, 6);
        (0..4).for_each(|_| assert!(!step(&mut game, 3).over));
        assert_eq!((count(&game.shots), game.shots[5], game.shots[6]), (2, 1 << 4, 1 << 4));
    }

    /// At the right side they turn and come down by a row; in the cannon's row the game is over.
    #[test]
    fn aliens_come_down_at_the_side_and_land() {
        let mut game = with(9, 7, 1);
        assert!(!step(&mut game, 0).over);
        assert_eq!((game.aliens[8], game.aliens[1], game.heading), (1 << 9, 1, -1));
        game.wait = 1; // The alien in column 0 makes them turn again.
        assert!(step(&mut game, 0).over);
    }

    #[test]
    fn aliens_march_between_waits() {
        let mut game = with(3, 2, 2);
        step(&mut game, 0);
        assert_eq!((game.aliens[2], game.wait), (1 << 3, 1));
        step(&mut game, 0);
        assert_eq!((game.aliens[2], game.wait), (1 << 4, 6));
    }

    /// A bomb in row 8 lands on a cannon that stays below it, and beside one that leaves.
    #[test]
    fn a_bomb_ends_the_game_unless_the_cannon_leaves() {
        for (action, over) in [(0, true), (1, false)] {
            let mut game = with(0, 0, 6);
            game.bombs[8] = 1 << 4;
            let rng = &mut Stream::new(0, Purpose::Test, 0, 0);
            assert_eq!(game.step(action, true, rng).over, over);
        }
    }

    /// The wave after the first marches every five steps, or six if the game is steady.
    #[test]
    fn waves_get_faster() {
        for (ramping, wait) in [(true, 5), (false, 6)] {
            let mut game = Shooter { cannon: 4, heading: 1, wait: 3, ..Shooter::default() };
            (game.aliens[3], game.shots[4]) = (1 << 7, 1 << 7);
            let outcome = game.step(0, ramping, &mut Stream::new(0, Purpose::Test, 0, 0));
            assert_eq!((outcome.points, game.waves, game.wait), (1, 1, wait));
            assert_eq!(count(&game.aliens), 24);
        }
    }
}
