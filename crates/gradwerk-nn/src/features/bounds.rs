//! From observations to a fixed interval, by the bounds of the space or those of the settings.

use crate::{Engine, NnError, Shape};

/// Lower and upper bound of each entry of an observation, all finite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bounds(Vec<(f64, f64)>);

impl Bounds {
    /// The bounds of the settings where there are any, else those of the observation space.
    ///
    /// # Errors
    /// If there are as many as entries neither here nor there, or if some are infinite or cross.
    pub(super) fn new(low: &[f64], high: &[f64], shape: &Shape) -> Result<Self, NnError> {
        let low = choose("low", low, &shape.low, shape.inputs)?;
        let high = choose("high", high, &shape.high, shape.inputs)?;
        for (i, (&low, &high)) in low.iter().zip(&high).enumerate() {
            let (field, value) = if low.is_finite() { ("high", high) } else { ("low", low) };
            if !low.is_finite() || !high.is_finite() {
                let why = format!(
                    "entry {i} of the observation has no finite bounds ({low} to {high}): set \
                     network.low and network.high"
                );
                return Err(NnError::setting(format!("{field}[{i}]"), value, why));
            }
            if low >= high {
                let why = format!("must be above low[{i}] = {low}");
                return Err(NnError::setting(format!("high[{i}]"), high, why));
            }
        }
        Ok(Self(low.into_iter().zip(high).collect()))
    }

    /// The map of each entry's bounds to 0 and 1.
    pub(super) fn to_unit(&self) -> Scaling {
        Scaling(self.0.iter().map(|&(low, high)| (low, 1.0 / (high - low))).collect())
    }

    /// The map of each entry's bounds to -1 and 1.
    pub(super) fn to_symmetric(&self) -> Scaling {
        let entry = |&(low, high): &(f64, f64)| (0.5 * (low + high), 2.0 / (high - low));
        Scaling(self.0.iter().map(entry).collect())
    }
}

/// The bounds given by the user, or those of the space.
fn choose(field: &str, given: &[f64], space: &[f32], inputs: usize) -> Result<Vec<f64>, NnError> {
    let known = given.is_empty() && space.len() == inputs;
    if known {
        return Ok(space.iter().map(|&bound| f64::from(bound)).collect());
    }
    if given.len() != inputs {
        let why = format!("must have {inputs} numbers, one per entry of the observation");
        return Err(NnError::setting(field, format!("{given:?}"), why));
    }
    Ok(given.to_vec())
}

/// `u_i = (x_i - shift_i) slope_i`; nothing is clipped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scaling(Vec<(f64, f64)>);

impl Scaling {
    /// Numbers per observation.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// `du_i / dx_i`.
    pub(super) fn slope<E: Engine>(&self, i: usize) -> E {
        E::from_f64(self.0[i].1)
    }

    /// `u_i` of `x_i`, in double precision whatever the engine.
    pub(super) fn exact<E: Engine>(&self, i: usize, x: E) -> f64 {
        let (shift, slope) = self.0[i];
        (x.to_f64() - shift) * slope
    }

    /// Rows of `u` from rows of `x`.
    pub(super) fn apply<E: Engine>(&self, x: &[E], u: &mut [E]) {
        for (x, u) in x.chunks_exact(self.len()).zip(u.chunks_exact_mut(self.len())) {
            for (i, (u, &x)) in u.iter_mut().zip(x).enumerate() {
                *u = E::from_f64(self.exact(i, x));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape { inputs: 2, low: vec![-1.0, 0.0], high: vec![3.0, 1.0], ..Shape::default() }
    }

    #[test]
    fn bounds_go_to_the_ends_of_the_interval() {
        let bounds = Bounds::new(&[], &[], &shape()).unwrap();
        let mut u = [0.0; 2];
        // (2 + 1) / 4 = 0.75; centre 1, half width 2: (2 - 1) / 2 = 0.5
        bounds.to_unit().apply(&[2.0, 1.0], &mut u);
        assert_eq!(u, [0.75, 1.0]);
        bounds.to_symmetric().apply(&[2.0, 1.0], &mut u);
        assert_eq!(u, [0.5, 1.0]);
    }

    #[test]
    fn settings_come_before_the_space() {
        let bounds = Bounds::new(&[0.0, 0.0], &[1.0, 4.0], &shape()).unwrap();
        assert_eq!(bounds.0, [(0.0, 1.0), (0.0, 4.0)]);
    }

    #[test]
    fn wrong_bounds_are_named() {
        let message =
            |low: &[f64], high: &[f64]| Bounds::new(low, high, &shape()).unwrap_err().to_string();
        assert_eq!(
            message(&[1.0], &[]),
            "low = [1.0]: must have 2 numbers, one per entry of the observation"
        );
        assert_eq!(message(&[0.0, 5.0], &[]), "high[1] = 1: must be above low[1] = 5");
        assert!(message(&[], &[1.0, f64::INFINITY]).starts_with("high[1] = inf: entry 1"));
        assert!(message(&[f64::NAN, 0.0], &[]).starts_with("low[0] = NaN: entry 0"));
    }
}
