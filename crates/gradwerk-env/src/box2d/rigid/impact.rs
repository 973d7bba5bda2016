//! When a part on its way meets a piece of the ground.
//!
//! Conservative advancement: from a time at which the two are apart, find the pair of features
//! that are nearest and the last time up to which they certainly stay apart along their axis; go
//! there and look again.

use super::body::{Body, Place};
use super::outline::Outline;
use super::vector::{Frame, Vector};
use super::{SKIN, SLOP};

/// They meet where skins overlap by three slops, more or less by a tolerance.
const MET: f64 = SKIN - 3.0 * SLOP;
const TOLERANCE: f64 = 0.25 * SLOP;
const MOST_LOOKS: usize = 20;
const MOST_PUSHES: usize = 8;
const MOST_CUTS: usize = 50;

/// The nearest features, along whose axis the distance is taken.
#[derive(Clone, Copy, Debug)]
enum Axis {
    /// From a corner of the ground to one of the part, a direction of the world.
    Corners(Vector),
    /// A face of the ground: its normal.
    Ground(Vector),
    /// A face of the part: its normal in the frame of the part.
    Part(Vector),
}

/// A corner of the ground and one of the part.
#[derive(Clone, Copy, Debug)]
struct Witness {
    ground: Vector,
    part: Vector,
}

struct Way<'a> {
    ground: &'a Outline,
    part: &'a Outline,
    from: Place,
    to: Place,
}

/// The share of what is left of the step after which the part meets the ground. None if it does
/// not, and if it is in the ground already.
pub(super) fn impact(ground: &Outline, body: &Body) -> Option<f64> {
    Way { ground, part: &body.outline, from: body.since, to: body.place }.impact()
}

/// What a look at a pair of features tells.
enum Found {
    Never,
    At(f64),
    /// Apart along this axis until then.
    Later(f64),
}

impl Way<'_> {
    fn frame(&self, time: f64) -> Frame {
        self.from.toward(self.to, time).frame()
    }

    fn impact(&self) -> Option<f64> {
        let mut time = 0.0;
        for _ in 0..MOST_LOOKS {
            let (axis, distance) = nearest(self.ground, self.part, &self.frame(time))?;
            if distance < MET + TOLERANCE {
                return Some(time);
            }
            match self.push(axis, time) {
                Found::Never => return None,
                Found::At(time) => return Some(time),
                Found::Later(later) => time = later,
            }
        }
        None
    }

    /// Go back from the end to the last time until which the axis separates the two.
    fn push(&self, axis: Axis, time: f64) -> Found {
        let mut end = 1.0;
        for _ in 0..MOST_PUSHES {
            let (witness, there) = self.closest(axis, end);
            if there > MET + TOLERANCE {
                return if end == 1.0 { Found::Never } else { Found::Later(end) };
            }
            if there > MET - TOLERANCE {
                return Found::Later(end);
            }
            let here = self.distance(axis, witness, time);
            if here < MET - TOLERANCE {
                return Found::Never;
            }
            if here <= MET + TOLERANCE {
                return Found::At(time);
            }
            end = self.root(axis, witness, [time, end], [here, there]);
        }
        Found::Later(time)
    }

    fn direction(axis: Axis, frame: &Frame) -> Vector {
        match axis {
            Axis::Corners(way) | Axis::Ground(way) => way,
            Axis::Part(normal) => -frame.turn(normal),
        }
    }

    /// The corners that are nearest along the axis at a time, and how far they are apart.
    fn closest(&self, axis: Axis, time: f64) -> (Witness, f64) {
        let frame = self.frame(time);
        let way = Self::direction(axis, &frame);
        let ground = self.ground.support(way);
        let part = self.part.support(-frame.turn_back(way));
        let witness = Witness { ground, part };
        (witness, (frame.place(part) - ground).dot(way))
    }

    fn distance(&self, axis: Axis, witness: Witness, time: f64) -> f64 {
        let frame = self.frame(time);
        (frame.place(witness.part) - witness.ground).dot(Self::direction(axis, &frame))
    }

    /// When two corners are as near as parts that meet are; secants and halvings take turns.
    fn root(&self, axis: Axis, witness: Witness, times: [f64; 2], distances: [f64; 2]) -> f64 {
        let ([mut a, mut b], [mut at_a, mut at_b]) = (times, distances);
        let mut time = b;
        for k in 0..MOST_CUTS {
            let secant = k % 2 == 1;
            time = if secant { a + (MET - at_a) * (b - a) / (at_b - at_a) } else { 0.5 * (a + b) };
            let there = self.distance(axis, witness, time);
            if (there - MET).abs() < TOLERANCE {
                break;
            }
            if there > MET {
                (a, at_a) = (time, there);
            } else {
                (b, at_b) = (time, there);
            }
        }
        time
    }
}

/// The nearest features of the two and their distance; None where they overlap.
fn nearest(ground: &Outline, part: &Outline, frame: &Frame) -> Option<(Axis, f64)> {
    let there = part.placed(frame);
    if !separates(ground, &there) && !separates(&there, ground) {
        return None;
    }
    let (by_ground, by_part) = (closest(ground, &there), closest(&there, ground));
    Some(match (by_ground.1 <= by_part.1, by_ground.0, by_part.0) {
        (true, Before::Face(face), _) => (Axis::Ground(ground.normals()[face]), by_ground.1),
        (true, Before::Corner(way), _) => (Axis::Corners(way), by_ground.1),
        (false, _, Before::Face(face)) => (Axis::Part(part.normals()[face]), by_part.1),
        (false, _, Before::Corner(way)) => (Axis::Corners(-way), by_part.1),
    })
}

/// Whether the other lies before one of the owner's faces.
fn separates(owner: &Outline, other: &Outline) -> bool {
    owner.normals().iter().zip(owner.corners()).any(|(normal, corner)| {
        other.corners().iter().all(|point| (*point - *corner).dot(*normal) > 0.0)
    })
}

/// Where a point is that is near an outline.
#[derive(Clone, Copy, Debug)]
enum Before {
    Face(usize),
    /// In this direction from a corner.
    Corner(Vector),
}

/// Where the corner of `other` is that is nearest to the owner, and how far.
fn closest(owner: &Outline, other: &Outline) -> (Before, f64) {
    let faces = 0..owner.corners().len();
    let pairs = faces.flat_map(|face| other.corners().iter().map(move |point| (face, *point)));
    let found = pairs.filter_map(|(face, point)| before(owner, face, point));
    found.fold((Before::Face(0), f64::INFINITY), |best, it| if it.1 < best.1 { it } else { best })
}

/// Where a point is that lies before this face or beside it; None if it lies behind.
fn before(owner: &Outline, face: usize, point: Vector) -> Option<(Before, f64)> {
    let [from, to] = owner.edge(face);
    let edge = to - from;
    let along = (point - from).dot(edge) / edge.dot(edge);
    if (0.0..=1.0).contains(&along) {
        let height = (point - from).dot(owner.normals()[face]);
        return (height >= 0.0).then_some((Before::Face(face), height));
    }
    let gap = point - if along < 0.0 { from } else { to };
    let length = gap.length();
    Some((Before::Corner(gap * (1.0 / length)), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: f64 = 14.0 / 30.0;

    /// A walker's lower leg on its way, and one pace of level ground.
    fn time(from: ([f64; 2], f64), to: ([f64; 2], f64), pace: f64) -> Option<f64> {
        let (x, y) = (0.8 * 8.0 / 30.0 / 2.0, 34.0 / 30.0 / 2.0);
        let leg = Outline::new([[-x, -y], [x, -y], [x, y], [-x, y]]);
        let [from, to] = [from, to].map(|(at, angle)| Place { center: at.into(), angle });
        let level = 10.0 / 3.0;
        let ground = [[pace * PACE, level], [(pace + 1.0) * PACE, level]];
        Way { ground: &Outline::new(ground), part: &leg, from, to }.impact()
    }

    /// `b2TimeOfImpact` of pybox2d 2.3.10, which counts in single precision.
    #[test]
    fn times_are_those_of_box2d() {
        let start = [14.0 / 3.0, 12.5 / 3.0];
        let left =
            (([start[0], start[1]], -0.05), ([4.638_117_402, 3.724_875_695], -0.136_143_330));
        let right = ((start, 0.05), ([4.676_154_039, 3.728_799_265], -0.150_250_000));
        for ((from, to), theirs) in [
            (left, [None, Some(0.581_977_069), Some(0.574_798_524), None]),
            (right, [None, Some(0.595_345_914), Some(0.584_419_847), None]),
        ] {
            for (k, theirs) in theirs.into_iter().enumerate() {
                let ours = time(from, to, 8.0 + k as f64);
                assert_eq!(ours.is_some(), theirs.is_some(), "pace {}: {ours:?}", 8 + k);
                let gap = ours.unwrap_or(0.0) - theirs.unwrap_or(0.0);
                assert!(gap.abs() < 1e-6, "pace {}: {ours:?} {theirs:?}", 8 + k);
            }
        }
    }

    #[test]
    fn a_falling_leg_meets_the_ground_when_their_skins_do() {
        let half = 17.0 / 30.0;
        let fall = |from: f64, to: f64| time(([0.2, from], 0.0), ([0.2, to], 0.0), 0.0);
        let ground = 10.0 / 3.0 + half;
        let met = fall(ground + 1.0, ground - 1.0).unwrap();
        assert!((met - (1.0 - MET) / 2.0).abs() <= TOLERANCE, "{met}");
        assert_eq!(fall(ground + 1.0, ground + 0.1), None, "above the ground");
        assert_eq!(fall(ground + 0.005, ground - 1.0), Some(0.0), "met at the start");
        assert_eq!(fall(ground - 0.1, ground - 1.0), None, "in the ground at the start");
    }
}
