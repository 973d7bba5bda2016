//! Convex outlines, of moving parts and of pieces of the ground.

use super::vector::{Frame, Vector};
use serde::{Deserialize, Serialize};

/// The most corners of an outline.
const MOST: usize = 8;

/// Corners, counterclockwise, and the outward normals of the edges that begin at them. A line has
/// two corners and two edges, there and back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(into = "Vec<[Vector; 2]>", try_from = "Vec<[Vector; 2]>")]
pub(in crate::box2d) struct Outline {
    len: usize,
    corners: [Vector; MOST],
    normals: [Vector; MOST],
}

/// Area, centre and second moment about the centre, all at density 1.
#[derive(Clone, Copy, Debug)]
pub(in crate::box2d) struct Shape {
    pub area: f64,
    pub center: Vector,
    pub moment: f64,
}

/// An upright box.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::box2d) struct Bounds {
    pub low: Vector,
    pub high: Vector,
}

impl Outline {
    /// From corners in either direction.
    ///
    /// # Panics
    /// If there are fewer than two corners or more than eight.
    pub fn new<P: Into<Vector>>(corners: impl IntoIterator<Item = P>) -> Self {
        let mut outline = Self { len: 0, corners: Default::default(), normals: Default::default() };
        for corner in corners {
            outline.corners[outline.len] = corner.into();
            outline.len += 1;
        }
        assert!(outline.len >= 2, "an outline of {} corners", outline.len);
        if outline.doubled_area() < 0.0 {
            outline.corners[..outline.len].reverse();
        }
        for k in 0..outline.len {
            let [from, to] = outline.edge(k);
            outline.normals[k] = (to - from).right().unit();
        }
        outline
    }

    pub fn corners(&self) -> &[Vector] {
        &self.corners[..self.len]
    }

    pub fn normals(&self) -> &[Vector] {
        &self.normals[..self.len]
    }

    pub fn is_line(&self) -> bool {
        self.len == 2
    }

    /// Both ends of an edge.
    pub fn edge(&self, k: usize) -> [Vector; 2] {
        [self.corners[k], self.corners[self.next(k)]]
    }

    /// The corner after this one.
    pub fn next(&self, k: usize) -> usize {
        if k + 1 == self.len { 0 } else { k + 1 }
    }

    /// The outline in the world.
    pub fn placed(&self, frame: &Frame) -> Self {
        let mut outline = *self;
        for k in 0..self.len {
            outline.corners[k] = frame.place(self.corners[k]);
            outline.normals[k] = frame.turn(self.normals[k]);
        }
        outline
    }

    /// The outline moved.
    pub fn shifted(mut self, by: Vector) -> Self {
        self.corners[..self.len].iter_mut().for_each(|corner| *corner += by);
        self
    }

    fn edges(&self) -> impl Iterator<Item = [Vector; 2]> + '_ {
        (0..self.len).map(|k| self.edge(k))
    }

    fn doubled_area(&self) -> f64 {
        self.edges().map(|[p, q]| p.cross(q)).sum()
    }

    /// Sums over the triangles between the origin and the edges.
    pub fn shape(&self) -> Shape {
        let area = self.doubled_area() / 2.0;
        let first = self.edges().fold(Vector::default(), |sum, [p, q]| sum + (p + q) * p.cross(q));
        let center = first * (1.0 / (6.0 * area));
        let second = |[p, q]: [Vector; 2]| p.cross(q) * (p.dot(p) + p.dot(q) + q.dot(q)) / 12.0;
        let moment = self.edges().map(second).sum::<f64>() - area * center.dot(center);
        Shape { area, center, moment }
    }

    pub fn bounds(&self) -> Bounds {
        let first = Bounds { low: self.corners[0], high: self.corners[0] };
        self.corners().iter().fold(first, |bounds, corner| bounds.with(*corner))
    }

    /// The corner farthest along a direction.
    pub fn support(&self, along: Vector) -> Vector {
        let farther = |best: Vector, corner: &Vector| {
            if corner.dot(along) > best.dot(along) { *corner } else { best }
        };
        self.corners().iter().fold(self.corners[0], farther)
    }

    /// The share of the way between two points before the first edge.
    pub fn ray(&self, from: Vector, to: Vector) -> Option<f64> {
        let count = if self.is_line() { 1 } else { self.len };
        let hits = (0..count).filter_map(|k| crossing(from, to - from, self.edge(k)));
        hits.fold(None, |best, hit| Some(best.map_or(hit, |b: f64| b.min(hit))))
    }
}

/// Corners with their normals.
impl From<Outline> for Vec<[Vector; 2]> {
    fn from(outline: Outline) -> Self {
        let corners = outline.corners().iter().zip(outline.normals());
        corners.map(|(corner, normal)| [*corner, *normal]).collect()
    }
}

impl TryFrom<Vec<[Vector; 2]>> for Outline {
    type Error = String;

    fn try_from(corners: Vec<[Vector; 2]>) -> Result<Self, String> {
        let len = corners.len();
        if !(2..=MOST).contains(&len) {
            return Err(format!("an outline of {len} corners, expected 2 to {MOST}"));
        }
        let mut outline = Self { len, corners: Default::default(), normals: Default::default() };
        for (k, [corner, normal]) in corners.into_iter().enumerate() {
            (outline.corners[k], outline.normals[k]) = (corner, normal);
        }
        Ok(outline)
    }
}

/// The share of a way before it crosses a segment.
fn crossing(from: Vector, way: Vector, [p, q]: [Vector; 2]) -> Option<f64> {
    let (edge, gap) = (q - p, p - from);
    let across = way.cross(edge);
    let (share, along) = (gap.cross(edge) / across, gap.cross(way) / across);
    let hits = (0.0..=1.0).contains(&share) && (0.0..=1.0).contains(&along);
    hits.then_some(share)
}

impl Bounds {
    fn with(self, point: Vector) -> Self {
        let low = Vector::new(self.low.x.min(point.x), self.low.y.min(point.y));
        let high = Vector::new(self.high.x.max(point.x), self.high.y.max(point.y));
        Self { low, high }
    }

    /// The box around both.
    pub fn around(self, other: Self) -> Self {
        self.with(other.low).with(other.high)
    }

    /// Wider on all sides.
    pub fn widened(self, by: f64) -> Self {
        let by = Vector::new(by, by);
        Self { low: self.low - by, high: self.high + by }
    }

    /// Longer on the side to which something moves.
    pub fn stretched(self, by: Vector) -> Self {
        self.around(Self { low: self.low + by, high: self.high + by })
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.low.x <= other.high.x
            && other.low.x <= self.high.x
            && self.low.y <= other.high.y
            && other.low.y <= self.high.y
    }

    pub fn contains(&self, other: &Self) -> bool {
        self.low.x <= other.low.x
            && other.high.x <= self.high.x
            && self.low.y <= other.low.y
            && other.high.y <= self.high.y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(corners: &[[f64; 2]]) -> Outline {
        Outline::new(corners.iter().copied())
    }

    /// A box of 4 by 2 around (3, 5), clockwise.
    fn block() -> Outline {
        outline(&[[1.0, 4.0], [1.0, 6.0], [5.0, 6.0], [5.0, 4.0]])
    }

    #[test]
    fn the_shape_of_a_box_and_of_a_triangle() {
        let Shape { area, center, moment } = block().shape();
        assert_eq!((area, center), (8.0, Vector::new(3.0, 5.0)));
        assert!((moment - 8.0 * (16.0 + 4.0) / 12.0).abs() < 1e-12, "{moment}");
        let Shape { area, center, moment } = outline(&[[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]).shape();
        assert_eq!((area, center), (4.5, Vector::new(1.0, 1.0)));
        // A right isosceles triangle of legs a about its centroid: a^4 / 18.
        assert!((moment - 4.5).abs() < 1e-12, "{moment}");
    }

    #[test]
    fn normals_point_outwards() {
        for shape in [block(), outline(&[[0.0, 0.0], [1.0, 1.0]])] {
            let middle = (shape.bounds().low + shape.bounds().high) * 0.5;
            for (normal, corner) in shape.normals().iter().zip(shape.corners()) {
                assert!((*corner - middle).dot(*normal) >= 0.0);
                assert!((normal.length() - 1.0).abs() < 1e-12);
            }
        }
        let line = outline(&[[0.0, 0.0], [2.0, 0.0]]);
        assert_eq!(line.normals(), [Vector::new(0.0, -1.0), Vector::new(0.0, 1.0)]);
    }

    #[test]
    fn rays_end_at_the_first_edge() {
        let (line, block) = (outline(&[[0.0, 0.0], [2.0, 0.0]]), block());
        let ray = |shape: &Outline, from: [f64; 2], to: [f64; 2]| shape.ray(from.into(), to.into());
        assert_eq!(ray(&line, [1.0, 1.0], [1.0, -3.0]), Some(0.25));
        assert_eq!(ray(&line, [1.0, -1.0], [1.0, 3.0]), Some(0.25));
        assert_eq!(ray(&line, [3.0, 1.0], [3.0, -3.0]), None);
        assert_eq!(ray(&line, [1.0, 1.0], [1.0, 0.5]), None);
        assert_eq!(ray(&line, [-1.0, 0.0], [3.0, 0.0]), None, "along the line");
        assert_eq!(ray(&block, [-1.0, 5.0], [9.0, 5.0]), Some(0.2));
        assert_eq!(ray(&block, [3.0, 8.0], [3.0, 4.5]), Some(2.0 / 3.5));
    }

    #[test]
    fn boxes_widen_stretch_and_meet() {
        let space = block().bounds();
        assert_eq!((space.low, space.high), (Vector::new(1.0, 4.0), Vector::new(5.0, 6.0)));
        let long = space.stretched(Vector::new(-2.0, 1.0));
        assert_eq!((long.low, long.high), (Vector::new(-1.0, 4.0), Vector::new(5.0, 7.0)));
        assert!(long.contains(&space) && !space.contains(&long));
        let beside = Bounds { low: Vector::new(5.5, 0.0), high: Vector::new(6.0, 9.0) };
        assert!(!space.overlaps(&beside) && space.widened(0.5).overlaps(&beside));
    }
}
