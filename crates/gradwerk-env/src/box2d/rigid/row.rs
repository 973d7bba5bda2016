//! A contact as a constraint on velocities: no point goes into the ground, friction holds it.

use super::body::Body;
use super::contact::Contact;
use super::manifold::Manifold;
use super::vector::Vector;
use gradwerk_math::Real;

/// With a worse condition than this, one of two points carries all.
const WORST_CONDITION: f64 = 1000.0;

/// A contact in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Index of the contact.
    pub contact: usize,
    part: usize,
    friction: f64,
    normal: Vector,
    points: [Point; 2],
    len: usize,
    /// The symmetric matrix of both points' normals: its diagonal, the other entry, and the
    /// determinant's inverse.
    pair: Pair,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    k: [f64; 3],
    inverse: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    arm: Vector,
    /// Impulses along the normal and along the surface.
    impulse: [f64; 2],
    /// What stops a unit of velocity along either.
    mass: [f64; 2],
}

impl Row {
    /// The contact of a part as it is now, without impulses.
    pub fn new(number: usize, contact: &Contact, body: &Body) -> Self {
        let (manifold, frame) = (&contact.manifold, body.place.frame());
        let mut row = Self {
            contact: number,
            part: contact.part,
            friction: contact.friction,
            normal: Vector::default(),
            points: Default::default(),
            len: 0,
            pair: Pair::default(),
        };
        for touch in manifold.touches() {
            let gap = manifold.gap(touch, &frame);
            row.normal = gap.normal;
            let arm = manifold.middle(&gap) - body.place.center;
            let mass =
                [gap.normal, gap.normal.right()].map(|way| 1.0 / yielding(body, arm, arm, way));
            row.points[row.len] = Point { arm, impulse: [0.0; 2], mass };
            row.len += 1;
        }
        row.couple(body);
        row
    }

    /// Begin with the impulses of the last step.
    pub fn inherit(&mut self, body: &mut Body, manifold: &Manifold) {
        let along = self.normal.right();
        for (point, touch) in self.points.iter_mut().zip(manifold.touches()).take(self.len) {
            point.impulse = touch.impulse;
            body.kick(self.normal * touch.impulse[0] + along * touch.impulse[1], point.arm, 0.0);
        }
    }

    /// Leave the impulses for the next step.
    pub fn bequeath(&self, manifold: &mut Manifold) {
        for (touch, point) in manifold.touches_mut().iter_mut().zip(&self.points[..self.len]) {
            touch.impulse = point.impulse;
        }
    }

    /// Two points of one face nearly say the same twice.
    fn couple(&mut self, body: &Body) {
        if self.len < 2 {
            return;
        }
        let [p, q] = [self.points[0].arm, self.points[1].arm];
        let k = [(p, p), (q, q), (p, q)].map(|(a, b)| yielding(body, a, b, self.normal));
        let determinant = k[0] * k[1] - k[2] * k[2];
        if k[0] * k[0] < WORST_CONDITION * determinant {
            self.pair = Pair { k, inverse: 1.0 / determinant };
        } else {
            self.len = 1;
        }
    }

    /// Apply what is missing to the velocities of the part; how much that was.
    pub fn solve(&mut self, bodies: &mut [Body]) -> f64 {
        let body = &mut bodies[self.part];
        let held = self.hold(body);
        let new = match self.len {
            2 => self.both(body),
            _ => [self.one(body), 0.0],
        };
        let mut change = held;
        for (point, new) in self.points[..self.len].iter_mut().zip(new) {
            let more = new - point.impulse[0];
            body.kick(self.normal * more, point.arm, 0.0);
            point.impulse[0] = new;
            change += more.abs();
        }
        change
    }

    /// Friction, as much as the normal impulse allows.
    fn hold(&mut self, body: &mut Body) -> f64 {
        let along = self.normal.right();
        let mut change = 0.0;
        for point in &mut self.points[..self.len] {
            let slip = body.velocity_at(point.arm).dot(along);
            let most = self.friction * point.impulse[0];
            let new = Real::clip(point.impulse[1] - point.mass[1] * slip, -most, most);
            body.kick(along * (new - point.impulse[1]), point.arm, 0.0);
            change += (new - point.impulse[1]).abs();
            point.impulse[1] = new;
        }
        change
    }

    /// The impulse at one point: no speed is left into the ground, and it does not pull.
    fn one(&self, body: &Body) -> f64 {
        let point = &self.points[0];
        let speed = body.velocity_at(point.arm).dot(self.normal);
        (point.impulse[0] - point.mass[0] * speed).max(0.0)
    }

    /// Those at both points at once: impulses and speeds are not negative, and one of the two is 0
    /// at either.
    fn both(&self, body: &Body) -> [f64; 2] {
        let old = self.points.map(|point| point.impulse[0]);
        let Pair { k: [k11, k22, k12], inverse } = self.pair;
        let speed = self.points.map(|point| body.velocity_at(point.arm).dot(self.normal));
        // Speeds if there were no impulses.
        let u = speed[0] - k11 * old[0] - k12 * old[1];
        let v = speed[1] - k12 * old[0] - k22 * old[1];
        let together = [inverse * (k12 * v - k22 * u), inverse * (k12 * u - k11 * v)];
        let (first, second) = (-u / k11, -v / k22);
        if together.iter().all(|impulse| *impulse >= 0.0) {
            together
        } else if first >= 0.0 && k12 * first + v >= 0.0 {
            [first, 0.0]
        } else if second >= 0.0 && k12 * second + u >= 0.0 {
            [0.0, second]
        } else if u >= 0.0 && v >= 0.0 {
            [0.0; 2]
        } else {
            old
        }
    }
}

/// The velocity along `way` at the arm `at` that a unit impulse along `way` at the arm `by` gives.
pub(super) fn yielding(body: &Body, at: Vector, by: Vector, way: Vector) -> f64 {
    body.inverse_mass + body.inverse_inertia * at.cross(way) * by.cross(way)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::box2d::rigid::Outline;
    use gradwerk_math::{Purpose, Stream};

    const FRICTION: f64 = 0.4;

    /// A box that stands on a line, with any velocity.
    fn standing(rng: &mut Stream) -> Body {
        let corners = [[-1.0, -2.0], [1.0, -2.0], [1.0, 2.0], [-1.0, 2.0]];
        let mut body = Body::new(&Outline::new(corners), 0.3, 1.0, Vector::new(0.0, 2.01), 0.0);
        body.velocity = Vector::new(rng.uniform_in(-3.0, 3.0), rng.uniform_in(-3.0, 1.0));
        body.spin = rng.uniform_in(-2.0, 2.0);
        body
    }

    fn contact(body: &Body, half: f64) -> Contact {
        let mut contact = Contact::new(0, 0, FRICTION);
        let ends = [[-half, 0.0], [half, 0.0]];
        contact.update(&Outline::new(ends), body);
        contact
    }

    fn solved(row: &mut Row, body: Body) -> Body {
        let mut bodies = [body];
        let found = (0..10_000).any(|_| row.solve(&mut bodies) < 1e-13);
        assert!(found, "no impulses found");
        let [body] = bodies;
        body
    }

    /// Signorini's and Coulomb's laws.
    fn check(row: &Row, body: &Body) {
        let (normal, along) = (row.normal, row.normal.right());
        for Point { arm, impulse: [press, hold], .. } in &row.points[..row.len] {
            let (rise, slip) =
                (body.velocity_at(*arm).dot(normal), body.velocity_at(*arm).dot(along));
            assert!(rise > -1e-10 && *press >= 0.0, "{rise} {press}");
            assert!((rise * press).abs() < 1e-9, "{rise} {press}");
            assert!(hold.abs() <= FRICTION * press + 1e-12, "{hold} {press}");
            let slides = (hold.abs() - FRICTION * press).abs() < 1e-9 && hold * slip <= 1e-9;
            assert!(slip.abs() < 1e-9 || slides, "{slip} {hold} {press}");
        }
    }

    #[test]
    fn no_point_sinks_none_is_pulled_and_friction_has_its_limit() {
        let mut rng = Stream::new(1, Purpose::Test, 0, 0);
        let mut carried = [0; 3];
        for case in 0..300 {
            let body = standing(&mut rng);
            // Two points, or one near the middle.
            let contact = contact(&body, if case % 3 == 0 { 1e-3 } else { 9.0 });
            let mut row = Row::new(0, &contact, &body);
            let body = solved(&mut row, body);
            check(&row, &body);
            carried[row.points[..row.len].iter().filter(|p| p.impulse[0] > 0.0).count()] += 1;
        }
        assert!(carried.iter().all(|cases| *cases > 10), "{carried:?}");
    }

    #[test]
    fn the_impulses_of_the_last_step_are_where_the_next_begins() {
        let mut body = standing(&mut Stream::new(2, Purpose::Test, 0, 0));
        (body.velocity, body.spin) = (Vector::new(0.0, -1.0), 0.0);
        let mut contact = contact(&body, 9.0);
        let mut row = Row::new(0, &contact, &body);
        let before = body.clone();
        solved(&mut row, body);
        row.bequeath(&mut contact.manifold);
        let mut next = before;
        let mut row = Row::new(0, &contact, &next);
        row.inherit(&mut next, &contact.manifold);
        assert!(next.velocity.length() < 1e-12, "{:?}", next.velocity);
        assert!(row.solve(&mut [next]) < 1e-12);
    }
}
