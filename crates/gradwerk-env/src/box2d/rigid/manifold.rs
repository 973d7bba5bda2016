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
        if on_part.1 > PREFERENCE.0 * on_ground.1 + PREFERENCE.1 {
            // Only here is a cut face one of a piece of the ground without breadth.
            let (face, cut) = (on_part.0, if ground.is_line() { 0.0 } else { SKIN });
            let found = Self::on(Side::Part, &there, face, ground, cut);
            let local =
                Self { plane: frame.find(found.plane), normal: part.normals()[face], ..found };
            return local;
        }
        let cut = if ground.is_line() { 0.0 } else { SKIN };
        let mut found = Self::on(Side::Ground, ground, on_ground.0, &there, cut);
        found.touches.iter_mut().for_each(|touch| touch.at = frame.find(touch.at));
        found
    }

    /// The points of the other's edge that lie above a face.
    fn on(side: Side, owner: &Outline, face: usize, other: &Outline, slack: f64) -> Self {
        let (normal, [from, to]) = (owner.normals()[face], owner.edge(face));
        let none = Self { side, face, normal, plane: from, ..Self::default() };
        let k = if other.is_line() { 0 } else { other.support_face(normal) };
        let mut ends = other.edge(k);
        let mut features = [k, other.next(k)];
        let along = (to - from).unit();
        let bounds = [(along, along.dot(to) + slack), (-along, slack - along.dot(from))];
        for (number, (way, bound)) in bounds.into_iter().enumerate() {
            if !cut(&mut ends, &mut features, way, bound, CUT + number) {
                return none;
            }
        }
        let touches =
            [0, 1].map(|k| Touch { at: ends[k], feature: features[k], impulse: [0.0; 2] });
        let near = |touch: &Touch| (touch.at - from).dot(normal) <= SKIN;
        match touches.map(|touch| near(&touch)) {
            [true, true] => Self { touches, len: 2, ..none },
            [true, false] => Self { touches, len: 1, ..none },
            [false, true] => Self { touches: [touches[1], touches[0]], len: 1, ..none },
            [false, false] => none,
        }
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
        self.len <= self.touches.len()
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
    fn support_face(&self, against: Vector) -> usize {
        let faces = self.normals().iter().map(|normal| normal.dot(against)).enumerate();
        faces.fold((0, f64::INFINITY), |best, it| if it.1 < best.1 { it } else { best }).0
    }
}

/// Cut from a segment what lies beyond a bound, and put the new end last (points of a contact are
/// solved in order); whether anything is left.
fn cut(
    ends: &mut [Vector; 2],
    features: &mut [usize; 2],
    way: Vector,
    bound: f64,
    feature: usize,
) -> bool {
    let beyond = ends.map(|end| end.dot(way) - bound);
    if beyond[0] > 0.0 && beyond[1] > 0.0 {
        return false;
    }
    if let Some(outer) = beyond.iter().position(|far| *far > 0.0) {
        let share = beyond[outer] / (beyond[outer] - beyond[1 - outer]);
        let inner = 1 - outer;
        let cut = ends[outer] + (ends[inner] - ends[outer]) * share;
        (*ends, *features) = ([ends[inner], cut], [features[inner], feature]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::sin_cos;

    fn outline(corners: &[[f64; 2]]) -> Outline {
        Outline::new(corners.iter().map(|corner| Vector::from(*corner)))
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
