//! `games/collector`: pick gems up and keep away from enemies.
//!
//! Each of the ten rows is a lane with at most one thing in it, a gem or an enemy, that crosses
//! from one side to the other and leaves. The player walks one cell a step in any direction. A
//! gem that it meets is a point, an enemy the end. Things move every other step; every tenth gem
//! raises the level (three at most) if the game ramps up: more of them come, more of those are
//! enemies, and from level 2 on they move every step.

use super::{Channel, Game, Outcome, SIDE, SIZE, on_grid};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

const PLAYER: usize = 0;
const GEM: usize = 1;
const ENEMY: usize = 2;
const TRAIL: usize = 3;
const MOVING: usize = 4;

/// What crosses the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Thing {
    x: i8,
    /// -1 to the left, 1 to the right.
    heading: i8,
    gem: bool,
}

/// The player and the lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collector {
    x: i8,
    y: i8,
    lanes: [Option<Thing>; SIZE],
    /// Whether things move in the next step.
    moving: bool,
    gems: u32,
}

impl Collector {
    fn level(&self, ramping: bool) -> u32 {
        if ramping { (self.gems / 10).min(3) } else { 0 }
    }

    /// What happens if the player stands where a thing is.
    fn meet(&mut self) -> Outcome {
        let lane = &mut self.lanes[self.y as usize];
        match lane {
            Some(thing) if thing.x == self.x && thing.gem => {
                *lane = None;
                self.gems = self.gems.saturating_add(1);
                Outcome { points: 1, over: false }
            }
            Some(thing) => Outcome { points: 0, over: thing.x == self.x },
            None => Outcome::default(),
        }
    }

    fn move_things(&mut self) {
        for lane in &mut self.lanes {
            *lane = lane.and_then(|thing| {
                let x = thing.x + thing.heading;
                (0..SIDE).contains(&x).then_some(Thing { x, ..thing })
            });
        }
    }

    /// Now and then something enters a free lane, but never beside the player.
    fn enter(&mut self, level: u32, rng: &mut Stream) {
        if rng.below(20) >= 5 + level {
            return;
        }
        let (lane, left, gem) = (rng.below(10), rng.below(2) == 0, rng.below(10) >= 5 + level);
        let (x, heading) = if left { (0, 1) } else { (SIDE - 1, -1) };
        let beside = self.y == lane as i8 && (self.x - x).abs() <= 1;
        let lane = &mut self.lanes[lane as usize];
        if lane.is_none() && !beside {
            *lane = Some(Thing { x, heading, gem });
        }
    }
}

impl Game for Collector {
    const NAME: &'static str = "collector";
    const SUMMARY: &'static str = "pick up gems, avoid enemies; 1 point per gem, an enemy ends it";
    const TIME_LIMIT: u32 = 1000;
    const ACTIONS: &'static [&'static str] = &["stay", "left", "right", "up", "down"];
    const CHANNELS: &'static [Channel] = &[
        Channel::block(86, 180, 233),
        Channel::disc(240, 228, 66),
        Channel::block(213, 94, 0),
        Channel::disc(60, 64, 80),
        Channel::HINT,
    ];

    fn start(&mut self, _rng: &mut Stream) {
        *self = Self { x: 4, y: 4, ..Self::default() };
    }

    fn step(&mut self, action: u32, ramping: bool, rng: &mut Stream) -> Outcome {
        let (dx, dy) = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)][action as usize];
        self.x = (self.x + dx).clamp(0, SIDE - 1);
        self.y = (self.y + dy).clamp(0, SIDE - 1);
        let mut outcome = self.meet();
        if self.moving && !outcome.over {
            self.move_things();
            let met = self.meet();
            outcome = Outcome { points: outcome.points + met.points, over: met.over };
        }
        let level = self.level(ramping);
        self.enter(level, rng);
        self.moving = !self.moving || level >= 2;
        outcome
    }

    fn draw(&self, mut put: impl FnMut(usize, i8, i8)) {
        for (y, thing) in self.lanes.iter().enumerate() {
            let (Some(thing), y) = (thing, y as i8) else { continue };
            put(TRAIL, thing.x - thing.heading, y);
            put(if thing.gem { GEM } else { ENEMY }, thing.x, y);
            if self.moving {
                put(MOVING, thing.x, y);
            }
        }
        put(PLAYER, self.x, self.y);
    }

    fn is_valid(&self) -> bool {
        let fits = |t: &Thing| (0..SIDE).contains(&t.x) && (t.heading == 1 || t.heading == -1);
        on_grid(self.x, self.y) && self.lanes.iter().flatten().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    fn with(thing: Thing, moving: bool) -> Collector {
        let mut game = Collector { x: 4, y: 4, moving, ..Collector::default() };
        game.lanes[4] = Some(thing);
        game
    }

    fn step(game: &mut Collector, action: u32) -> Outcome {
        game.step(action, true, &mut Stream::new(0, Purpose::Test, 0, 0))
    }

    /// A gem two cells to the right that comes to the left: the player steps to 5, the gem moves
    /// from 6 to 5 in the same step, and they meet. An enemy ends the game there.
    #[test]
    fn things_are_met_where_they_move_to() {
        let gem = Thing { x: 6, heading: -1, gem: true };
        let mut game = with(gem, true);
        assert_eq!(step(&mut game, 2), Outcome { points: 1, over: false });
        assert_eq!((game.lanes[4], game.gems), (None, 1));
        assert_eq!(
            step(&mut with(Thing { gem: false, ..gem }, true), 2),
            Outcome { points: 0, over: true }
        );
    }

    /// Side by side and about to change places: the player walks first and meets it.
    #[test]
    fn nobody_passes_through_anybody() {
        let enemy = Thing { x: 5, heading: -1, gem: false };
        assert!(step(&mut with(enemy, true), 2).over);
        assert!(step(&mut with(enemy, true), 0).over, "it walks into the player");
        assert!(!step(&mut with(enemy, false), 0).over, "it does not move in this step");
    }

    #[test]
    fn things_move_every_other_step_and_leave() {
        let mut game = with(Thing { x: 1, heading: -1, gem: false }, true);
        let mut at = vec![];
        for _ in 0..4 {
            at.push(game.lanes[4].map(|thing| thing.x));
            step(&mut game, 0);
        }
        assert_eq!(at, [Some(1), Some(0), Some(0), None]);
    }

    /// Twenty gems are level 2: things move in every step, unless the game is steady.
    #[test]
    fn levels_come_with_gems() {
        let mut game = Collector { gems: 20, moving: true, ..Collector::default() };
        step(&mut game, 0);
        assert!(game.moving);
        game.step(0, false, &mut Stream::new(0, Purpose::Test, 0, 0));
        assert!(!game.moving);
        assert_eq!(
            [9, 10, 39, 99].map(|gems| Collector { gems, ..game.clone() }.level(true)),
            [0, 1, 3, 3]
        );
    }
}
