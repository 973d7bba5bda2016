//! Parts, ground, hinges and contacts, and a step of all of them.

use super::body::Body;
use super::contact::Contact;
use super::hinge::Hinge;
use super::outline::{Bounds, Outline};
use super::row::Row;
use super::vector::Vector;
use super::{AIR, SKIN};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Room for more contacts than the parts of an environment have had.
const ROOM: usize = 128;

/// A fixed thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    pub outline: Outline,
    friction: f64,
}

/// A part has begun or ceased to touch a piece of the ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::box2d) struct News {
    pub part: usize,
    pub begins: bool,
}

/// A tree of hinged parts on the ground.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::box2d) struct World {
    pub(super) gravity: f64,
    pub(super) dt: f64,
    pub bodies: Vec<Body>,
    pub hinges: Vec<Hinge>,
    pub(super) ground: Vec<Piece>,
    /// The box of every piece, with some air.
    spaces: Vec<Bounds>,
    /// In the order in which they came about.
    pub(super) contacts: Vec<Contact>,
    /// Parts and hinges in the order in which they are solved: outwards from the newest part.
    pub(super) parts_in_order: Vec<usize>,
    pub(super) hinges_in_order: Vec<usize>,
    #[serde(skip)]
    pub news: Vec<News>,
    pub asleep: bool,
    #[serde(skip)]
    pub(super) rows: Vec<Row>,
    /// Contacts of a part that is stopped.
    #[serde(skip)]
    pub(super) touching: Vec<usize>,
    /// Parts that have left the boxes within which their contacts are.
    strayed: Vec<bool>,
    /// Parts still to be looked at when all are put in order.
    #[serde(skip)]
    beyond: Vec<usize>,
}

impl World {
    pub fn new(gravity: f64, dt: f64) -> Self {
        Self { gravity, dt, ..Self::default() }
    }

    /// Take everything away, and make room so that steps do not.
    pub fn clear(&mut self) {
        self.bodies.clear();
        self.hinges.clear();
        self.ground.clear();
        self.spaces.clear();
        self.contacts.clear();
        self.parts_in_order.clear();
        self.hinges_in_order.clear();
        self.news.clear();
        self.strayed.clear();
        self.rows.clear();
        self.touching.clear();
        self.asleep = false;
        self.contacts.reserve(ROOM);
        self.rows.reserve(ROOM);
        self.touching.reserve(ROOM);
        self.news.reserve(2 * ROOM);
    }

    /// Whether it can be one, if it was read from a file.
    pub fn is_sound(&self, gravity: f64, dt: f64) -> bool {
        (self.gravity, self.dt) == (gravity, dt)
            && self.spaces.len() == self.ground.len()
            && self.strayed.len() == self.bodies.len()
            && self.ground.iter().all(|piece| piece.friction >= 0.0)
            && self.bodies.iter().all(Body::is_sound)
            && self.hinges.iter().all(|hinge| hinge.is_sound(self.bodies.len()))
            && self.contacts.iter().all(|c| c.is_sound(self.bodies.len(), self.ground.len()))
            && self.is_arranged()
    }

    /// Whether parts and hinges are in their order and none is left out.
    fn is_arranged(&self) -> bool {
        let mut again = self.clone();
        let arranged = !self.bodies.is_empty() && again.arrange();
        arranged
            && again.parts_in_order == self.parts_in_order
            && again.hinges_in_order == self.hinges_in_order
    }

    /// Add a fixed thing.
    pub fn add_ground(&mut self, outline: Outline, friction: f64) {
        self.spaces.push(outline.bounds().widened(SKIN / 2.0 + AIR));
        self.ground.push(Piece { outline, friction });
    }

    /// Add a part; before the next step it is to be hinged to the others.
    pub fn add(&mut self, body: Body) -> usize {
        self.bodies.push(body);
        self.strayed.push(true);
        self.arrange();
        self.bodies.len() - 1
    }

    /// Add a hinge.
    pub fn join(&mut self, hinge: Hinge) -> usize {
        self.hinges.push(hinge);
        self.arrange();
        self.hinges.len() - 1
    }

    /// Box2D 2.3 looks from the newest part for its newest hinge, and on from the part beyond.
    /// Whether that reached all parts by all hinges.
    fn arrange(&mut self) -> bool {
        self.parts_in_order.clear();
        self.hinges_in_order.clear();
        self.beyond.push(self.bodies.len() - 1);
        while let Some(part) = self.beyond.pop() {
            self.parts_in_order.push(part);
            let hinges = self.hinges.iter().enumerate().rev();
            for (k, hinge) in hinges.filter(|(_, hinge)| hinge.parts.contains(&part)) {
                let other = hinge.parts[usize::from(hinge.parts[0] == part)];
                if !self.parts_in_order.contains(&other) && !self.beyond.contains(&other) {
                    self.hinges_in_order.push(k);
                    self.beyond.push(other);
                }
            }
        }
        self.parts_in_order.len() == self.bodies.len()
            && self.hinges_in_order.len() == self.hinges.len()
    }

    /// Go on by a step.
    pub fn step(&mut self) {
        debug_assert_eq!(self.parts_in_order.len(), self.bodies.len(), "parts without hinges");
        self.news.clear();
        self.meet();
        self.look();
        if self.asleep {
            return;
        }
        let settled = self.solve();
        self.rest(settled);
        self.make_space(0..self.bodies.len());
        if !self.asleep {
            self.stop_at_impacts();
        }
    }

    /// Make contacts of parts that have strayed with what is near them now.
    fn meet(&mut self) {
        if !self.strayed.contains(&true) {
            return;
        }
        for (piece, space) in self.spaces.iter().enumerate() {
            for (part, body) in self.bodies.iter().enumerate() {
                let near = self.strayed[part] && space.overlaps(&body.space);
                let known = |contact: &Contact| (contact.part, contact.piece) == (part, piece);
                if near && !self.contacts.iter().any(known) {
                    let friction = (self.ground[piece].friction * body.friction).sqrt();
                    self.contacts.push(Contact::new(part, piece, friction));
                }
            }
        }
        self.strayed.fill(false);
    }

    /// Forget contacts of what is not near any more and look at the others, the newest first.
    fn look(&mut self) {
        for k in (0..self.contacts.len()).rev() {
            let Contact { part, piece, .. } = self.contacts[k];
            if self.bodies[part].space.overlaps(&self.spaces[piece]) {
                self.update(k);
                continue;
            }
            if self.contacts.remove(k).touches() {
                self.news.push(News { part, begins: false });
            }
        }
    }

    pub(super) fn update(&mut self, k: usize) {
        let contact = &mut self.contacts[k];
        let (part, piece) = (contact.part, contact.piece);
        if let Some(begins) = contact.update(&self.ground[piece].outline, &self.bodies[part]) {
            self.news.push(News { part, begins });
            self.asleep = false;
        }
    }

    /// Make contacts of these parts, which have moved, with what is near them now.
    pub(super) fn make_space(&mut self, parts: Range<usize>) {
        for part in parts {
            self.strayed[part] |= self.bodies[part].make_space();
        }
        self.meet();
    }

    /// The share of the way between two points before the ground, 1 if there is none.
    pub fn sight(&self, from: Vector, to: Vector) -> f64 {
        let way = Bounds { low: from, high: from }.around(Bounds { low: to, high: to });
        let near = self.ground.iter().zip(&self.spaces).filter(|(_, space)| space.overlaps(&way));
        near.filter_map(|(piece, _)| piece.outline.ray(from, to)).fold(1.0, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::box2d::rigid::body::momentum;
    use crate::box2d::rigid::manifold::Manifold;
    use crate::box2d::rigid::{Motor, SLOP};

    const DT: f64 = 0.02;
    const GRAVITY: f64 = -10.0;

    fn slab(width: f64, height: f64) -> Outline {
        let (x, y) = (width / 2.0, height / 2.0);
        Outline::new([[-x, -y], [x, -y], [x, y], [-x, y]])
    }

    fn line(from: [f64; 2], to: [f64; 2]) -> Outline {
        Outline::new([from, to])
    }

    /// A box of 1 by 1 this high over level ground.
    fn falling(height: f64) -> World {
        let mut world = World::new(GRAVITY, DT);
        world.add_ground(line([-9.0, 0.0], [9.0, 0.0]), 1.0);
        world.add(Body::new(&slab(1.0, 1.0), 2.0, 0.5, Vector::new(0.0, 0.5 + height), 0.0));
        world
    }

    #[test]
    fn what_falls_comes_to_rest_and_falls_asleep() {
        let mut world = falling(1.0);
        let mut news = Vec::new();
        let steps = (1..200).find(|_| {
            world.step();
            news.extend(world.news.iter().copied());
            world.asleep
        });
        // Half a second after a fall of sqrt(2 / 10) seconds.
        let expected = (0.2_f64.sqrt() + 0.5) / DT;
        assert!((steps.unwrap() as f64 - expected).abs() < 3.0, "{steps:?} {expected}");
        assert_eq!(news, [News { part: 0, begins: true }]);
        let depth = SKIN - (world.bodies[0].place.center.y - 0.5);
        assert!((0.0..=3.0 * SLOP).contains(&depth), "{depth}");
        assert_eq!(world.bodies[0].velocity, Vector::default());
    }

    #[test]
    fn a_slope_holds_a_box_or_lets_it_slide() {
        let slope: f64 = 0.3;
        let (sin, cos) = gradwerk_math::sin_cos(slope);
        for friction in [0.1, 0.5] {
            let mut world = World::new(GRAVITY, DT);
            world.add_ground(line([90.0 * cos, 90.0 * sin], [-90.0 * cos, -90.0 * sin]), friction);
            let at = Vector::new(-sin, cos) * (0.5 + SKIN - SLOP);
            world.add(Body::new(&slab(1.0, 1.0), 2.0, friction, at, slope));
            (0..50).for_each(|_| world.step());
            let speed = world.bodies[0].velocity.dot(Vector::new(-cos, -sin));
            // Coulomb: the pull of gravity less the friction's share of its pressure.
            let expected = (10.0 * (sin - friction * cos)).max(0.0);
            assert!((speed - expected).abs() < 0.01, "{friction}: {speed} {expected}");
        }
    }

    #[test]
    fn what_is_fast_does_not_go_through_the_ground() {
        for thickness in [0.05, 0.3] {
            let mut world = World::new(GRAVITY, DT);
            world.add_ground(line([-9.0, 0.0], [0.1, 0.0]), 1.0);
            world.add_ground(line([0.1, 0.0], [9.0, 0.0]), 1.0);
            let at = Vector::new(0.0, 0.8);
            let mut body = Body::new(&slab(1.0, thickness), 2.0, 0.5, at, 0.2);
            (body.velocity, body.spin) = (Vector::new(0.0, -70.0), 9.0);
            world.add(body);
            for _ in 0..100 {
                world.step();
                assert!(world.bodies[0].place.center.y > 0.0, "{:?}", world.bodies[0].place);
            }
        }
    }

    /// A thigh and a leg below it, fast on their way to the ground.
    fn leg() -> World {
        let mut world = World::new(0.0, DT);
        world.add_ground(line([-9.0, 0.0], [9.0, 0.0]), 1.0);
        for height in [1.5, 0.5] {
            let at = Vector::new(0.0, height + 0.3);
            let mut body = Body::new(&slab(0.2, 1.0), 1.0, 0.5, at, 0.0);
            body.velocity = Vector::new(0.0, -25.0);
            world.add(body);
        }
        let pins = [Vector::new(0.0, -0.5), Vector::new(0.0, 0.5)];
        let hinge = Hinge::new([0, 1], &world.bodies, pins, [-1.0, 1.0]);
        world.join(hinge);
        world
    }

    #[test]
    fn the_part_that_meets_the_ground_stops_alone() {
        let mut world = leg();
        world.step();
        let [thigh, leg] = &world.bodies[..] else { panic!() };
        assert!((thigh.place.center.y - 1.3).abs() < 1e-9, "{:?}", thigh.place);
        assert!((0.0..SKIN).contains(&(leg.place.center.y - 0.5)), "{:?}", leg.place);
        assert!(leg.velocity.y.abs() < 1e-9 && thigh.velocity.y == -25.0);
        world.step();
        let [thigh, leg] = &world.bodies[..] else { panic!() };
        let gap = thigh.place.center.y - leg.place.center.y - 1.0;
        assert!(gap.abs() < 0.1 && thigh.velocity.y > -1.0, "{gap} {:?}", thigh.velocity);
    }

    #[test]
    fn in_the_air_momentum_stays_and_pins_hold() {
        let mut world = leg();
        world.bodies[0].velocity = Vector::new(3.0, 40.0);
        world.bodies[1].velocity = Vector::new(3.0, 40.0);
        world.bodies[1].spin = 4.0;
        world.hinges[0].motor = Motor { speed: -5.0, torque: 3.0 };
        let before = momentum(&world.bodies);
        for _ in 0..20 {
            world.step();
            let after = momentum(&world.bodies);
            assert!((before[0] - after[0]).abs() < 1e-9 && (before[1] - after[1]).abs() < 1e-9);
            // Corrections of places turn the whole a little.
            assert!((before[2] - after[2]).abs() < 0.02 * before[2].abs(), "{before:?} {after:?}");
            let [thigh, leg] = [0, 1].map(|k| world.bodies[k].place.frame());
            let pins = [thigh.place(Vector::new(0.0, -0.5)), leg.place(Vector::new(0.0, 0.5))];
            assert!((pins[0] - pins[1]).length() < 2.0 * SLOP);
        }
    }

    fn saved(world: &World) -> String {
        serde_json::to_string(world).unwrap()
    }

    #[test]
    fn a_saved_world_goes_on_with_the_same_bits() {
        let mut world = leg();
        world.gravity = GRAVITY;
        for pause in [1, 5, 30] {
            (0..pause).for_each(|_| world.step());
            assert!(world.contacts.iter().any(Contact::touches), "after {pause}");
            let mut copy: World = serde_json::from_str(&saved(&world)).unwrap();
            assert!(copy.is_sound(GRAVITY, DT));
            for _ in 0..50 {
                world.step();
                copy.step();
                assert_eq!((&world.news, saved(&world)), (&copy.news, saved(&copy)));
            }
        }
    }

    #[test]
    fn what_cannot_be_a_world_is_refused() {
        let mut world = leg();
        world.gravity = GRAVITY;
        (0..5).for_each(|_| world.step());
        assert!(world.is_sound(GRAVITY, DT));
        assert!(!world.is_sound(0.0, DT) && !world.is_sound(GRAVITY, 1.0));
        fn touching(world: &mut World) -> &mut Manifold {
            let contact = world.contacts.iter_mut().find(|contact| contact.touches());
            &mut contact.expect("a leg on the ground").manifold
        }
        type Spoil = fn(&mut World);
        let spoils: [Spoil; 14] = [
            |w| w.bodies.clear(),
            |w| w.bodies[0].friction = -1.0,
            |w| w.bodies[1].inverse_mass = 0.0,
            |w| w.ground[0].friction = -1.0,
            |w| w.spaces.clear(),
            |w| w.strayed.clear(),
            |w| w.hinges[0].parts = [0, 2],
            |w| w.hinges[0].parts = [1, 1],
            |w| w.hinges[0].motor.torque = -1.0,
            |w| w.contacts[0].part = 2,
            |w| w.contacts[0].piece = 1,
            |w| w.contacts[0].friction = -1.0,
            |w| touching(w).touches_mut()[0].impulse[0] = -1.0,
            |w| w.hinges_in_order.clear(),
        ];
        for (k, spoil) in spoils.iter().enumerate() {
            let mut bad = world.clone();
            spoil(&mut bad);
            assert!(!bad.is_sound(GRAVITY, DT), "spoil {k}");
        }
        let text =
            saved(&world).replace("\"len\":1", "\"len\":3").replace("\"len\":2", "\"len\":3");
        let bad: World = serde_json::from_str(&text).unwrap();
        assert!(!bad.is_sound(GRAVITY, DT));
        let outline = |corners: usize| vec![[Vector::default(); 2]; corners];
        assert!([1, 9].iter().all(|corners| Outline::try_from(outline(*corners)).is_err()));
    }

    #[test]
    fn an_impact_that_is_none_changes_nothing() {
        let mut world = falling(0.3);
        world.bodies[0].velocity = Vector::new(0.0, -30.0);
        world.bodies[0].begin(0.0);
        world.bodies[0].drift(DT);
        world.make_space(0..1);
        // High above the ground, where single precision might err.
        let place = world.bodies[0].place;
        world.stop(0, 0.01);
        assert!(!world.contacts[0].enabled && world.contacts[0].stops == 1);
        assert_eq!(world.bodies[0].place.center, place.center);
        assert_eq!((world.bodies[0].since.center.y, world.bodies[0].over), (0.8, 0.0));
        world.step();
        assert!(world.contacts[0].enabled, "looked at again");
    }

    #[test]
    fn parts_and_hinges_are_solved_from_the_newest_part_outwards() {
        let mut world = World::new(GRAVITY, DT);
        (0..5).for_each(|k| {
            let at = Vector::new(f64::from(k), 9.0);
            world.add(Body::new(&slab(1.0, 1.0), 1.0, 0.5, at, 0.0));
        });
        // A walker: hull 0, legs 1-2 and 3-4.
        for parts in [[0, 1], [1, 2], [0, 3], [3, 4]] {
            let hinge = Hinge::new(parts, &world.bodies, [Vector::default(); 2], [-1.0, 1.0]);
            world.join(hinge);
        }
        assert_eq!(world.parts_in_order, [4, 3, 0, 1, 2]);
        assert_eq!(world.hinges_in_order, [3, 2, 0, 1]);
    }

    #[test]
    fn sight_ends_at_the_nearest_ground() {
        let mut world = falling(1.0);
        world.add_ground(slab(2.0, 2.0).shifted(Vector::new(0.0, 1.0)), 1.0);
        let see = |x: f64| world.sight(Vector::new(x, 4.0), Vector::new(x, -4.0));
        assert_eq!([see(0.0), see(3.0), see(20.0)], [0.25, 0.5, 1.0]);
    }
}
