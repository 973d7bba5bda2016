//! A pair of a part and a piece of the ground that are near one another.

use super::body::Body;
use super::manifold::Manifold;
use super::outline::Outline;
use super::row::yielding;
use super::{MAX_CORRECTION, SLOP};
use serde::{Deserialize, Serialize};

/// How often in a step a contact may stop its part.
const MAX_STOPS: usize = 8;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Contact {
    pub part: usize,
    pub piece: usize,
    pub friction: f64,
    pub manifold: Manifold,
    /// The share of the step at which the part meets the ground, 1 if it does not; None before it
    /// was looked for.
    pub impact: Option<f64>,
    pub stops: usize,
    /// False after an impact that turned out to be none, until the next look.
    pub enabled: bool,
}

impl Contact {
    pub fn new(part: usize, piece: usize, friction: f64) -> Self {
        let manifold = Manifold::default();
        Self { part, piece, friction, manifold, impact: None, stops: 0, enabled: true }
    }

    /// Look how part and ground touch now; whether they began or ended to.
    pub fn update(&mut self, ground: &Outline, body: &Body) -> Option<bool> {
        let before = self.manifold;
        self.enabled = true;
        self.manifold = Manifold::new(ground, &body.outline, &body.place.frame());
        self.manifold.inherit(&before);
        (self.touches() == before.is_empty()).then(|| self.touches())
    }

    /// Whether it can be one among so many parts and pieces, if it was read from a file.
    pub fn is_sound(&self, parts: usize, pieces: usize) -> bool {
        let known = self.part < parts && self.piece < pieces;
        known && self.friction >= 0.0 && self.manifold.is_sound()
    }

    pub fn touches(&self) -> bool {
        !self.manifold.is_empty()
    }

    pub fn acts(&self) -> bool {
        self.enabled && self.touches()
    }

    pub fn may_stop(&self) -> bool {
        self.enabled && self.stops <= MAX_STOPS
    }

    /// Move the part out of the ground by a share of what it is too deep; the smallest gap before.
    pub fn push_out(&self, body: &mut Body, share: f64) -> f64 {
        let mut smallest = 0.0_f64;
        for touch in self.manifold.touches() {
            let gap = self.manifold.gap(touch, &body.place.frame());
            smallest = smallest.min(gap.size);
            let error = (share * (gap.size + SLOP)).clamp(-MAX_CORRECTION, 0.0);
            let arm = gap.point - body.place.center;
            body.shift(gap.normal * (-error / yielding(body, arm, arm, gap.normal)), arm);
        }
        smallest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::box2d::rigid::Vector;

    fn standing(height: f64) -> (Outline, Body, Contact) {
        let corners = [[-1.0, -2.0], [1.0, -2.0], [1.0, 2.0], [-1.0, 2.0]];
        let at = Vector::new(0.0, 2.0 + height);
        let body = Body::new(&Outline::new(corners), 0.3, 1.0, at, 0.0);
        let ground = Outline::new([[-9.0, 0.0], [9.0, 0.0]]);
        (ground, body, Contact::new(0, 0, 0.5))
    }

    #[test]
    fn it_tells_when_touching_begins_and_ends() {
        let (ground, mut body, mut contact) = standing(0.01);
        assert_eq!(contact.update(&ground, &body), Some(true));
        assert_eq!(contact.update(&ground, &body), None);
        body.place.center.y += 1.0;
        assert_eq!(contact.update(&ground, &body), Some(false));
        assert_eq!(contact.update(&ground, &body), None);
    }

    #[test]
    fn what_is_too_deep_is_pushed_out_up_to_the_slop() {
        let (ground, mut body, mut contact) = standing(-0.08);
        contact.update(&ground, &body);
        let before = contact.push_out(&mut body, 0.2);
        assert!((before - -0.1).abs() < 1e-12, "{before}");
        let after = contact.push_out(&mut body.clone(), 0.2);
        assert!(after > before && after < -SLOP, "{after}");
        let mut last = before;
        for _ in 0..200 {
            last = contact.push_out(&mut body, 0.2);
        }
        assert!((last + SLOP).abs() < 1e-9, "{last}");
    }
}
