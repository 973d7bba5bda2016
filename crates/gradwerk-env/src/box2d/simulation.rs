//! The seam to the engine: rigid parts over a fixed ground, joined by hinges.

use super::FPS;
use super::rigid::{Body, Hinge as Pinned, Motor, Outline, Vector, World};
use serde::{Deserialize, Serialize};

/// A point or a vector.
pub(super) type Point = [f64; 2];

/// A world of some moving parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Simulation {
    world: World,
    heard: Vec<Heard>,
}

/// A moving part.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Part(usize);

/// A joint.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Joint(usize);

/// What a part is made of and where it begins.
pub(super) struct Material<'a> {
    /// A convex outline around the part's own origin.
    pub outline: &'a [Point],
    pub at: Point,
    pub angle: f64,
    pub density: f64,
    pub friction: f64,
}

/// A hinge with a motor and a range, of angles from those at which the parts begin.
pub(super) struct Hinge {
    pub parts: [Part; 2],
    /// The pin in the coordinates of either part.
    pub pin: [Point; 2],
    pub range: [f64; 2],
    pub speed: f64,
    pub torque: f64,
}

/// What has been heard of a part.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Heard {
    on_ground: bool,
    has_hit: bool,
}

impl Simulation {
    /// An empty world.
    pub fn new(gravity: f64) -> Self {
        Self { world: World::new(gravity, 1.0 / FPS), heard: Vec::new() }
    }

    /// Take everything away.
    pub fn clear(&mut self) {
        self.world.clear();
        self.heard.clear();
    }

    /// Whether it can be one with this gravity, these parts and joints, if it was read from a file.
    pub fn is_sound(&self, gravity: f64, parts: &[Part], joints: &[Joint]) -> bool {
        let World { bodies, hinges, .. } = &self.world;
        self.world.is_sound(gravity, 1.0 / FPS)
            && self.heard.len() == bodies.len()
            && parts.iter().all(|part| part.0 < bodies.len())
            && joints.iter().all(|joint| joint.0 < hinges.len())
    }

    /// Add a line to the ground.
    pub fn ground_line(&mut self, from: Point, to: Point, friction: f64) {
        self.ground_block(&[from, to], friction);
    }

    /// Add a convex block to the ground.
    pub fn ground_block(&mut self, corners: &[Point], friction: f64) {
        self.world.add_ground(Outline::new(corners.iter().copied()), friction);
    }

    /// Add a part. Parts meet the ground, not one another.
    pub fn part(&mut self, part: &Material<'_>) -> Part {
        let Material { at, angle, density, friction, .. } = *part;
        self.heard.push(Heard::default());
        let outline = Outline::new(part.outline.iter().copied());
        Part(self.world.add(Body::new(&outline, density, friction, at.into(), angle)))
    }

    /// Join two parts; the angle of the hinge is 0 as they are now.
    pub fn hinge(&mut self, hinge: &Hinge) -> Joint {
        let (parts, pins) = (hinge.parts.map(|part| part.0), hinge.pin.map(Vector::from));
        let mut pinned = Pinned::new(parts, &self.world.bodies, pins, hinge.range);
        pinned.motor = Motor { speed: hinge.speed, torque: hinge.torque };
        Joint(self.world.join(pinned))
    }

    fn woken(&mut self, part: Part) -> &mut Body {
        self.world.asleep = false;
        &mut self.world.bodies[part.0]
    }

    /// A force at the centre of mass for the next step.
    pub fn push(&mut self, part: Part, force: Point) {
        self.woken(part).force += Vector::from(force);
    }

    /// A torque for the next step.
    pub fn twist(&mut self, part: Part, torque: f64) {
        self.woken(part).torque += torque;
    }

    /// A change of momentum at a point of the world.
    pub fn kick(&mut self, part: Part, impulse: Point, at: Point) {
        let body = self.woken(part);
        body.kick(impulse.into(), Vector::from(at) - body.place.center, 0.0);
    }

    /// Set the motor of a joint; numbers that are none leave it as it was.
    pub fn drive(&mut self, joint: Joint, speed: f64, torque: f64) {
        if speed.is_finite() && torque.is_finite() {
            self.world.asleep = false;
            self.world.hinges[joint.0].motor = Motor { speed, torque };
        }
    }

    /// Go on by a step. Gymnasium notes the last that it hears of a part: a leg that touches two
    /// pieces of ground and leaves one of them counts as one in the air.
    pub fn step(&mut self) {
        self.world.step();
        for news in &self.world.news {
            let heard = &mut self.heard[news.part];
            heard.on_ground = news.begins;
            heard.has_hit |= news.begins;
        }
    }

    fn body(&self, part: Part) -> &Body {
        &self.world.bodies[part.0]
    }

    /// Where the part's origin is.
    pub fn position(&self, part: Part) -> Point {
        self.place(part, [0.0, 0.0])
    }

    /// Velocity of the centre of mass.
    pub fn velocity(&self, part: Part) -> Point {
        self.body(part).velocity.into()
    }

    /// Angle, with full turns.
    pub fn angle(&self, part: Part) -> f64 {
        self.body(part).place.angle
    }

    /// Angular velocity.
    pub fn spin(&self, part: Part) -> f64 {
        self.body(part).spin
    }

    /// Whether the last news of a part was that it touched the ground.
    pub fn on_ground(&self, part: Part) -> bool {
        self.heard[part.0].on_ground
    }

    /// Whether a part has touched the ground before.
    pub fn has_hit(&self, part: Part) -> bool {
        self.heard[part.0].has_hit
    }

    /// Whether all parts have come to rest.
    pub fn is_asleep(&self) -> bool {
        self.world.asleep
    }

    /// Angle of a joint.
    pub fn joint_angle(&self, joint: Joint) -> f64 {
        self.world.hinges[joint.0].angle(&self.world.bodies)
    }

    /// Angular velocity of a joint.
    pub fn joint_speed(&self, joint: Joint) -> f64 {
        self.world.hinges[joint.0].speed(&self.world.bodies)
    }

    /// The share of the way between two points before the ground, 1 if there is none.
    pub fn look(&self, from: Point, to: Point) -> f64 {
        self.world.sight(from.into(), to.into())
    }

    /// The corners of a part, for pictures.
    pub fn corners(&self, part: Part) -> Vec<Point> {
        let body = self.body(part);
        let there = body.outline.placed(&body.place.frame());
        there.corners().iter().map(|corner| (*corner).into()).collect()
    }

    /// Where a point of a part is.
    pub fn place(&self, part: Part, point: Point) -> Point {
        let Body { place, origin, .. } = self.body(part);
        place.frame().place(*origin + point.into()).into()
    }
}
