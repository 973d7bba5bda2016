//! Where a part and a piece of the ground touch: one or two points along a face.

use super::SKIN;
use super::outline::Outline;
use super::vector::{Frame, Vector};
use serde::{Deserialize, Serialize};

/// Whose face carries the contact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Side {
    Ground,
    Part,
}

/// A face and the points that lie on it, in the frames of the part and of the ground.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::box2d) struct Manifold {
    side: Side,
    face: usize,
    /// Of the face, in the frame of its owner.
    normal: Vector,
    plane: Vector,
    touches: [Touch; 2],
    len: usize,
}

/// A point, and the impulses that it carried in the last step.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::box2d) struct Touch {
    /// In the frame of the other one.
    at: Vector,
    /// Corner, or side of the face at which the edge was cut.
    feature: usize,
    /// Along the normal, and along the surface.
    pub impulse: [f64; 2],
}

/// A touch in the world.
#[derive(Clone, Copy, Debug)]
pub(in crate::box2d) struct Gap {
    /// From the ground to the part.
    pub normal: Vector,
    pub point: Vector,
    /// Between the skins; negative where they overlap.
    pub size: f64,
}

/// What part of the relation between two faces' depths and lengths makes the part's face the
/// carrier, so that it does not change at every step.
const PREFERENCE: (f64, f64) = (0.98, 0.001);
/// Features of points that were cut off begin here.
const CUT: usize = 64;

impl Default for Manifold {
    fn default() -> Self {
        let (normal, plane) = (Vector::default(), Vector::default());
        Self { side: Side::Ground, face: 0, normal, plane, touches: Default::default(), len: 0 }
    }
}

impl Manifold {
    /// Where a part in this frame touches a piece of the ground.
    pub fn new(ground: &Outline, part: &Outline, frame: &Frame) -> Self {
        let there = part.placed(frame);
        let (on_ground, on_part) = (deepest(ground, &there), deepest(&there, ground));
        if on_ground.1 > SKIN || on_part.1 > SKIN {
            return Self::default();
        }
        // Box2D cuts at the very ends of a line, and with the skin at those of a block.
        let slack = if ground.is_line() { 0.0 } else { SKIN };
        if on_part.1 > PREFERENCE.0 * on_ground.1 + PREFERENCE.1 {
            let found = Self::on(Side::Part, &there, on_part.0, ground, slack);
            let (normal, plane) = (part.normals()[on_part.0], frame.find(found.plane));
            return Self { normal, plane, ..found };
        }
        let mut found = Self::on(Side::Ground, ground, on_ground.0, &there, slack);
        found.touches.iter_mut().for_each(|touch| touch.at = frame.find(touch.at));
        found
    }

    /// The points of the other's edge that lie above a face.
    fn on(side: Side, owner: &Outline, face: usize, other: &Outline, slack: f64) -> Self {
        let (normal, [from, to]) = (owner.normals()[face], owner.edge(face));
        let mut found = Self { side, face, normal, plane: from, ..Self::default() };
        let k = if other.is_line() { 0 } else { other.facing(normal) };
        let features = [k, other.next(k)];
        let edge = [0, 1].map(|end| Touch {
            at: other.edge(k)[end],
            feature: features[end],
            ..Touch::default()
        });
        let along = (to - from).unit();
        let ends = cut(edge, -along, slack - along.dot(from), CUT)
            .and_then(|edge| cut(edge, along, along.dot(to) + slack, CUT + 1));
        for touch in ends.into_iter().flatten() {
            if (touch.at - from).dot(normal) <= SKIN {
                found.touches[found.len] = touch;
                found.len += 1;
            }
        }
        found
    }

    /// Take over the impulses of the same points.
    pub fn inherit(&mut self, before: &Self) {
        let same = (self.side, self.face) == (before.side, before.face);
        for touch in self.touches[..self.len].iter_mut().filter(|_| same) {
            let old = before.touches[..before.len].iter().find(|old| old.feature == touch.feature);
            touch.impulse = old.map_or([0.0; 2], |old| old.impulse);
        }
    }

    pub fn touches(&self) -> &[Touch] {
        &self.touches[..self.len]
    }

    pub fn touches_mut(&mut self) -> &mut [Touch] {
        &mut self.touches[..self.len]
    }

    /// Whether it can be one, if it was read from a file.
    pub fn is_sound(&self) -> bool {
        let presses = |touch: &Touch| touch.impulse[0] >= 0.0;
        self.len <= self.touches.len() && self.touches.iter().all(presses)
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A touch as it is with the part in this frame.
    pub fn gap(&self, touch: &Touch, frame: &Frame) -> Gap {
        match self.side {
            Side::Ground => {
                let point = frame.place(touch.at);
                let size = (point - self.plane).dot(self.normal) - SKIN;
                Gap { normal: self.normal, point, size }
            }
            Side::Part => {
                let (normal, point) = (frame.turn(self.normal), touch.at);
                let size = (point - frame.place(self.plane)).dot(normal) - SKIN;
                Gap { normal: -normal, point, size }
            }
        }
    }

    /// The point in the middle between both surfaces.
    pub fn middle(&self, gap: &Gap) -> Vector {
        let out = if self.side == Side::Ground { gap.normal } else { -gap.normal };
        gap.point - out * (0.5 * (gap.size + SKIN))
    }
}

/// The face of one outline that is farthest from the other, and how far.
fn deepest(owner: &Outline, other: &Outline) -> (usize, f64) {
    let faces = owner.normals().iter().zip(owner.corners()).enumerate();
    let gaps = faces.map(|(k, (normal, corner))| {
        let far = other.corners().iter().map(|point| (*point - *corner).dot(*normal));
        (k, far.fold(f64::INFINITY, f64::min))
    });
    gaps.fold((0, f64::NEG_INFINITY), |best, it| if it.1 > best.1 { it } else { best })
}

impl Outline {
    /// The face that looks most against a direction.
    fn facing(&self, against: Vector) -> usize {
        let faces = self.normals().iter().map(|normal| normal.dot(against)).enumerate();
        faces.fold((0, f64::INFINITY), |best, it| if it.1 < best.1 { it } else { best }).0
    }
}

/// Cut from an edge what lies beyond a bound, and put the new end last (points of a contact are
/// solved in order). None if nothing is left.
fn cut(edge: [Touch; 2], way: Vector, bound: f64, feature: usize) -> Option<[Touch; 2]> {
    let beyond = edge.map(|end| end.at.dot(way) - bound);
    let Some(outer) = beyond.iter().position(|far| *far > 0.0) else { return Some(edge) };
    let (inner, outside) = (edge[1 - outer], edge[outer]);
    let share = beyond[outer] / (beyond[outer] - beyond[1 - outer]);
    let at = outside.at + (inner.at - outside.at) * share;
    (beyond[1 - outer] <= 0.0).then_some([inner, Touch { at, feature, ..outside }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::sin_cos;

    fn outline(corners: &[[f64; 2]]) -> Outline {
        Outline::new(corners.iter().copied())
    }

    fn foot() -> Outline {
        outline(&[[-1.0, -2.0], [1.0, -2.0], [1.0, 2.0], [-1.0, 2.0]])
    }

    /// The points of a foot at a place, and the gaps there.
    fn gaps(ground: &Outline, at: [f64; 2], angle: f64) -> (Manifold, Vec<Gap>) {
        let frame = Frame::new(at.into(), angle);
        let found = Manifold::new(ground, &foot(), &frame);
        (found, found.touches().iter().map(|touch| found.gap(touch, &frame)).collect())
    }

    fn near(a: Vector, b: [f64; 2]) {
        assert!((a - b.into()).length() < 1e-9, "{a:?} {b:?}");
    }

    #[test]
    fn a_foot_stands_on_two_points() {
        let line = outline(&[[-9.0, 0.0], [9.0, 0.0]]);
        let (found, gaps) = gaps(&line, [3.0, 2.01], 0.0);
        let [left, right] = gaps[..] else { panic!("{gaps:?}") };
        near(left.point, [2.0, 0.01]);
        near(right.point, [4.0, 0.01]);
        for gap in [left, right] {
            near(gap.normal, [0.0, 1.0]);
            assert!((gap.size - -0.01).abs() < 1e-12);
        }
        near(found.middle(&left), [2.0, 0.005]);
    }

    #[test]
    fn a_tilted_foot_stands_on_a_corner_and_a_high_one_on_none() {
        let line = outline(&[[-9.0, 0.0], [9.0, 0.0]]);
        // The corner at (-1, -2) is the lowest after a turn to the left.
        let (sin, cos) = sin_cos(0.1);
        let (found, gaps_there) = gaps(&line, [0.0, sin + 2.0 * cos + 0.015], 0.1);
        let [gap] = gaps_there[..] else { panic!("{gaps_there:?}") };
        near(gap.point, [-cos + 2.0 * sin, 0.015]);
        near(found.middle(&gap), [-cos + 2.0 * sin, 0.0075]);
        assert!(gaps(&line, [0.0, 2.021], 0.0).0.is_empty());
        assert!(gaps(&line, [11.0, 2.01], 0.0).0.is_empty(), "beside the line");
    }

    #[test]
    fn at_the_end_of_a_line_the_cut_is_solved_last() {
        let line = outline(&[[0.0, 0.0], [9.0, 0.0]]);
        let (_, gaps) = gaps(&line, [0.5, 2.01], 0.0);
        let points: Vec<_> = gaps.iter().map(|gap| gap.point.x).collect();
        assert!((points[0] - 1.5).abs() < 1e-9 && points[1].abs() < 1e-9, "{points:?}");
    }

    /// The end of a line below a sole: the sole is the face, the end the point.
    #[test]
    fn a_part_can_carry_the_face() {
        let line = outline(&[[-9.0, 0.0], [0.0, 0.0]]);
        let (sin, cos) = sin_cos(0.05);
        let (found, gaps) = gaps(&line, [0.5, 2.0 * cos + sin - 0.06], -0.05);
        assert_eq!(found.side, Side::Part);
        assert!(gaps.iter().any(|gap| gap.point == Vector::new(0.0, 0.0)), "{gaps:?}");
        gaps.iter().for_each(|gap| near(gap.normal, [sin, cos]));
        let gap = gaps[0];
        near(found.middle(&gap), (gap.point + gap.normal * (0.5 * (gap.size + SKIN))).into());
    }

    #[test]
    fn blocks_push_where_they_are_least_deep() {
        let block = outline(&[[0.0, 0.0], [4.0, 0.0], [4.0, -4.0], [0.0, -4.0]]);
        let (_, above) = gaps(&block, [2.0, 1.99], 0.0);
        assert_eq!(above.len(), 2);
        near(above[0].normal, [0.0, 1.0]);
        let (_, beside) = gaps(&block, [-0.99, -2.0], 0.0);
        near(beside[0].normal, [-1.0, 0.0]);
        assert!((beside[0].size - -0.03).abs() < 1e-12);
    }

    /// How a walker's lower leg touches a pace of sloping ground, or a block as high as two paces
    /// are long: place and angle of the leg; side, normal and points.
    type Case = (Option<f64>, [f64; 3], Side, [f64; 2], &'static [[f64; 2]]);

    /// `b2CollideEdgeAndPolygon` and `b2CollidePolygons` of pybox2d 2.3.10, points in their order.
    #[rustfmt::skip]
    const CASES: [Case; 10] = [
        (Some(0.280_288_9), [0.271_366_1, 3.991_073, -0.057_423_8],
            Side::Ground, [-0.269_888_2, 0.962_891_6], &[[0.106_666_6, -0.566_666_5]]),
        (Some(-0.118_180_5), [0.200_568_7, 3.866_583, -0.196_104_3], Side::Ground,
            [0.117_363_4, 0.993_089], &[[0.106_666_7, -0.566_666_7], [-0.092_462_4, -0.566_666_9]]),
        (Some(-0.170_814_8), [-0.160_452_2, 3.877_557, 0.090_031_7],
            Side::Part, [1.0, 0.0], &[[0.0, 3.333_333]]),
        (Some(0.075_057_3), [0.002_686_5, 3.451_004, 1.654_114],
            Side::Part, [-1.0, 0.0], &[[0.0, 3.333_333], [0.466_666_7, 3.368_36]]),
        (Some(0.063_033_8), [-0.064_290_8, 3.880_543, 0.141_160_2],
            Side::Part, [0.0, -1.0], &[[0.0, 3.333_333], [0.120_132_9, 3.340_906]]),
        (Some(-0.001_875_9), [-0.026_838_1, 3.893_349, -0.390_564_8], Side::Ground, [0.0, 0.0], &[]),
        (None, [0.617_994_1, 3.884_805, 0.333_734_2],
            Side::Ground, [0.0, 1.0], &[[-0.106_666_7, -0.566_666_8]]),
        (None, [0.836_190_3, 3.885_937, 0.256_982_7], Side::Ground,
            [0.0, 1.0], &[[-0.106_666_7, -0.566_666_7], [-0.027_795_7, -0.566_666_5]]),
        (None, [0.128_599_3, 3.858_598, -0.383_827_5],
            Side::Part, [1.0, 0.0], &[[0.0, 3.333_333], [0.0, 3.277_83]]),
        (None, [1.019_844, 3.892_68, -0.151_543_8],
            Side::Part, [0.0, -1.0], &[[0.933_333_3, 3.333_333], [0.806_287_9, 3.333_333]]),
    ];

    #[test]
    fn touches_are_those_of_box2d() {
        let (x, y) = (0.8 * 8.0 / 30.0 / 2.0, 34.0 / 30.0 / 2.0);
        let leg = outline(&[[-x, -y], [x, -y], [x, y], [-x, y]]);
        let (pace, top) = (14.0 / 30.0, 10.0 / 3.0);
        for (k, (slope, [x, y, angle], side, normal, points)) in CASES.into_iter().enumerate() {
            let ground = match slope {
                Some(slope) => outline(&[[0.0, top], [pace, top + slope * pace]]),
                None => {
                    let (right, low) = (2.0 * pace, top - 0.9);
                    outline(&[[0.0, top], [right, top], [right, low], [0.0, low]])
                }
            };
            let found = Manifold::new(&ground, &leg, &Frame::new(Vector::new(x, y), angle));
            assert_eq!(found.touches().len(), points.len(), "case {k}: {found:?}");
            for (touch, point) in found.touches().iter().zip(points) {
                assert!((touch.at - (*point).into()).length() < 2e-6, "case {k}: {found:?}");
                assert_eq!(found.side, side, "case {k}");
                assert!((found.normal - normal.into()).length() < 2e-6, "case {k}: {found:?}");
            }
        }
    }

    #[test]
    fn impulses_stay_with_their_points() {
        let line = outline(&[[0.0, 0.0], [9.0, 0.0]]);
        let (mut before, _) = gaps(&line, [3.0, 2.01], 0.0);
        for (k, touch) in before.touches_mut().iter_mut().enumerate() {
            touch.impulse = [1.0 + k as f64, 0.5];
        }
        let (mut after, there) = gaps(&line, [3.1, 2.01], -0.001);
        after.inherit(&before);
        for (touch, gap) in after.touches().iter().zip(there) {
            let expected = if gap.point.x < 3.0 { 1.0 } else { 2.0 };
            assert_eq!(touch.impulse, [expected, 0.5]);
        }
        let (mut cut, _) = gaps(&line, [0.5, 2.01], 0.0);
        cut.inherit(&before);
        assert_eq!(cut.touches().iter().map(|t| t.impulse[0]).collect::<Vec<_>>(), [2.0, 0.0]);
    }
}
