//! Parts that went through the ground in a step stop where they met it.

use super::impact::impact;
use super::row::Row;
use super::world::World;
use super::{IMPULSES, NOTHING, SLOP};

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
    fn stop(&mut self, k: usize, time: f64) {
        let part = self.contacts[k].part;
        let before = self.bodies[part].clone();
        self.bodies[part].rewind(time);
        self.update(k);
        self.contacts[k].impact = None;
        self.contacts[k].stops += 1;
        if !self.contacts[k].touches() {
            self.contacts[k].enabled = false;
            self.bodies[part] = before;
            return;
        }
        self.collect_rows(k, part);
        self.settle(part);
        self.bodies[part].begin(time);
        self.deflect(part, (1.0 - time) * self.dt);
        self.make_space();
    }

    /// The contact that stops a part, then all others that it has there.
    fn collect_rows(&mut self, k: usize, part: usize) {
        self.rows.clear();
        let others = (0..self.contacts.len()).rev().filter(|other| *other != k);
        for other in std::iter::once(k).chain(others) {
            if self.contacts[other].part != part {
                continue;
            }
            if other != k {
                self.update(other);
            }
            let contact = &self.contacts[other];
            if contact.touches() {
                self.rows.push(Row::new(other, contact, &self.bodies[part]));
            }
        }
    }

    fn settle(&mut self, part: usize) {
        let body = &mut self.bodies[part];
        for _ in 0..CORRECTIONS {
            let manifolds = self.rows.iter().map(|row| &self.contacts[row.contact]);
            let gaps = manifolds.map(|contact| contact.push_out(body, SOFTNESS));
            if gaps.fold(0.0, f64::min) >= -DEPTH {
                return;
            }
        }
    }

    /// Find the velocity of a part that has been stopped, and let it go on for the rest of the step.
    fn deflect(&mut self, part: usize, rest: f64) {
        for row in &mut self.rows {
            *row = Row::new(row.contact, &self.contacts[row.contact], &self.bodies[part]);
        }
        for _ in 0..IMPULSES {
            let change: f64 = self.rows.iter_mut().map(|row| row.solve(&mut self.bodies)).sum();
            if change < NOTHING {
                break;
            }
        }
        self.bodies[part].drift(rest);
        for contact in self.contacts.iter_mut().filter(|contact| contact.part == part) {
            contact.impact = None;
        }
    }
}
