//! Vectors of the plane, and frames in it.

use gradwerk_math::sin_cos;
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::box2d) struct Vector {
    pub x: f64,
    pub y: f64,
}

impl Vector {
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    pub fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }

    /// The velocity of this arm's end when the arm spins.
    pub fn spun(self, spin: f64) -> Self {
        Self::new(-spin * self.y, spin * self.x)
    }

    /// A quarter turn clockwise: the outward normal of a counterclockwise edge.
    pub fn right(self) -> Self {
        Self::new(self.y, -self.x)
    }

    pub fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// Of length 1.
    pub fn unit(self) -> Self {
        self * (1.0 / self.length())
    }
}

impl Add for Vector {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Vector {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl Neg for Vector {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.x, -self.y)
    }
}

impl Mul<f64> for Vector {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }
}

impl AddAssign for Vector {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl From<[f64; 2]> for Vector {
    fn from([x, y]: [f64; 2]) -> Self {
        Self { x, y }
    }
}

impl From<Vector> for [f64; 2] {
    fn from(v: Vector) -> Self {
        [v.x, v.y]
    }
}

/// A turned and moved frame.
#[derive(Clone, Copy, Debug)]
pub(in crate::box2d) struct Frame {
    at: Vector,
    sin: f64,
    cos: f64,
}

impl Frame {
    pub fn new(at: Vector, angle: f64) -> Self {
        let (sin, cos) = sin_cos(angle);
        Self { at, sin, cos }
    }

    /// A direction of the frame as the world sees it.
    pub fn turn(&self, v: Vector) -> Vector {
        Vector::new(self.cos * v.x - self.sin * v.y, self.sin * v.x + self.cos * v.y)
    }

    /// A direction of the world as the frame sees it.
    pub fn turn_back(&self, v: Vector) -> Vector {
        Vector::new(self.cos * v.x + self.sin * v.y, self.cos * v.y - self.sin * v.x)
    }

    /// A point of the frame in the world.
    pub fn place(&self, v: Vector) -> Vector {
        self.at + self.turn(v)
    }

    /// A point of the world in the frame.
    pub fn find(&self, v: Vector) -> Vector {
        self.turn_back(v - self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Vector, b: Vector) {
        assert!((a - b).length() < 1e-12, "{a:?} {b:?}");
    }

    #[test]
    fn a_frame_places_and_finds() {
        let frame = Frame::new(Vector::new(3.0, -1.0), std::f64::consts::FRAC_PI_6);
        let (sin, cos) = (0.5, 3f64.sqrt() / 2.0);
        near(frame.turn(Vector::new(1.0, 0.0)), Vector::new(cos, sin));
        near(frame.place(Vector::new(0.0, 2.0)), Vector::new(3.0 - 2.0 * sin, 2.0 * cos - 1.0));
        let point = Vector::new(0.3, 0.7);
        near(frame.find(frame.place(point)), point);
        near(frame.turn_back(frame.turn(point)), point);
    }

    #[test]
    fn the_end_of_a_spinning_arm_moves_across_it() {
        let arm = Vector::new(2.0, 1.0);
        assert_eq!(arm.spun(3.0), Vector::new(-3.0, 6.0));
        assert_eq!((arm.spun(3.0).dot(arm), arm.cross(arm.spun(1.0))), (0.0, arm.dot(arm)));
        assert_eq!(Vector::new(1.0, 0.0).right(), Vector::new(0.0, -1.0));
    }
}
