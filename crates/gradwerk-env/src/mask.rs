//! Action masks: which values of the discrete components are valid in a state.
//!
//! A mask row has one entry per value of every discrete component, component after component, as
//! [`Space::choices`](crate::Space::choices) lists them; `true` is valid.

use gradwerk_math::Stream;

/// The first component that has no valid value.
#[must_use]
pub fn first_blocked(choices: &[usize], mask: &[bool]) -> Option<usize> {
    let mut rest = mask;
    choices.iter().position(|&n| {
        let (own, later) = rest.split_at(n);
        rest = later;
        !own.contains(&true)
    })
}

/// Whether every component of a discrete action is valid.
#[must_use]
pub fn allows(choices: &[usize], mask: &[bool], discrete: &[u32]) -> bool {
    let mut start = 0;
    choices.iter().zip(discrete).all(|(&n, &a)| {
        let valid = mask[start + a as usize];
        start += n;
        valid
    })
}

/// One of `0..n` at random: a valid one, if there is a mask of this component and a valid value.
pub fn random_value(n: usize, mask: &[bool], rng: &mut Stream) -> u32 {
    let valid = mask.iter().filter(|valid| **valid).count();
    if valid == 0 {
        return rng.below(n as u32);
    }
    let place = rng.below(valid as u32) as usize;
    (0..n).filter(|&a| mask[a]).nth(place).unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    #[test]
    fn random_values_are_the_valid_ones() {
        let mut rng = Stream::new(0, Purpose::Test, 0, 0);
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[random_value(4, &[true, false, false, true], &mut rng) as usize] = true;
        }
        assert_eq!(seen, [true, false, false, true]);
        assert!((0..200).any(|_| random_value(4, &[], &mut rng) == 2));
    }

    #[test]
    fn components_are_looked_at_one_by_one() {
        let mask = [true, false, false, true, true];
        assert_eq!(first_blocked(&[2, 3], &mask), None);
        assert_eq!(first_blocked(&[1, 2, 2], &mask), Some(1));
        assert!(allows(&[2, 3], &mask, &[0, 1]) && allows(&[2, 3], &mask, &[0, 2]));
        assert!(!allows(&[2, 3], &mask, &[1, 1]) && !allows(&[2, 3], &mask, &[0, 0]));
    }
}
