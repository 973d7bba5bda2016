//! The way that a walker walks: grass, and on the hard course pits, stumps and stairs.

use super::simulation::Point;
use super::{SCALE, VIEW};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

/// Distance between two points of the way.
pub(super) const PACE: f64 = 14.0 / SCALE;
/// Points of the way.
pub(super) const POINTS: usize = 200;
/// Points of even grass to start from.
pub(super) const START: usize = 20;
/// Height at the start, to which the grass tends to return.
pub(super) const LEVEL: f64 = VIEW[1] / 4.0;
/// Of blocks on a way: a pit has two and takes ten points with the grass behind it.
const MOST_BLOCKS: usize = POINTS / 5;
const STAIR_WIDTH: usize = 4;
const PIT_DEPTH: f64 = 4.0 * PACE;

/// A way of [`POINTS`] points, one per [`PACE`].
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Way {
    pub points: Vec<Point>,
    /// Walls of pits, stumps and stairs.
    pub blocks: Vec<[Point; 4]>,
    /// Rise of the grass from one point to the next.
    slope: f64,
    height: f64,
}

impl Way {
    /// Make another way of this one, with obstacles if it is to be a hard one.
    pub fn renew(&mut self, hard: bool, rng: &mut Stream) {
        self.points.clear();
        self.blocks.clear();
        self.blocks.reserve(MOST_BLOCKS);
        (self.slope, self.height) = (0.0, LEVEL);
        (0..START).for_each(|_| self.roll(rng));
        while self.points.len() < POINTS {
            match if hard { rng.below(3) } else { 3 } {
                0 => self.stump(1 + rng.below(2) as usize),
                1 => self.stairs(rng.below(2) == 0, 3 + rng.below(2) as usize),
                2 => self.pit(3 + rng.below(2) as usize),
                _ => (),
            }
            self.grass(5 + rng.below(5) as usize, rng);
        }
        self.points.truncate(POINTS);
    }

    fn x(&self) -> f64 {
        self.points.len() as f64 * PACE
    }

    fn push(&mut self, height: f64) {
        self.points.push([self.x(), height]);
    }

    /// A piece of grass: a level point, then rolling ones.
    fn grass(&mut self, points: usize, rng: &mut Stream) {
        self.push(self.height);
        (1..points).for_each(|_| self.roll(rng));
    }

    /// One point of rolling grass; on the start it does not roll.
    fn roll(&mut self, rng: &mut Stream) {
        let back = LEVEL - self.height;
        self.slope = 0.8 * self.slope + if back == 0.0 { 0.0 } else { 0.01 * back.signum() };
        if self.points.len() > START {
            self.slope += rng.uniform_in(-1.0, 1.0) / SCALE;
        }
        self.height += self.slope;
        self.push(self.height);
    }

    /// A block of the given size in paces, its upper left corner so many paces from here.
    fn block(&mut self, [right, up]: Point, [width, height]: Point) {
        let (x, y) = (self.x() + right * PACE, self.height + up * PACE);
        let (w, h) = (width * PACE, height * PACE);
        self.blocks.push([[x, y], [x + w, y], [x + w, y - h], [x, y - h]]);
    }

    /// A cube to step over.
    fn stump(&mut self, size: usize) {
        let edge = size as f64;
        self.block([0.0, edge], [edge, edge]);
        (0..size).for_each(|_| self.push(self.height));
    }

    /// Steps up or down; the points between follow their slope.
    fn stairs(&mut self, up: bool, steps: usize) {
        let (sign, width) = (if up { 1.0 } else { -1.0 }, STAIR_WIDTH as f64);
        for k in 0..steps {
            self.block([width * k as f64, sign * k as f64], [width, 1.0]);
        }
        let foot = self.height;
        self.push(foot);
        for k in 1..steps * STAIR_WIDTH {
            self.height = foot + (k as f64 - sign) / width * sign * PACE;
            self.push(self.height);
        }
    }

    /// A hole between two walls.
    fn pit(&mut self, width: usize) {
        let wall = [1.0, PIT_DEPTH / PACE];
        self.block([0.0, 0.0], wall);
        self.block([width as f64, 0.0], wall);
        self.push(self.height);
        (0..width).for_each(|_| self.push(self.height - PIT_DEPTH));
        self.push(self.height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    fn rng(seed: u64) -> Stream {
        Stream::new(seed, Purpose::Test, 0, 0)
    }

    #[test]
    fn a_way_begins_level_and_rolls_after_the_start() {
        let mut way = Way::default();
        for hard in [false, true] {
            for seed in 0..50 {
                way.renew(hard, &mut rng(seed));
                assert_eq!(way.points.len(), POINTS);
                assert!(way.points[..START].iter().all(|point| point[1] == LEVEL));
                assert!(way.points[START..].iter().any(|point| point[1] != LEVEL));
                assert_eq!(way.blocks.is_empty(), !hard);
            }
        }
    }

    #[test]
    fn there_is_room_for_the_blocks_of_every_way() {
        let mut way = Way::default();
        way.renew(true, &mut rng(0));
        let room = way.blocks.capacity();
        let mut most = 0;
        for seed in 0..2000 {
            way.renew(true, &mut rng(seed));
            most = most.max(way.blocks.len());
        }
        assert!(most > MOST_BLOCKS / 2 && most <= MOST_BLOCKS, "{most}");
        assert_eq!(way.blocks.capacity(), room);
    }

    /// A way from level ground on, its heights above that in quarters of a pace.
    fn built(build: impl Fn(&mut Way)) -> (Vec<f64>, Way) {
        let mut way = Way { points: vec![], blocks: vec![], slope: 0.0, height: LEVEL };
        build(&mut way);
        (way.points.iter().map(|point| quarters(point[1] - LEVEL)).collect(), way)
    }

    fn quarters(length: f64) -> f64 {
        (length / PACE * 4.0).round()
    }

    /// Left, right, bottom and top of a block, in quarters of a pace.
    fn bounds(block: &[Point; 4]) -> [f64; 4] {
        let [[left, top], _, [right, bottom], _] = *block;
        [left, right, bottom - LEVEL, top - LEVEL].map(quarters)
    }

    #[test]
    fn obstacles_have_their_shapes() {
        let (pit, way) = built(|way| way.pit(3));
        assert_eq!(pit, [0.0, -16.0, -16.0, -16.0, 0.0]);
        let walls: Vec<_> = way.blocks.iter().map(bounds).collect();
        assert_eq!(walls, [[0.0, 4.0, -16.0, 0.0], [12.0, 16.0, -16.0, 0.0]]);
        let (stump, way) = built(|way| way.stump(2));
        assert_eq!((&stump[..], bounds(&way.blocks[0])), (&[0.0; 2][..], [0.0, 8.0, 0.0, 8.0]));
        let (up, way) = built(|way| way.stairs(true, 3));
        assert_eq!((&up[..6], up.len()), (&[0.0, 0.0, 1.0, 2.0, 3.0, 4.0][..], 12));
        assert_eq!(bounds(&way.blocks[2]), [32.0, 48.0, 4.0, 8.0]);
        let (down, way) = built(|way| way.stairs(false, 3));
        assert_eq!((&down[..4], down.len()), (&[0.0, -2.0, -3.0, -4.0][..], 12));
        assert_eq!(bounds(&way.blocks[1]), [16.0, 32.0, -8.0, -4.0]);
    }
}
