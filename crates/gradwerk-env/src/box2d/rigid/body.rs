//! A moving part: its mass, where it is, how it moves, and the way that it makes in a step.

use super::outline::{Bounds, Outline};
use super::vector::{Frame, Vector};
use super::{AIR, MAX_MOVE, MAX_TURN, SKIN};
use serde::{Deserialize, Serialize};

/// Place of the centre of mass, and angle.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::box2d) struct Place {
    pub center: Vector,
    pub angle: f64,
}

impl Place {
    pub fn frame(self) -> Frame {
        Frame::new(self.center, self.angle)
    }

    /// On the straight way to another place.
    pub fn toward(self, other: Self, share: f64) -> Self {
        Self {
            center: self.center + (other.center - self.center) * share,
            angle: self.angle + (other.angle - self.angle) * share,
        }
    }
}

/// A rigid part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::box2d) struct Body {
    /// Around the centre of mass.
    pub outline: Outline,
    pub friction: f64,
    pub inverse_mass: f64,
    pub inverse_inertia: f64,
    /// From the centre of mass to the part's own origin.
    pub origin: Vector,
    /// Now; within a step, at its end.
    pub place: Place,
    /// Where what is left of the step begins, and which share of the step is over there.
    pub since: Place,
    pub over: f64,
    pub velocity: Vector,
    pub spin: f64,
    pub force: Vector,
    pub torque: f64,
    /// Seconds at rest.
    pub at_rest: f64,
    /// A box with some air in which the part is; contacts are made for all ground within.
    pub space: Bounds,
}

impl Body {
    /// A part of this density whose origin is at a place.
    pub fn new(outline: &Outline, density: f64, friction: f64, at: Vector, angle: f64) -> Self {
        let shape = outline.shape();
        let center = Frame::new(at, angle).place(shape.center);
        let place = Place { center, angle };
        let outline = outline.shifted(-shape.center);
        let bounds = outline.placed(&place.frame()).bounds();
        Self {
            outline,
            friction,
            inverse_mass: 1.0 / (density * shape.area),
            inverse_inertia: 1.0 / (density * shape.moment),
            origin: -shape.center,
            place,
            since: place,
            over: 0.0,
            velocity: Vector::default(),
            spin: 0.0,
            force: Vector::default(),
            torque: 0.0,
            at_rest: 0.0,
            space: bounds.widened(SKIN / 2.0 + AIR),
        }
    }

    /// Whether it can be one, if it was read from a file.
    pub fn is_sound(&self) -> bool {
        self.inverse_mass > 0.0 && self.inverse_inertia > 0.0 && self.friction >= 0.0
    }

    /// Velocity of the end of an arm from the centre of mass.
    #[inline]
    pub fn velocity_at(&self, arm: Vector) -> Vector {
        self.velocity + arm.spun(self.spin)
    }

    /// Change the velocity by a momentum at an arm's end, and by a spin's.
    #[inline]
    pub fn kick(&mut self, impulse: Vector, arm: Vector, twist: f64) {
        self.velocity += impulse * self.inverse_mass;
        self.spin += (arm.cross(impulse) + twist) * self.inverse_inertia;
    }

    /// The same change of the place.
    pub fn shift(&mut self, impulse: Vector, arm: Vector) {
        self.place.center += impulse * self.inverse_mass;
        self.place.angle += arm.cross(impulse) * self.inverse_inertia;
    }

    /// Let gravity act, and the forces of this step.
    pub fn accelerate(&mut self, gravity: f64, dt: f64) {
        self.velocity += (Vector::new(0.0, gravity) + self.force * self.inverse_mass) * dt;
        self.spin += self.torque * self.inverse_inertia * dt;
        (self.force, self.torque) = (Vector::default(), 0.0);
    }

    /// Move on; what is too fast is slowed down.
    pub fn drift(&mut self, dt: f64) {
        let far = self.velocity.length() * dt;
        if far > MAX_MOVE {
            self.velocity = self.velocity * (MAX_MOVE / far);
        }
        let turn = (self.spin * dt).abs();
        if turn > MAX_TURN {
            self.spin *= MAX_TURN / turn;
        }
        self.place.center += self.velocity * dt;
        self.place.angle += self.spin * dt;
    }

    /// Begin what is left of the step here.
    pub fn begin(&mut self, over: f64) {
        (self.since, self.over) = (self.place, over);
    }

    /// Go back to where a share of the step is over.
    pub fn rewind(&mut self, over: f64) {
        let share = (over - self.over) / (1.0 - self.over);
        self.place = self.since.toward(self.place, share);
        self.begin(over);
    }

    /// Make a new box if the part has left its own; whether it has.
    pub fn make_space(&mut self) -> bool {
        let [from, to] = [self.since, self.place].map(Place::frame);
        let bounds = self.outline.placed(&from).bounds().around(self.outline.placed(&to).bounds());
        let bounds = bounds.widened(SKIN / 2.0);
        let left = !self.space.contains(&bounds);
        if left {
            let way = to.place(self.origin) - from.place(self.origin);
            self.space = bounds.widened(AIR).stretched(way * 2.0);
        }
        left
    }
}

/// Of all parts, along x and y and about the origin.
#[cfg(test)]
pub(super) fn momentum(bodies: &[Body]) -> [f64; 3] {
    bodies.iter().fold([0.0; 3], |[x, y, turn], body| {
        let v = body.velocity * (1.0 / body.inverse_mass);
        let own = body.spin / body.inverse_inertia;
        [x + v.x, y + v.y, turn + own + body.place.center.cross(v)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box of 2 by 1 whose origin is its lower left corner, turned by a quarter.
    fn body() -> Body {
        let corners = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]];
        let quarter = std::f64::consts::FRAC_PI_2;
        Body::new(&Outline::new(corners), 3.0, 0.2, Vector::new(10.0, 20.0), quarter)
    }

    #[test]
    fn it_turns_about_its_centre_of_mass() {
        let body = body();
        assert!((body.place.center - Vector::new(9.5, 21.0)).length() < 1e-12);
        let origin = body.place.frame().place(body.origin);
        assert!((origin - Vector::new(10.0, 20.0)).length() < 1e-12);
        assert!((1.0 / body.inverse_mass - 6.0).abs() < 1e-12);
        assert!((1.0 / body.inverse_inertia - 6.0 * 5.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn forces_act_for_one_step() {
        let mut body = body();
        (body.force, body.torque) = (Vector::new(12.0, 0.0), 5.0);
        for gravity in [-10.0, 0.0] {
            body.accelerate(gravity, 0.5);
            assert!((body.velocity - Vector::new(1.0, -5.0)).length() < 1e-12);
            assert!((body.spin - 1.0).abs() < 1e-12, "{}", body.spin);
        }
    }

    #[test]
    fn a_kick_beside_the_centre_spins() {
        let mut body = body();
        body.kick(Vector::new(0.0, 6.0), Vector::new(0.5, 0.0), 0.0);
        assert!((body.velocity - Vector::new(0.0, 1.0)).length() < 1e-12);
        assert!((body.spin - 3.0 / 2.5).abs() < 1e-12);
        assert!((body.velocity_at(Vector::new(1.0, 0.0)).y - 2.2).abs() < 1e-12);
    }

    #[test]
    fn what_is_too_fast_is_slowed_down() {
        let mut body = body();
        (body.velocity, body.spin) = (Vector::new(300.0, -400.0), -100.0);
        let before = body.place;
        body.drift(0.02);
        let way = body.place.center - before.center;
        assert!((way - Vector::new(1.2, -1.6)).length() < 1e-12, "{way:?}");
        assert!((body.place.angle - before.angle + MAX_TURN).abs() < 1e-12);
    }

    #[test]
    fn a_step_can_be_rewound_twice() {
        let mut body = body();
        let start = body.place;
        body.velocity = Vector::new(10.0, 0.0);
        body.begin(0.0);
        body.drift(0.1);
        body.rewind(0.25);
        assert!((body.place.center.x - start.center.x - 0.25).abs() < 1e-12);
        body.drift(0.075);
        body.rewind(0.5);
        assert!((body.place.center.x - start.center.x - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_new_box_reaches_ahead() {
        let mut body = body();
        body.begin(0.0);
        assert!(!body.make_space());
        body.place.center.x += 0.05;
        assert!(!body.make_space(), "within the air");
        body.place.center.x += 0.95;
        assert!(body.make_space());
        let Bounds { low, high } = body.space;
        assert!((high.x - (10.0 + 1.0 + 0.11 + 2.0)).abs() < 1e-12, "{high:?}");
        assert!((low.x - (9.0 - 0.11)).abs() < 1e-12, "{low:?}");
    }
}
