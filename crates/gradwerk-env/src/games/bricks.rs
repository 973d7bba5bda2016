//! `games/bricks`: keep a ball in play and break a wall with it.
//!
//! The ball flies diagonally, one cell a step. It bounces off the sides and the ceiling; a brick
//! that it would fly into breaks (one point) and turns it round vertically. The paddle at the
//! bottom is two cells wide: its left cell sends the ball to the left, its right cell to the
//! right. A ball that the paddle misses is lost, and with it the game. When the whole wall is
//! gone, the paddle's next touch brings a new one, with a row more (five rows at most) if the
//! game ramps up.

use super::{Channel, Game, Outcome, SIDE, SIZE, draw_rows, has, on_grid, rows_fit};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

const PADDLE: usize = 0;
const BALL: usize = 1;
const AHEAD: usize = 2;
const BRICK: usize = 3;
/// Row of the paddle.
const GROUND: i8 = SIDE - 1;
const FIRST_ROWS: u32 = 3;
const MOST_ROWS: u32 = 5;

/// Paddle, ball and wall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bricks {
    /// Column of the paddle's left cell, 0 to 8.
    paddle: i8,
    ball: (i8, i8),
    /// -1 or 1 in each direction.
    velocity: (i8, i8),
    wall: [u16; SIZE],
    /// Walls that were broken.
    broken: u32,
}

impl Bricks {
    /// Put up a wall below the first row.
    fn build(&mut self, ramping: bool) {
        let more = if ramping { self.broken } else { 0 };
        let rows = (FIRST_ROWS + more).min(MOST_ROWS) as usize;
        self.wall = std::array::from_fn(|y| if (1..=rows).contains(&y) { 0x3ff } else { 0 });
    }

    /// The velocity after sides and ceiling have turned it.
    fn turned(&self) -> (i8, i8) {
        let ((x, y), (dx, dy)) = (self.ball, self.velocity);
        let inside = (0..SIDE).contains(&(x + dx));
        (if inside { dx } else { -dx }, if y + dy < 0 { 1 } else { dy })
    }

    /// The cell that the ball flies to, bricks aside.
    fn ahead(&self) -> (i8, i8) {
        let (dx, dy) = self.turned();
        (self.ball.0 + dx, self.ball.1 + dy)
    }

    /// Move the ball by one cell.
    fn fly(&mut self, ramping: bool) -> Outcome {
        let next = self.ahead();
        self.velocity = self.turned();
        if next.1 >= GROUND {
            return self.land(next.0, ramping);
        }
        let row = &mut self.wall[next.1 as usize];
        if has(*row, next.0) {
            *row ^= 1 << next.0;
            self.velocity.1 = -self.velocity.1;
            return Outcome { points: 1, over: false };
        }
        self.ball = next;
        Outcome::default()
    }

    /// The ball comes down in column `x`.
    fn land(&mut self, x: i8, ramping: bool) -> Outcome {
        let side = match x - self.paddle {
            0 => -1,
            1 => 1,
            _ => {
                self.ball = (x, GROUND);
                return Outcome { points: 0, over: true };
            }
        };
        self.ball = (x, GROUND - 1);
        self.velocity = (side, -1);
        if self.wall == [0; SIZE] {
            self.broken = self.broken.saturating_add(1);
            self.build(ramping);
        }
        Outcome::default()
    }
}

impl Game for Bricks {
    const NAME: &'static str = "bricks";
    const SUMMARY: &'static str =
        "break a wall with a ball; 1 point per brick, over when it is lost";
    const TIME_LIMIT: u32 = 1000;
    const ACTIONS: &'static [&'static str] = &["stay", "left", "right"];
    const CHANNELS: &'static [Channel] = &[
        Channel::block(86, 180, 233),
        Channel::disc(255, 255, 255),
        Channel::disc(80, 84, 100),
        Channel::block(213, 94, 0),
    ];

    fn start(&mut self, rng: &mut Stream) {
        let ball = (rng.below(10) as i8, 4);
        let side = if rng.below(2) == 0 { -1 } else { 1 };
        *self = Self { paddle: 4, ball, velocity: (side, 1), ..Self::default() };
        self.build(false);
    }

    fn step(&mut self, action: u32, ramping: bool, _rng: &mut Stream) -> Outcome {
        self.paddle = (self.paddle + [0, -1, 1][action as usize]).clamp(0, SIDE - 2);
        self.fly(ramping)
    }

    fn draw(&self, mut put: impl FnMut(usize, i8, i8)) {
        draw_rows(&self.wall, BRICK, &mut put);
        put(PADDLE, self.paddle, GROUND);
        put(PADDLE, self.paddle + 1, GROUND);
        let ahead = self.ahead();
        put(AHEAD, ahead.0, ahead.1);
        put(BALL, self.ball.0, self.ball.1);
    }

    fn is_valid(&self) -> bool {
        let unit = |v: i8| v == 1 || v == -1;
        (0..SIDE - 1).contains(&self.paddle)
            && on_grid(self.ball.0, self.ball.1)
            && unit(self.velocity.0)
            && unit(self.velocity.1)
            && rows_fit(&self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn game(ball: (i8, i8), velocity: (i8, i8)) -> Bricks {
        let mut game = Bricks { paddle: 4, ball, velocity, ..Bricks::default() };
        game.build(true);
        game
    }

    fn step(game: &mut Bricks, action: u32) -> Outcome {
        game.step(action, true, &mut Stream::new(0, gradwerk_math::Purpose::Test, 0, 0))
    }

    const NOTHING: Outcome = Outcome { points: 0, over: false };

    /// From (1, 5) up and to the left: (0, 4) is free, then the side turns it to the right, and
    /// the brick at (1, 3) breaks and turns it down; it flies on from (0, 4) to (1, 5).
    #[test]
    fn a_brick_breaks_and_turns_the_ball() {
        let mut ball = game((1, 5), (-1, -1));
        assert_eq!(step(&mut ball, 0), NOTHING);
        assert_eq!((ball.ball, ball.ahead()), ((0, 4), (1, 3)));
        assert_eq!(step(&mut ball, 0), Outcome { points: 1, over: false });
        assert_eq!((ball.ball, ball.velocity), ((0, 4), (1, 1)));
        assert_eq!(ball.wall[3], 0x3ff - 0b10);
        assert_eq!(step(&mut ball, 0), NOTHING);
        assert_eq!(ball.ball, (1, 5));
    }

    /// The paddle at columns 4 and 5 catches a ball that comes down at 4 with its left cell. One
    /// step to the left it catches it with its right cell; one to the right it misses it.
    #[test]
    fn the_cell_of_the_paddle_decides_where_the_ball_goes() {
        let after = |action| {
            let mut ball = game((3, 8), (1, 1));
            (step(&mut ball, action), ball.ball, ball.velocity)
        };
        assert_eq!(after(0), (NOTHING, (4, 8), (-1, -1)));
        assert_eq!(after(1), (NOTHING, (4, 8), (1, -1)));
        assert_eq!(after(2), (Outcome { points: 0, over: true }, (4, 9), (1, 1)));
    }

    #[test]
    fn the_ceiling_turns_the_ball_and_the_paddle_stays_inside() {
        let mut ball = game((5, 0), (1, -1));
        ball.wall = [0; SIZE];
        ball.paddle = 0;
        step(&mut ball, 1);
        assert_eq!((ball.ball, ball.velocity.1, ball.paddle), ((6, 1), 1, 0));
    }

    /// Three rows at first; the second wall has four if the game ramps up, three if not.
    #[test]
    fn a_new_wall_comes_with_the_next_touch() {
        for (ramping, rows) in [(true, 4), (false, 3)] {
            let mut ball = game((3, 8), (1, 1));
            ball.wall = [0; SIZE];
            ball.step(0, ramping, &mut Stream::new(0, gradwerk_math::Purpose::Test, 0, 0));
            let bricks: u32 = ball.wall.iter().map(|row| row.count_ones()).sum();
            assert_eq!((bricks, ball.broken), (10 * rows, 1));
        }
    }
}
