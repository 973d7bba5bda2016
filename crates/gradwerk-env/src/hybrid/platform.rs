//! `hybrid/platform`: cross three platforms with moves that have a strength.
//!
//! The kind of problem is that of Masson, Ranchod and Konidaris ("Reinforcement learning with
//! parameterized actions", 2016); the rules are our own:
//!
//! - Three platforms of 6 to 10 m lie in a row, with gaps of 2 to 3.5 m between them and a wall where
//!   the first begins. A guard walks to and fro on each, at 0.4 to 1.2 m/s, and turns 1 m before
//!   an edge. Lengths, places and speeds are drawn anew for every episode.
//! - A move takes one second. A run goes 3 m times its strength and a hop 2.5 m times its strength,
//!   back where that is negative. A leap goes 2 m, plus 1 m times its strength, plus half of the way
//!   of the run just before it, which must have been 1 m forward or more.
//! - Who comes closer than half a metre to a guard is caught, unless in the air: hops and leaps pass
//!   over. Who is on the ground, but not on a platform, falls.
//! - Each metre forward is worth its share of the whole way, so that the return is the share of the way
//!   that was made. The episode ends at the end of the third platform, in a gap, or with a guard.

use crate::picture::{Color, Scene};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::{Real, Stream};
use serde::{Deserialize, Serialize};

const PLATFORMS: usize = 3;
const LENGTH: [f64; 2] = [6.0, 10.0]; // m
const GAP: [f64; 2] = [2.0, 3.5]; // m
const SPEED: [f64; 2] = [0.4, 1.2]; // m/s
/// Where guards turn, before an edge.
const MARGIN: f64 = 1.0;
/// How close guards come before they catch, unless the walker is so high.
const REACH: f64 = 0.5;
const GUARD_HEIGHT: f64 = 0.5;

const MOVES: usize = 3;
const HOP: u32 = 1;
const LEAP: u32 = 2;
/// The way of a run, and of a hop, of strength 1.
const RUN_WAY: f64 = 3.0;
const HOP_WAY: f64 = 2.5;
/// The way of a leap of strength 0, and what a metre of run-up adds to it.
const LEAP_WAY: f64 = 2.0;
const CARRY: f64 = 0.5;
/// The run-up that a leap needs.
const RUN_UP: f64 = 1.0;
/// How high hops and leaps are.
const HEIGHT: f64 = 1.5;
/// Parts of a move in which things are looked at.
const TICKS: u32 = 8;

/// The longest way that may lie between the walker and something else.
const FAR: f32 = 30.0;
const WIDTH: usize = 10;

/// Somebody who walks to and fro.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Guard {
    at: f64,
    speed: f64,
}

/// The platforms and who is on them; places are metres from the start.
///
/// Observation: place on the platform, way to its edge, the last run, the gap behind the edge, length of
/// the next platform, platforms still to come, and for the guards of this platform and of the next one
/// the way to it and its speed; 0 where there is nothing. Action: the move (0 run, 1 hop, 2 leap),
/// and a strength from -1 to 1 for each of the three, of which that of the move counts. A leap
/// without run-up takes its time and leads nowhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Platform {
    /// Where each platform begins and ends.
    edges: [[f64; 2]; PLATFORMS],
    guards: [Guard; PLATFORMS],
    at: f64,
    /// How far the last move ran forward.
    run_up: f64,
}

/// A move: how far it goes, and how high.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Move {
    way: f64,
    height: f64,
}

impl Guard {
    /// Walk between two places for a tick.
    fn walk(&mut self, [low, high]: [f64; 2]) {
        self.at += self.speed / f64::from(TICKS);
        if self.at < low || self.at > high {
            let turn = if self.at < low { low } else { high };
            (self.at, self.speed) = (2.0 * turn - self.at, -self.speed);
        }
    }
}

/// Where the guard of a platform walks.
fn beat([start, end]: [f64; 2]) -> [f64; 2] {
    [start + MARGIN, end - MARGIN]
}

fn between([low, high]: [f64; 2], x: f64) -> bool {
    low <= x && x <= high
}

impl Platform {
    /// The platform that the walker is on, or has fallen from.
    fn platform(&self) -> usize {
        self.edges.iter().rposition(|[start, _]| *start <= self.at).unwrap_or(0)
    }

    /// The whole way.
    fn length(&self) -> f64 {
        self.edges[PLATFORMS - 1][1]
    }

    /// How much of it is made: a fall ends at the edge. NaN stays NaN.
    fn made(&self) -> f64 {
        let [start, end] = self.edges[self.platform()];
        self.at.clip(start, end)
    }

    /// What an action stands for.
    fn chosen(&self, action: Action<'_>) -> Move {
        let choice = action.discrete[0];
        let strength = f64::from(action.continuous[choice as usize].clip(-1.0, 1.0));
        match choice {
            LEAP if self.run_up < RUN_UP => Move { way: 0.0, height: 0.0 },
            LEAP => Move { way: LEAP_WAY + strength + CARRY * self.run_up, height: HEIGHT },
            HOP => Move { way: HOP_WAY * strength, height: HEIGHT },
            _ => Move { way: RUN_WAY * strength, height: 0.0 },
        }
    }

    /// Carry a move out, tick by tick; true if it is the last.
    fn carry_out(&mut self, chosen: Move) -> bool {
        let from = self.at;
        for tick in 1..=TICKS {
            let part = f64::from(tick) / f64::from(TICKS);
            let beats = self.edges.map(beat);
            self.guards.iter_mut().zip(beats).for_each(|(guard, beat)| guard.walk(beat));
            self.at = Real::maximum(from + part * chosen.way, 0.0);
            if self.is_over(chosen.height * 4.0 * part * (1.0 - part)) {
                return true;
            }
        }
        false
    }

    /// Whether the walker, so high, has arrived, has fallen or is caught.
    fn is_over(&self, height: f64) -> bool {
        let in_air = height > 0.0;
        let near = |guard: &Guard| (guard.at - self.at).abs() < REACH;
        let fallen = !in_air && !self.edges.iter().any(|edges| between(*edges, self.at));
        let caught = height < GUARD_HEIGHT && self.guards.iter().any(near);
        self.at >= self.length() || fallen || caught
    }

    fn observe(&self, obs: &mut [f32]) {
        let here = self.platform();
        let [start, end] = self.edges[here];
        let next = self.edges.get(here + 1);
        let guard = |k: usize| self.guards.get(k).map_or([0.0; 2], |g| [g.at - self.at, g.speed]);
        let ([own, own_speed], [other, other_speed]) = (guard(here), guard(here + 1));
        let row: [f64; WIDTH] = [
            self.at - start,
            (end - self.at).clip(0.0, LENGTH[1]),
            self.run_up,
            next.map_or(0.0, |[next, _]| next - end),
            next.map_or(0.0, |[start, end]| end - start),
            (PLATFORMS - 1 - here) as f64,
            own,
            own_speed,
            other,
            other_speed,
        ];
        obs.iter_mut().zip(row).for_each(|(entry, x)| *entry = x as f32);
    }

    fn is_valid(&self) -> bool {
        let starts = self.edges[1..].iter().zip(&self.edges).map(|(next, own)| next[0] - own[1]);
        let lengths = self.edges.map(|[start, end]| end - start);
        // Sums of what was drawn are off by rounding.
        let within = |[low, high]: [f64; 2], x| between([low - 1e-9, high + 1e-9], x);
        let walks = |(guard, edges): (&Guard, &[f64; 2])| {
            within(beat(*edges), guard.at) && within(SPEED, guard.speed.abs())
        };
        self.edges[0][0] == 0.0
            && lengths.into_iter().all(|length| within(LENGTH, length))
            && starts.into_iter().all(|gap| within(GAP, gap))
            && self.guards.iter().zip(&self.edges).all(walks)
            && self.edges.iter().any(|edges| between(*edges, self.at))
            && between([0.0, RUN_WAY], self.run_up)
    }
}

impl BuiltIn for Platform {
    const SPEC: EnvSpec = EnvSpec {
        id: "hybrid/platform",
        summary: "run, hop or leap, and how far: cross platforms with gaps and guards; a leap needs a run-up",
        time_limit: Some(60),
        solved_at: Some(0.9),
    };
    fn new() -> Self {
        Self::default()
    }
}

impl Env for Platform {
    fn observation_space(&self) -> Space {
        let (length, gap, speed) = (LENGTH[1] as f32, GAP[1] as f32, SPEED[1] as f32);
        let low = vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -FAR, -speed, -FAR, -speed];
        let (run, left) = (RUN_WAY as f32, (PLATFORMS - 1) as f32);
        let high = vec![length + gap, length, run, gap, length, left, FAR, speed, FAR, speed];
        Space::Box { low, high }
    }

    fn action_space(&self) -> Space {
        let strength = Space::uniform_box(MOVES, -1.0, 1.0);
        Space::dict([("move", Space::Discrete { n: MOVES }), ("strength", strength)])
    }

    fn action_mask(&self, mask: &mut [bool]) -> bool {
        mask.copy_from_slice(&[true, true, self.run_up >= RUN_UP]);
        true
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        let mut start = 0.0;
        for k in 0..PLATFORMS {
            let end = start + rng.uniform_in(LENGTH[0], LENGTH[1]);
            self.edges[k] = [start, end];
            start = end + rng.uniform_in(GAP[0], GAP[1]);
            let [low, high] = beat(self.edges[k]);
            let (at, speed) = (rng.uniform_in(low, high), rng.uniform_in(SPEED[0], SPEED[1]));
            self.guards[k] = Guard { at, speed: if rng.below(2) == 0 { speed } else { -speed } };
        }
        (self.at, self.run_up) = (0.0, 0.0);
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let (chosen, before) = (self.chosen(action), self.made());
        let over = self.carry_out(chosen);
        self.run_up = if chosen.height > 0.0 { 0.0 } else { chosen.way.clip(0.0, RUN_WAY) };
        self.observe(obs);
        let end = if over { End::Terminated } else { End::Continue };
        Step { reward: (self.made() - before) / self.length(), end }
    }

    fn render(&self) -> Option<Scene> {
        let (top, scale) = (60.0, 300.0 / (self.length() + 1.0));
        let at = |x: f64, y: f64| (10.0 + scale * x, top - scale * y);
        let mut scene = Scene::new(320.0, 100.0, Color(18, 20, 30));
        for ([start, end], guard) in self.edges.into_iter().zip(&self.guards) {
            scene.block(at(start, 0.0), (scale * (end - start), 40.0), Color(70, 74, 90));
            let ahead = guard.at + 0.4 * guard.speed.signum();
            let feet = [at(guard.at - 0.4, 0.0), at(guard.at + 0.4, 0.0), at(ahead, 0.9)];
            scene.area(&feet, Color(213, 94, 0));
        }
        let goal = self.length();
        scene.line(&[at(goal, 0.0), at(goal, 2.5)], 2.0, Color(0, 158, 115));
        let in_gap = self.at > self.edges[self.platform()][1] && self.at < goal;
        let height = if in_gap { -2.0 } else { 0.5 };
        scene.dot(at(self.at, height), 0.5 * scale, Color(86, 180, 233));
        Some(scene)
    }

    fn action_names(&self) -> &'static [&'static str] {
        &["run", "hop", "leap"]
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode_json(self))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        *self = snapshot::decode_json(snapshot, Self::is_valid)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    /// Platforms of 8 m and gaps of 3 m; the guards stand at 4 m of theirs.
    fn track() -> Platform {
        let edges = [[0.0, 8.0], [11.0, 19.0], [22.0, 30.0]];
        let guards = edges.map(|[start, _]| Guard { at: start + 4.0, speed: 0.0 });
        Platform { edges, guards, at: 0.0, run_up: 0.0 }
    }

    /// Take a move from a place, after a run of `run_up`.
    fn take(choice: u32, strength: f32, at: f64, run_up: f64) -> (Platform, Step) {
        let mut game = Platform { at, run_up, ..track() };
        let mut continuous = [0.3; MOVES];
        continuous[choice as usize] = strength;
        let action = Action { discrete: &[choice], continuous: &continuous };
        let step = game.step(action, &mut Stream::new(0, Purpose::Test, 0, 0), &mut [0.0; WIDTH]);
        (game, step)
    }

    fn on(metres: f64) -> Step {
        Step { reward: metres / 30.0, end: End::Continue }
    }

    fn over(metres: f64) -> Step {
        Step { reward: metres / 30.0, end: End::Terminated }
    }

    #[track_caller]
    fn assert_is(got: Step, want: Step) {
        assert!((got.reward - want.reward).abs() < 1e-12 && got.end == want.end, "{got:?}");
    }

    #[test]
    fn a_move_goes_as_far_as_its_strength_says() {
        let (game, step) = take(0, 0.5, 0.0, 0.0);
        assert_eq!((game.at, game.run_up), (1.5, 1.5));
        assert_is(step, on(1.5));
        let (game, step) = take(HOP, -0.5, 6.0, 1.0);
        assert_eq!((game.at, game.run_up), (4.75, 0.0));
        assert_is(step, on(-1.25));
        // A strength beyond the space is the largest; the first platform begins at a wall.
        assert_eq!(take(0, 7.0, 4.75, 0.0).0.at, 7.75);
        let (game, step) = take(0, -1.0, 1.0, 2.0);
        assert_eq!((game.at, game.run_up), (0.0, 0.0));
        assert_is(step, on(-1.0));
    }

    /// From half a metre before the edge the next platform is 3.5 m away: more than a leap of
    /// strength 1 after a run of less than 1 m, and just within reach after it.
    #[test]
    fn a_leap_needs_a_run_up() {
        let mask = |run_up| {
            let mut mask = [false; MOVES];
            Platform { run_up, ..track() }.action_mask(&mut mask);
            mask
        };
        assert_eq!((mask(0.9), mask(1.0)), ([true, true, false], [true; 3]));
        let (game, step) = take(LEAP, 1.0, 7.5, 0.9);
        assert_eq!((game.at, game.run_up), (7.5, 0.0));
        assert_is(step, on(0.0));
        assert_eq!(take(LEAP, 1.0, 7.5, 1.0).0.at, 11.0);
        assert_eq!(take(LEAP, 1.0, 7.5, 3.0).0.at, 12.0);
        assert_is(take(LEAP, 1.0, 7.5, 3.0).1, on(4.5));
    }

    /// A fall is worth the way to the edge, forward and back.
    #[test]
    fn gaps_end_the_way() {
        assert_is(take(0, 1.0, 7.0, 0.0).1, over(1.0));
        assert_is(take(HOP, 1.0, 7.0, 0.0).1, over(1.0));
        assert_is(take(LEAP, -1.0, 7.0, 2.0).1, over(1.0));
        assert_is(take(HOP, -1.0, 12.0, 0.0).1, over(-4.0));
    }

    /// A run into a guard ends where it is caught: the tick after 3.5 m. A hop passes over, and is
    /// caught if it lands there.
    #[test]
    fn guards_catch_on_the_ground() {
        assert_is(take(0, 1.0, 2.5, 0.0).1, over(1.125));
        assert_is(take(HOP, 1.0, 3.0, 0.0).1, on(2.5));
        assert_is(take(HOP, 0.5, 3.0, 0.0).1, over(1.25));
        assert_is(take(0, 0.0, 3.4, 0.0).1, on(0.0));
    }

    #[test]
    fn guards_turn_before_the_edges() {
        let mut game = track();
        game.guards[0] = Guard { at: 6.5, speed: 1.0 };
        let still = Move { way: 0.0, height: 0.0 };
        assert!(!game.carry_out(still));
        assert_eq!(game.guards[0], Guard { at: 6.5, speed: -1.0 });
        (0..6).for_each(|_| assert!(!game.carry_out(still)));
        assert_eq!(game.guards[0], Guard { at: 1.5, speed: 1.0 });
    }

    #[test]
    fn the_end_of_the_last_platform_is_the_end() {
        assert_is(take(0, 1.0, 28.0, 0.0).1, over(2.0));
        assert_is(take(HOP, 1.0, 29.0, 0.0).1, over(1.0));
    }

    #[test]
    fn what_was_drawn_is_valid_and_what_was_not_is_refused() {
        let mut game = Platform::new();
        for seed in 0..50 {
            game.reset(&mut Stream::new(seed, Purpose::Test, 0, 0), &mut [0.0; WIDTH]);
            assert!(game.is_valid(), "{game:?}");
        }
        type Spoil = fn(&mut Platform);
        let spoils: [Spoil; 5] = [
            |g| g.at = -1.0,
            |g| g.run_up = 4.0,
            |g| g.guards[1].at = g.edges[1][0],
            |g| g.guards[2].speed = 2.0,
            |g| g.edges[0][1] += 9.0,
        ];
        for (k, spoil) in spoils.iter().enumerate() {
            let mut bad = game.clone();
            spoil(&mut bad);
            assert!(game.restore(&snapshot::encode_json(&bad)).is_err(), "spoil {k}");
        }
    }
}
