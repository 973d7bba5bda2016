//! The actions of a finite problem, written as those of a policy.

use crate::dist::{AnyDist, Distribution};
use gradwerk_env::Space;
use gradwerk_math::Real;

/// Whether an entry of the mask (a value of a component, component after component) is valid where
/// an observation is shown.
pub type Validity = fn(observation: usize, entry: usize) -> bool;

/// Action `k` of a table as an action of a space without boxes: its components are the digits of `k`,
/// the last one changing fastest.
#[derive(Clone, Debug)]
pub struct Choices {
    space: Space,
    /// Values of each component, D of them.
    radix: Vec<usize>,
    /// The components of every action, `[A, D]`.
    parts: Vec<u32>,
    valid: Option<Validity>,
}

impl Choices {
    /// One choice of `n`.
    #[must_use]
    pub fn single(n: usize) -> Self {
        Self::of(Space::Discrete { n }, None)
    }

    /// Every action of a space, masked by `valid` if the policy is.
    #[must_use]
    pub fn of(space: Space, valid: Option<Validity>) -> Self {
        let radix = space.choices();
        let count: usize = radix.iter().product();
        let digit = |k: usize, d: usize| k / radix[d + 1..].iter().product::<usize>() % radix[d];
        let digits = |k: usize| (0..radix.len()).map(move |d| (k, d));
        let parts = (0..count).flat_map(digits).map(|(k, d)| digit(k, d) as u32).collect();
        Self { space, radix, parts, valid }
    }

    /// The space.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Number of actions A.
    #[must_use]
    pub fn count(&self) -> usize {
        self.radix.iter().product()
    }

    /// Number of components D.
    #[must_use]
    pub fn width(&self) -> usize {
        self.radix.len()
    }

    /// The components of an action, `[D]`.
    #[must_use]
    pub fn parts(&self, action: usize) -> &[u32] {
        &self.parts[action * self.width()..(action + 1) * self.width()]
    }

    /// The action of these components.
    #[must_use]
    pub fn index(&self, parts: &[u32]) -> usize {
        self.radix.iter().zip(parts).fold(0, |k, (n, part)| k * n + *part as usize)
    }

    /// Whether there are masks.
    #[must_use]
    pub fn has_masks(&self) -> bool {
        self.valid.is_some()
    }

    /// Write the mask where `obs` is shown; nothing without masks.
    pub fn mask(&self, obs: usize, mask: &mut [bool]) {
        if let Some(valid) = self.valid {
            mask.iter_mut().enumerate().for_each(|(entry, out)| *out = valid(obs, entry));
        }
    }

    /// Take what is invalid there out of a row of head outputs.
    pub fn apply_mask<R: Real>(&self, dist: &AnyDist, obs: usize, y: &mut [R]) {
        if self.has_masks() {
            let mut mask = vec![true; self.radix.iter().sum()];
            self.mask(obs, &mut mask);
            dist.apply_mask(&mask, y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_numbered_by_their_components() {
        let choices = Choices::of(Space::MultiDiscrete { n: vec![2, 3] }, None);
        assert_eq!((choices.count(), choices.width()), (6, 2));
        assert_eq!(
            (choices.parts(0), choices.parts(2), choices.parts(3)),
            (&[0, 0][..], &[0, 2][..], &[1, 0][..])
        );
        for action in 0..6 {
            assert_eq!(choices.index(choices.parts(action)), action);
        }
    }
}
