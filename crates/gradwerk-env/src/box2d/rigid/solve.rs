//! Velocities, then places, of all parts at once.

use super::row::Row;
use super::world::World;
use super::{SLOP, Vector, until_found};

/// How often a step goes through corrections at most.
const CORRECTIONS: usize = 60;
/// The share of an overlap that one correction takes away.
const SOFTNESS: f64 = 0.2;
/// How deep contacts may be left.
const DEPTH: f64 = 3.0 * SLOP;
/// What moves less for so long falls asleep.
const STILL: f64 = 0.01;
const STILL_TURN: f64 = 2.0 / 180.0 * std::f64::consts::PI;
const UNTIL_SLEEP: f64 = 0.5;

impl World {
    /// Find velocities, move, and correct places; whether that left nothing to correct.
    pub(super) fn solve(&mut self) -> bool {
        for body in &mut self.bodies {
            body.begin(0.0);
            body.accelerate(self.gravity, self.dt);
        }
        self.rows.clear();
        for part in self.parts_in_order.iter().copied() {
            let contacts = self.contacts.iter().enumerate().rev();
            for (k, contact) in contacts.filter(|(_, c)| c.part == part && c.acts()) {
                self.rows.push(Row::new(k, contact, &self.bodies[part]));
            }
        }
        self.find_velocities();
        self.bodies.iter_mut().for_each(|body| body.drift(self.dt));
        (0..CORRECTIONS).any(|_| self.correct())
    }

    fn find_velocities(&mut self) {
        let bodies = &mut self.bodies[..];
        for row in &mut self.rows {
            let contact = &self.contacts[row.contact];
            row.inherit(&mut bodies[contact.part], &contact.manifold);
        }
        for k in self.hinges_in_order.iter().copied() {
            self.hinges[k].prepare(bodies);
        }
        let (hinges, rows, dt) = (&mut self.hinges, &mut self.rows, self.dt);
        until_found(|| {
            let order = self.hinges_in_order.iter();
            let change: f64 = order.map(|k| hinges[*k].solve(bodies, dt)).sum();
            change + rows.iter_mut().map(|row| row.solve(bodies)).sum::<f64>()
        });
        for row in &self.rows {
            row.bequeath(&mut self.contacts[row.contact].manifold);
        }
    }

    /// Correct all places once; whether there was nothing to correct.
    fn correct(&mut self) -> bool {
        let bodies = &mut self.bodies[..];
        let gaps = self.rows.iter().map(|row| {
            let contact = &self.contacts[row.contact];
            contact.push_out(&mut bodies[contact.part], SOFTNESS)
        });
        let above = gaps.fold(0.0, f64::min) >= -DEPTH;
        let order = self.hinges_in_order.iter();
        order.fold(above, |fine, k| self.hinges[*k].correct(bodies) && fine)
    }

    /// Fall asleep if nothing has moved for long enough.
    pub(super) fn rest(&mut self, settled: bool) {
        for body in &mut self.bodies {
            let still = body.spin.abs() <= STILL_TURN && body.velocity.length() <= STILL;
            body.at_rest = if still { body.at_rest + self.dt } else { 0.0 };
        }
        if settled && self.bodies.iter().all(|body| body.at_rest >= UNTIL_SLEEP) {
            self.asleep = true;
            for body in &mut self.bodies {
                (body.velocity, body.spin, body.at_rest) = (Vector::default(), 0.0, 0.0);
            }
        }
    }
}
