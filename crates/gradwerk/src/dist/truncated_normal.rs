//! Normal distributions cut off at the bounds of the action space.

use super::Independent;
use super::independent::{Component, location_and_scale};
use gradwerk_env::Space;
use gradwerk_math::special::{HALF_LN_TAU, normal_density, normal_mass};
use gradwerk_math::{Real, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the truncated normal policy: a location inside the bounds and a log deviation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TruncatedNormalConfig {
    /// Initial logarithm of the deviation before the cut, in units of half the interval.
    pub log_std_init: f64,
    /// Whether the network computes the log deviation from the observation. If not, it is one
    /// free parameter per action component, the same in every state.
    pub state_dependent_std: bool,
}

impl TruncatedNormalConfig {
    /// The distribution for `space`, or `None` unless it is a bounded box.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<TruncatedNormal> {
        let head = location_and_scale(self.log_std_init, self.state_dependent_std);
        Independent::on(space, Truncated, head)
    }
}

/// `N(m, s^2)` under the condition of lying in `[-1, 1]`, stretched to the bounds, with
/// `m = tanh(y_1)` and `s = exp(y_2)`. The location lies inside, so that the mass between the
/// bounds never vanishes.
pub type TruncatedNormal = Independent<Truncated>;

/// One component of [`TruncatedNormal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

/// What the formulas share: with `z = (x - m) / s` cut at `a` and `b`.
struct Cut {
    m: f64,
    s: f64,
    a: f64,
    b: f64,
    /// `Phi(b) - Phi(a)`.
    mass: f64,
}

impl Cut {
    fn of(y: [f64; 2]) -> Self {
        let (m, s) = (Real::tanh(y[0]), Real::exp(y[1]));
        let (a, b) = ((-1.0 - m) / s, (1.0 - m) / s);
        Self { m, s, a, b, mass: normal_mass(a, b) }
    }

    /// `E[z], ..., E[z^4]` by the recursion `E[z^k] = (k - 1) E[z^(k-2)] + (a^(k-1) phi(a) -
    /// b^(k-1) phi(b)) / mass`.
    fn moments(&self) -> [f64; 4] {
        let density = |z: f64| normal_density(z) / self.mass;
        let (at_a, at_b) = (density(self.a), density(self.b));
        // Far away the density is 0 and the power may be infinite.
        let term = |z: f64, d: f64, k: i32| {
            if d == 0.0 { 0.0 } else { (0..k).fold(d, |product, _| product * z) }
        };
        let edge = |k: i32| term(self.a, at_a, k) - term(self.b, at_b, k);
        let first = edge(0);
        let second = 1.0 + edge(1);
        [first, second, 2.0 * first + edge(2), 3.0 * second + edge(3)]
    }

    /// Turn `d/dm` into `d/dy_1`.
    fn chain(&self, [d_m, d_log_s]: [f64; 2]) -> [f64; 2] {
        [d_m * self.d_m(), d_log_s]
    }

    /// `dm / dy_1`.
    fn d_m(&self) -> f64 {
        1.0 - self.m * self.m
    }

    /// The z below which lies the share `u` of the mass: Newton's method inside a bracket.
    fn quantile(&self, u: f64) -> f64 {
        let (mut low, mut high) = (Real::maximum(self.a, -FAR), Real::minimum(self.b, FAR));
        let mut z = 0.0;
        for _ in 0..60 {
            let excess = normal_mass(self.a, z) - u * self.mass;
            if excess > 0.0 {
                high = z
            } else {
                low = z
            }
            let next = z - excess / normal_density(z);
            let next = if next > low && next < high { next } else { 0.5 * (low + high) };
            if (next - z).abs() <= f64::EPSILON * next.abs() {
                return next;
            }
            z = next;
        }
        z
    }
}

/// Deviations beyond which there is no mass that a sample could have.
const FAR: f64 = 9.0;

impl Component for Truncated {
    fn draw(&self, y: [f64; 2], rng: &mut Stream) -> f64 {
        let cut = Cut::of(y);
        (cut.m + cut.s * cut.quantile(rng.uniform_f64())).clip(-1.0, 1.0)
    }

    fn place(&self, x: f64) -> f64 {
        x
    }

    fn mode(&self, y: [f64; 2]) -> f64 {
        Cut::of(y).m
    }

    fn log_prob(&self, y: [f64; 2], x: f64) -> f64 {
        let cut = Cut::of(y);
        let z = (x - cut.m) / cut.s;
        -0.5 * z * z - y[1] - HALF_LN_TAU - Real::ln(cut.mass)
    }

    fn entropy(&self, y: [f64; 2]) -> f64 {
        let cut = Cut::of(y);
        y[1] + HALF_LN_TAU + Real::ln(cut.mass) + 0.5 * cut.moments()[1]
    }

    fn kl(&self, old: [f64; 2], new: [f64; 2]) -> f64 {
        let (o, n) = (Cut::of(old), Cut::of(new));
        let [first, second, ..] = o.moments();
        new[1] - old[1] + Real::ln(n.mass) - Real::ln(o.mass)
            + 0.5 * (square_from(&o, &n, first, second) - second)
    }

    /// `(z - E[z]) / s` and `z^2 - E[z^2]`.
    fn d_log_prob(&self, y: [f64; 2], x: f64) -> [f64; 2] {
        let cut = Cut::of(y);
        let ([first, second, ..], z) = (cut.moments(), (x - cut.m) / cut.s);
        cut.chain([(z - first) / cut.s, z * z - second])
    }

    /// `-E[score ln pi] = E[score z^2] / 2`.
    fn d_entropy(&self, y: [f64; 2]) -> [f64; 2] {
        let cut = Cut::of(y);
        let [e1, e2, e3, e4] = cut.moments();
        cut.chain([0.5 * (e3 - e1 * e2) / cut.s, 0.5 * (e4 - e2 * e2)])
    }

    /// Minus the mean of the new score under the old distribution.
    fn d_kl(&self, old: [f64; 2], new: [f64; 2]) -> [f64; 2] {
        let (o, n) = (Cut::of(old), Cut::of(new));
        let ([first, second, ..], [new_first, new_second, ..]) = (o.moments(), n.moments());
        let mean = (o.m + o.s * first - n.m) / n.s;
        let square = square_from(&o, &n, first, second);
        n.chain([(new_first - mean) / n.s, new_second - square])
    }

    /// Covariances of the two scores.
    fn fisher(&self, y: [f64; 2]) -> [f64; 3] {
        let cut = Cut::of(y);
        let ([e1, e2, e3, e4], d) = (cut.moments(), cut.d_m() / cut.s);
        [(e2 - e1 * e1) * d * d, (e3 - e1 * e2) * d, e4 - e2 * e2]
    }
}

/// `E_old[((x - m') / s')^2]` from the old `E[z]` and `E[z^2]`.
fn square_from(old: &Cut, new: &Cut, first: f64, second: f64) -> f64 {
    let (ratio, shift) = (old.s / new.s, (old.m - new.m) / new.s);
    ratio * ratio * second + 2.0 * ratio * shift * first + shift * shift
}
