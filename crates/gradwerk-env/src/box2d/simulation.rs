//! The seam to the engine: rigid parts over a fixed ground, joined by hinges.

use super::FPS;
use box2d_rust::body::{
    body_apply_force_to_center, body_apply_linear_impulse, body_apply_torque,
    body_get_angular_velocity, body_get_linear_velocity, body_get_position, body_get_rotation,
    body_is_awake, body_set_linear_velocity, body_set_mass_data, body_set_transform, create_body,
};
use box2d_rust::collision::Segment;
use box2d_rust::geometry::{compute_polygon_mass, make_polygon};
use box2d_rust::hull::compute_hull;
use box2d_rust::id::{BodyId, JointId, ShapeId};
use box2d_rust::joint::create_revolute_joint;
use box2d_rust::math_functions::{Rot, Transform, Vec2, make_rot};
use box2d_rust::revolute_joint::{
    revolute_joint_set_max_motor_torque, revolute_joint_set_motor_speed,
};
use box2d_rust::shape::{create_polygon_shape, create_segment_shape};
use box2d_rust::types::{
    BodyType, Filter, QueryFilter, ShapeDef, default_body_def, default_revolute_joint_def,
    default_shape_def, default_world_def,
};
use box2d_rust::world::{World, world_cast_ray_closest, world_get_contact_events, world_step};
use gradwerk_math::Real;

/// Damping ratio of contacts; the engine's own is 10.
const CONTACT_DAMPING: f32 = 2.0;
/// Box2D 2.3 lays a skin of 0.01 around polygons and around lines, which weighs nothing. Here the
/// parts have both.
const SKIN: f32 = 0.02;
const GROUND: u64 = 1;
const PARTS: u64 = 2;

/// A point or a vector.
pub(super) type Point = [f64; 2];

/// How the engine solves. Its hinges are springs, Gymnasium's are rigid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Solver {
    /// Steps of the solver per step.
    pub substeps: i32,
    /// Stiffness of hinges, in cycles per second, and their damping ratio.
    pub hinges: (f32, f32),
    /// Whether what has come to rest falls asleep. Not where joints are driven, which would not
    /// wake their parts.
    pub may_sleep: bool,
}

/// A world of some moving parts.
pub(super) struct Simulation {
    world: World,
    solver: Solver,
    ground: BodyId,
    parts: Vec<State>,
    hinges: Vec<Hinged>,
}

/// A moving part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part(usize);

/// A joint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joint(usize);

/// What a part is made of and where it begins.
pub(super) struct Body<'a> {
    /// A convex outline around the part's own origin.
    pub outline: &'a [Point],
    pub at: Point,
    pub angle: f64,
    pub density: f64,
    pub friction: f64,
}

/// Where a part is and how it moves.
pub(super) struct Pose {
    pub at: Point,
    pub angle: f64,
    pub velocity: Point,
    /// Whether it touches the ground, which the engine itself hears with the next step.
    pub on_ground: bool,
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

struct State {
    body: BodyId,
    shape: ShapeId,
    outline: Vec<Point>,
    /// Angle with full turns, which the engine does not count.
    angle: f64,
    on_ground: bool,
    has_hit: bool,
}

struct Hinged {
    joint: JointId,
    parts: [Part; 2],
    /// Angle between the parts at which the hinge's is 0.
    zero: f64,
}

impl Simulation {
    /// An empty world.
    pub fn new(gravity: f64, solver: Solver) -> Self {
        let mut settings = default_world_def();
        settings.gravity = vec2([0.0, gravity]);
        settings.enable_sleep = solver.may_sleep;
        settings.contact_damping_ratio = CONTACT_DAMPING;
        let mut world = World::new(&settings);
        let ground = create_body(&mut world, &default_body_def());
        Self { world, solver, ground, parts: Vec::new(), hinges: Vec::new() }
    }

    /// Add a line to the ground.
    pub fn ground_line(&mut self, from: Point, to: Point, friction: f64) {
        let line = Segment { point1: vec2(from), point2: vec2(to) };
        create_segment_shape(&mut self.world, self.ground, &surface(friction, GROUND), &line);
    }

    /// Add a convex block to the ground.
    pub fn ground_block(&mut self, corners: &[Point], friction: f64) {
        let block = polygon(corners);
        create_polygon_shape(&mut self.world, self.ground, &surface(friction, GROUND), &block);
    }

    /// Add a part. Parts meet the ground, not one another.
    pub fn part(&mut self, part: &Body<'_>) -> Part {
        let mut settings = default_body_def();
        settings.type_ = BodyType::Dynamic;
        settings.position = vec2(part.at);
        settings.rotation = make_rot(part.angle as f32);
        let body = create_body(&mut self.world, &settings);
        let mut shape = surface(part.friction, PARTS);
        shape.density = part.density as f32;
        shape.enable_contact_events = true;
        let mut outline = polygon(part.outline);
        let mass = compute_polygon_mass(&outline, shape.density);
        outline.radius = SKIN;
        let shape = create_polygon_shape(&mut self.world, body, &shape, &outline);
        body_set_mass_data(&mut self.world, body, mass);
        let (outline, angle) = (part.outline.to_vec(), part.angle);
        self.parts.push(State { body, shape, outline, angle, on_ground: false, has_hit: false });
        Part(self.parts.len() - 1)
    }

    /// Move a part, whose joints keep their angles' zero.
    pub fn put(&mut self, part: Part, pose: &Pose) {
        let state = &mut self.parts[part.0];
        (state.angle, state.on_ground) = (pose.angle, pose.on_ground);
        let turn = make_rot(pose.angle as f32);
        body_set_transform(&mut self.world, state.body, vec2(pose.at), turn);
        body_set_linear_velocity(&mut self.world, state.body, vec2(pose.velocity));
    }

    /// Join two parts; the angle of the hinge is 0 as they are now.
    pub fn hinge(&mut self, hinge: &Hinge) -> Joint {
        let [a, b] = hinge.parts.map(|part| &self.parts[part.0]);
        let zero = b.angle - a.angle;
        let mut settings = default_revolute_joint_def();
        let base = &mut settings.base;
        (base.body_id_a, base.body_id_b) = (a.body, b.body);
        base.local_frame_a = Transform { p: vec2(hinge.pin[0]), q: make_rot(zero as f32) };
        base.local_frame_b = Transform { p: vec2(hinge.pin[1]), q: make_rot(0.0) };
        (base.constraint_hertz, base.constraint_damping_ratio) = self.solver.hinges;
        settings.enable_limit = true;
        settings.lower_angle = hinge.range[0] as f32;
        settings.upper_angle = hinge.range[1] as f32;
        settings.enable_motor = true;
        settings.motor_speed = hinge.speed as f32;
        settings.max_motor_torque = hinge.torque as f32;
        let joint = create_revolute_joint(&mut self.world, &settings);
        self.hinges.push(Hinged { joint, parts: hinge.parts, zero });
        Joint(self.hinges.len() - 1)
    }

    /// A force at the centre of mass for the next step.
    pub fn push(&mut self, part: Part, force: Point) {
        body_apply_force_to_center(&mut self.world, self.parts[part.0].body, vec2(force), true);
    }

    /// A torque for the next step.
    pub fn twist(&mut self, part: Part, torque: f64) {
        body_apply_torque(&mut self.world, self.parts[part.0].body, torque as f32, true);
    }

    /// A change of momentum at a point of the world.
    pub fn kick(&mut self, part: Part, impulse: Point, at: Point) {
        let body = self.parts[part.0].body;
        body_apply_linear_impulse(&mut self.world, body, vec2(impulse), vec2(at), true);
    }

    /// Set the motor of a joint; numbers that are none leave it as it was.
    pub fn drive(&mut self, joint: Joint, speed: f64, torque: f64) {
        if !(speed.is_finite() && torque.is_finite()) {
            return;
        }
        let joint = self.hinges[joint.0].joint;
        revolute_joint_set_motor_speed(&mut self.world, joint, speed as f32);
        revolute_joint_set_max_motor_torque(&mut self.world, joint, torque as f32);
    }

    /// Go on by a step.
    pub fn step(&mut self) {
        world_step(&mut self.world, (1.0 / FPS) as f32, self.solver.substeps);
        self.note_contacts();
        for part in &mut self.parts {
            let now = angle_of(body_get_rotation(&self.world, part.body));
            part.angle = unwound(part.angle, now);
        }
    }

    /// Gymnasium notes the last that it hears of a part: a leg that touches two pieces of ground
    /// and leaves one of them counts as one in the air.
    fn note_contacts(&mut self) {
        let events = world_get_contact_events(&self.world);
        let begin = events.begin_events.iter().map(|e| ([e.shape_id_a, e.shape_id_b], true));
        let end = events.end_events.iter().map(|e| ([e.shape_id_a, e.shape_id_b], false));
        for (shapes, begins) in begin.chain(end) {
            for part in self.parts.iter_mut().filter(|part| shapes.contains(&part.shape)) {
                part.on_ground = begins;
                part.has_hit |= begins;
            }
        }
    }

    /// Where the part's origin is.
    pub fn position(&self, part: Part) -> Point {
        point(body_get_position(&self.world, self.parts[part.0].body))
    }

    /// Velocity of the centre of mass.
    pub fn velocity(&self, part: Part) -> Point {
        point(body_get_linear_velocity(&self.world, self.parts[part.0].body))
    }

    /// Angle, with full turns.
    pub fn angle(&self, part: Part) -> f64 {
        self.parts[part.0].angle
    }

    /// Angular velocity.
    pub fn spin(&self, part: Part) -> f64 {
        f64::from(body_get_angular_velocity(&self.world, self.parts[part.0].body))
    }

    /// Whether the last news of a part was that it touched the ground.
    pub fn on_ground(&self, part: Part) -> bool {
        self.parts[part.0].on_ground
    }

    /// Whether a part has touched the ground before.
    pub fn has_hit(&self, part: Part) -> bool {
        self.parts[part.0].has_hit
    }

    /// Whether a part, and with it all that are joined to it, has come to rest.
    pub fn is_asleep(&self, part: Part) -> bool {
        !body_is_awake(&self.world, self.parts[part.0].body)
    }

    /// Angle of a joint.
    pub fn joint_angle(&self, joint: Joint) -> f64 {
        let Hinged { parts: [a, b], zero, .. } = self.hinges[joint.0];
        self.angle(b) - self.angle(a) - zero
    }

    /// Angular velocity of a joint.
    pub fn joint_speed(&self, joint: Joint) -> f64 {
        let [a, b] = self.hinges[joint.0].parts;
        self.spin(b) - self.spin(a)
    }

    /// The share of the way between two points before the ground, 1 if there is none.
    pub fn look(&mut self, from: Point, to: Point) -> f64 {
        let way = [to[0] - from[0], to[1] - from[1]];
        let filter = QueryFilter { category_bits: PARTS, mask_bits: GROUND };
        let ray = world_cast_ray_closest(&mut self.world, vec2(from), vec2(way), filter);
        if ray.hit { f64::from(ray.fraction) } else { 1.0 }
    }

    /// The corners of a part, for pictures.
    pub fn corners(&self, part: Part) -> Vec<Point> {
        let outline = self.parts[part.0].outline.iter();
        outline.map(|corner| self.place(part, *corner)).collect()
    }

    /// Where a point of a part is.
    pub fn place(&self, part: Part, [x, y]: Point) -> Point {
        let (at, angle) = (self.position(part), self.angle(part));
        let (sin, cos) = (Real::sin(angle), Real::cos(angle));
        [at[0] + cos * x - sin * y, at[1] + sin * x + cos * y]
    }
}

/// Shapes meet the ground and nothing else.
fn surface(friction: f64, kind: u64) -> ShapeDef {
    let mut shape = default_shape_def();
    shape.material.friction = friction as f32;
    let mask_bits = if kind == GROUND { u64::MAX } else { GROUND };
    shape.filter = Filter { category_bits: kind, mask_bits, group_index: 0 };
    shape
}

fn polygon(corners: &[Point]) -> box2d_rust::collision::Polygon {
    let corners: Vec<Vec2> = corners.iter().map(|corner| vec2(*corner)).collect();
    make_polygon(&compute_hull(&corners), 0.0)
}

fn vec2([x, y]: Point) -> Vec2 {
    Vec2 { x: x as f32, y: y as f32 }
}

fn point(v: Vec2) -> Point {
    [f64::from(v.x), f64::from(v.y)]
}

/// In [-pi, pi].
fn angle_of(rotation: Rot) -> f64 {
    libm::atan2(f64::from(rotation.s), f64::from(rotation.c))
}

/// The angle nearest to `before` that differs from `now` by full turns.
fn unwound(before: f64, now: f64) -> f64 {
    const TURN: f64 = std::f64::consts::TAU;
    now + TURN * ((before - now) / TURN).round()
}
