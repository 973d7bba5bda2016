//! Two parts on one pin, with a motor and a range.

use super::body::Body;
use super::vector::Vector;
use super::{ANGLE_SLOP, MAX_ANGLE_CORRECTION, SLOP};
use gradwerk_math::Real;
use serde::{Deserialize, Serialize};

/// A hinge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::box2d) struct Hinge {
    pub parts: [usize; 2],
    /// From the centres of mass.
    pins: [Vector; 2],
    range: [f64; 2],
    /// The angle between the parts at which the hinge's is 0.
    zero: f64,
    pub motor: Motor,
    end: Option<End>,
    impulse: Impulse,
    #[serde(skip)]
    step: Step,
}

/// The speed that a motor aims at, and its largest torque.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::box2d) struct Motor {
    pub speed: f64,
    pub torque: f64,
}

/// An end of the range at which the hinge was when the step began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum End {
    Low,
    High,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Impulse {
    pin: Vector,
    end: f64,
    motor: f64,
}

/// What does not change while velocities are sought.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    arms: [Vector; 2],
    pin: Matrix,
    /// Of the pin's velocity by a twist.
    twist: Vector,
    inertia: f64,
    /// Inverse of what the twist yields where the pin holds.
    held: f64,
}

/// Symmetric: the diagonal, the other entry.
#[derive(Clone, Copy, Debug, Default)]
struct Matrix {
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Matrix {
    fn times(self, v: Vector) -> Vector {
        Vector::new(self.xx * v.x + self.xy * v.y, self.xy * v.x + self.yy * v.y)
    }

    fn inverse(self) -> Self {
        let scale = 1.0 / (self.xx * self.yy - self.xy * self.xy);
        Self { xx: self.yy * scale, yy: self.xx * scale, xy: -self.xy * scale }
    }
}

/// What the pin's gap yields to an impulse between the parts.
fn yielding(bodies: [&Body; 2], arms: [Vector; 2]) -> Matrix {
    let mut k = Matrix::default();
    for (body, arm) in bodies.into_iter().zip(arms) {
        k.xx += body.inverse_mass + body.inverse_inertia * arm.y * arm.y;
        k.yy += body.inverse_mass + body.inverse_inertia * arm.x * arm.x;
        k.xy -= body.inverse_inertia * arm.x * arm.y;
    }
    k
}

impl Hinge {
    /// Join parts at their pins, given from either origin; the angle is 0 as they are now.
    pub fn new(parts: [usize; 2], bodies: &[Body], pins: [Vector; 2], range: [f64; 2]) -> Self {
        let [a, b] = parts.map(|part| &bodies[part]);
        Self {
            parts,
            pins: [a.origin + pins[0], b.origin + pins[1]],
            range,
            zero: b.place.angle - a.place.angle,
            motor: Motor::default(),
            end: None,
            impulse: Impulse::default(),
            step: Step::default(),
        }
    }

    /// Whether it can be one among so many parts, if it was read from a file.
    pub fn is_sound(&self, parts: usize) -> bool {
        let [a, b] = self.parts;
        a != b && a < parts && b < parts && self.motor.torque >= 0.0
    }

    pub fn angle(&self, bodies: &[Body]) -> f64 {
        let [a, b] = self.parts.map(|part| bodies[part].place.angle);
        b - a - self.zero
    }

    pub fn speed(&self, bodies: &[Body]) -> f64 {
        let [a, b] = self.parts.map(|part| bodies[part].spin);
        b - a
    }

    fn arms(&self, bodies: &[Body]) -> [Vector; 2] {
        [0, 1].map(|k| bodies[self.parts[k]].place.frame().turn(self.pins[k]))
    }

    /// Begin a step, with the impulses of the last.
    pub fn prepare(&mut self, bodies: &mut [Body]) {
        let [a, b] = self.parts.map(|part| &bodies[part]);
        let arms = self.arms(bodies);
        let pin = yielding([a, b], arms).inverse();
        let (ia, ib) = (a.inverse_inertia, b.inverse_inertia);
        let twist = Vector::new(-arms[0].y * ia - arms[1].y * ib, arms[0].x * ia + arms[1].x * ib);
        let held = 1.0 / (ia + ib - twist.dot(pin.times(twist)));
        self.step = Step { arms, pin, twist, inertia: 1.0 / (ia + ib), held };
        let end = self.reached(bodies);
        if end != self.end || end.is_none() {
            (self.end, self.impulse.end) = (end, 0.0);
        }
        self.kick(bodies, self.impulse.pin, self.impulse.end + self.impulse.motor);
    }

    fn reached(&self, bodies: &[Body]) -> Option<End> {
        let angle = self.angle(bodies);
        if angle <= self.range[0] {
            Some(End::Low)
        } else if angle >= self.range[1] {
            Some(End::High)
        } else {
            None
        }
    }

    #[inline]
    fn kick(&self, bodies: &mut [Body], impulse: Vector, twist: f64) {
        let ([a, b], [from, to]) = (self.parts, self.step.arms);
        bodies[a].kick(-impulse, from, -twist);
        bodies[b].kick(impulse, to, twist);
    }

    /// Apply what is missing to the velocities of both parts; how much that was.
    pub fn solve(&mut self, bodies: &mut [Body], dt: f64) -> f64 {
        let driven = self.drive(bodies, dt);
        let ([a, b], [from, to]) = (self.parts, self.step.arms);
        let slip = bodies[b].velocity_at(to) - bodies[a].velocity_at(from);
        let more = match self.end {
            None => Impulse { pin: -self.step.pin.times(slip), ..Impulse::default() },
            Some(end) => self.stop(end, slip, self.speed(bodies)),
        };
        self.impulse.pin += more.pin;
        self.impulse.end += more.end;
        self.kick(bodies, more.pin, more.end);
        more.pin.x.abs() + more.pin.y.abs() + more.end.abs() + driven
    }

    fn drive(&mut self, bodies: &mut [Body], dt: f64) -> f64 {
        let Motor { speed, torque } = self.motor;
        let missing = self.step.inertia * (speed - self.speed(bodies));
        let new = Real::clip(self.impulse.motor + missing, -dt * torque, dt * torque);
        let more = new - self.impulse.motor;
        for (part, twist) in self.parts.into_iter().zip([-more, more]) {
            bodies[part].spin += twist * bodies[part].inverse_inertia;
        }
        self.impulse.motor = new;
        more.abs()
    }

    /// Pin and end of the range at once; the end only pushes back.
    fn stop(&self, end: End, slip: Vector, speed: f64) -> Impulse {
        let Step { pin, twist, held, .. } = self.step;
        let wanted = held * (twist.dot(pin.times(slip)) - speed);
        let total = self.impulse.end + wanted;
        let pulls = match end {
            End::Low => total < 0.0,
            End::High => total > 0.0,
        };
        let more = if pulls { -self.impulse.end } else { wanted };
        Impulse { pin: -pin.times(slip + twist * more), end: more, motor: 0.0 }
    }

    /// Move the parts until the pins meet and the range is kept; whether they did before.
    pub fn correct(&self, bodies: &mut [Body]) -> bool {
        let angle = self.turn_back(bodies);
        let ([a, b], arms) = (self.parts, self.arms(bodies));
        let gap = bodies[b].place.center + arms[1] - bodies[a].place.center - arms[0];
        let impulse = -yielding([&bodies[a], &bodies[b]], arms).inverse().times(gap);
        bodies[a].shift(-impulse, arms[0]);
        bodies[b].shift(impulse, arms[1]);
        gap.length() <= SLOP && angle <= ANGLE_SLOP
    }

    /// Turn the parts towards the range, if they were not in it; by how much they had left it.
    fn turn_back(&self, bodies: &mut [Body]) -> f64 {
        let angle = self.angle(bodies);
        let (left, error) = match self.end {
            None => return 0.0,
            Some(End::Low) => {
                let left = self.range[0] - angle;
                (left, (ANGLE_SLOP - left).clamp(-MAX_ANGLE_CORRECTION, 0.0))
            }
            Some(End::High) => {
                let left = angle - self.range[1];
                (left, (left - ANGLE_SLOP).clamp(0.0, MAX_ANGLE_CORRECTION))
            }
        };
        let twist = -self.step.inertia * error;
        for (part, twist) in self.parts.into_iter().zip([-twist, twist]) {
            bodies[part].place.angle += twist * bodies[part].inverse_inertia;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::box2d::rigid::{Outline, body::momentum};
    use gradwerk_math::{Purpose, Stream};

    const DT: f64 = 0.02;

    fn body(at: [f64; 2], angle: f64) -> Body {
        let corners = [[-1.0, -0.5], [1.0, -0.5], [1.0, 0.5], [-1.0, 0.5]];
        Body::new(&Outline::new(corners), 0.7, 0.0, at.into(), angle)
    }

    /// Two boxes side by side, with a pin between them and any velocities.
    fn hinged(range: [f64; 2]) -> ([Body; 2], Hinge) {
        let mut rng = Stream::new(3, Purpose::Test, 0, 0);
        let mut bodies = [body([0.0, 0.0], 0.0), body([2.0, 0.0], 0.0)];
        for body in &mut bodies {
            body.velocity = Vector::new(rng.uniform_in(-1.0, 1.0), rng.uniform_in(-1.0, 1.0));
            body.spin = rng.uniform_in(-1.0, 1.0);
        }
        let pins = [[1.0, 0.2], [-1.0, 0.2]].map(Vector::from);
        let hinge = Hinge::new([0, 1], &bodies, pins, range);
        (bodies, hinge)
    }

    fn solve(hinge: &mut Hinge, bodies: &mut [Body]) {
        hinge.prepare(bodies);
        assert!((0..1000).any(|_| hinge.solve(bodies, DT) < 1e-13), "no impulses found");
    }

    fn slip(hinge: &Hinge, bodies: &[Body]) -> f64 {
        let [from, to] = hinge.arms(bodies);
        (bodies[1].velocity_at(to) - bodies[0].velocity_at(from)).length()
    }

    #[test]
    fn the_pin_holds_and_momentum_stays() {
        for (range, speed) in [([-1.0, 1.0], 0.0), ([0.0, 1.0], -5.0), ([-1.0, 0.0], 5.0)] {
            let (mut bodies, mut hinge) = hinged(range);
            hinge.motor = Motor { speed, torque: 2.0 };
            let before = momentum(&bodies);
            solve(&mut hinge, &mut bodies);
            assert!(slip(&hinge, &bodies) < 1e-11, "{}", slip(&hinge, &bodies));
            for (a, b) in before.into_iter().zip(momentum(&bodies)) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_motor_reaches_its_speed_if_its_torque_allows() {
        let (mut bodies, mut hinge) = hinged([-1.0, 1.0]);
        hinge.motor = Motor { speed: 3.0, torque: 1e6 };
        solve(&mut hinge, &mut bodies);
        assert!((hinge.speed(&bodies) - 3.0).abs() < 1e-10);
        // Where the pin is in both centres of mass a torque only turns.
        let mut bodies = [body([0.0, 0.0], 0.0), body([0.0, 0.0], 0.0)];
        let mut hinge = Hinge::new([0, 1], &bodies, [Vector::default(); 2], [-1.0, 1.0]);
        hinge.motor = Motor { speed: 3.0, torque: 0.5 };
        solve(&mut hinge, &mut bodies);
        for (body, torque) in bodies.iter().zip([-0.5, 0.5]) {
            assert!((body.spin - torque * DT * body.inverse_inertia).abs() < 1e-12);
        }
    }

    #[test]
    fn the_end_of_a_range_pushes_back_and_never_pulls() {
        for (range, closing) in [([0.0, 1.0], -1.0), ([-1.0, 0.0], 1.0)] {
            for speed in [closing, -closing] {
                let (mut bodies, mut hinge) = hinged(range);
                (bodies[0].spin, bodies[1].spin) = (-speed, speed);
                let mut free = bodies.clone();
                let mut unbound = Hinge { range: [-1.0, 1.0], ..hinge.clone() };
                solve(&mut unbound, &mut free);
                solve(&mut hinge, &mut bodies);
                let wanted = unbound.speed(&free);
                let expected = if wanted * closing > 0.0 { 0.0 } else { wanted };
                assert!((hinge.speed(&bodies) - expected).abs() < 1e-10, "{wanted}");
            }
        }
    }

    #[test]
    fn corrections_bring_the_pins_together() {
        let (mut bodies, mut hinge) = hinged([-1.0, 1.0]);
        hinge.prepare(&mut bodies);
        let common = |bodies: &[Body]| bodies[0].place.center + bodies[1].place.center;
        bodies[1].place.center += Vector::new(0.3, -0.2);
        let before = common(&bodies);
        assert!(!hinge.correct(&mut bodies));
        assert!((0..20).any(|_| hinge.correct(&mut bodies)));
        assert!((common(&bodies) - before).length() < 1e-12);
    }

    #[test]
    fn only_a_range_that_was_left_before_the_step_is_corrected() {
        for left in [true, false] {
            let (mut bodies, mut hinge) = hinged([0.0, 1.0]);
            bodies[1].place.angle = if left { -1e-9 } else { 0.1 };
            hinge.prepare(&mut bodies);
            bodies[1].place.angle = -0.3;
            (0..50).for_each(|_| {
                hinge.correct(&mut bodies);
            });
            let beyond = -hinge.angle(&bodies);
            let kept = if left { (beyond - ANGLE_SLOP).abs() < 1e-6 } else { beyond > 0.2 };
            assert!(kept, "left before {left}: {beyond}");
        }
    }
}
