//! Parts that went through the ground in a step stop where they met it.

use super::impact::impact;
use super::row::Row;
use super::world::World;
use super::{SLOP, until_found};

const CORRECTIONS: usize = 20;
/// The share of an overlap that one correction takes away.
const SOFTNESS: f64 = 0.75;
/// How deep contacts may be left.
const DEPTH: f64 = 1.5 * SLOP;
/// Nothing more happens in a step that is over but for this.
const MOMENT: f64 = 10.0 * f32::EPSILON as f64;

impl World {
    /// Put parts that went through the ground back to where they met it, one after the other.
    pub(super) fn stop_at_impacts(&mut self) {
        for contact in &mut self.contacts {
            (contact.impact, contact.stops) = (None, 0);
        }
        while let Some((k, time)) = self.first_impact() {
            self.stop(k, time);
        }
    }

    /// The contact whose part is the first to meet the ground, and the share of the step then.
    fn first_impact(&mut self) -> Option<(usize, f64)> {
        let (mut first, mut when) = (None, 1.0);
        for (k, contact) in self.contacts.iter_mut().enumerate().rev() {
            if !contact.may_stop() {
                continue;
            }
            let (body, piece) = (&self.bodies[contact.part], &self.ground[contact.piece]);
            let time = *contact.impact.get_or_insert_with(|| {
                let share = impact(&piece.outline, body).unwrap_or(1.0);
                (body.over + (1.0 - body.over) * share).min(1.0)
            });
            if time < when {
                (first, when) = (Some(k), time);
            }
        }
        first.filter(|_| when <= 1.0 - MOMENT).map(|k| (k, when))
    }

    /// Let a part stop at the ground, whatever it is hinged to.
    pub(super) fn stop(&mut self, k: usize, time: f64) {
        let part = self.contacts[k].part;
        let body = &mut self.bodies[part];
        let before = (body.place, body.since, body.over);
        body.rewind(time);
        self.update(k);
        let contact = &mut self.contacts[k];
        (contact.impact, contact.stops) = (None, contact.stops + 1);
        if contact.touches() {
            self.resolve(k, time);
        } else {
            contact.enabled = false;
            let body = &mut self.bodies[part];
            (body.place, body.since, body.over) = before;
        }
    }

    /// Move a part out of the ground, and let it go on for the rest of the step.
    fn resolve(&mut self, k: usize, time: f64) {
        let part = self.contacts[k].part;
        self.look_around(k);
        self.settle(part);
        self.bodies[part].begin(time);
        self.deflect(part);
        self.bodies[part].drift((1.0 - time) * self.dt);
        for contact in self.contacts.iter_mut().filter(|contact| contact.part == part) {
            contact.impact = None;
        }
        self.make_space(part..part + 1);
    }

    /// Note all that the part touches where it stops: what stops it, then the newest first.
    fn look_around(&mut self, k: usize) {
        self.touching.clear();
        self.touching.push(k);
        for other in (0..self.contacts.len()).rev().filter(|other| *other != k) {
            if self.contacts[other].part == self.contacts[k].part {
                self.update(other);
                self.touching.extend(self.contacts[other].touches().then_some(other));
            }
        }
    }

    fn settle(&mut self, part: usize) {
        let body = &mut self.bodies[part];
        for _ in 0..CORRECTIONS {
            let contacts = self.touching.iter().map(|k| &self.contacts[*k]);
            let gaps = contacts.map(|contact| contact.push_out(body, SOFTNESS));
            if gaps.fold(0.0, f64::min) >= -DEPTH {
                return;
            }
        }
    }

    /// Find the velocity of a part that has been stopped.
    fn deflect(&mut self, part: usize) {
        let (bodies, contacts) = (&mut self.bodies, &self.contacts);
        let row = |k: &usize| Row::new(*k, &contacts[*k], &bodies[part]);
        self.rows.clear();
        self.rows.extend(self.touching.iter().map(row));
        until_found(|| self.rows.iter_mut().map(|row| row.solve(bodies)).sum());
    }
}
