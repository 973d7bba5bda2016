//! Action masks: which values of the discrete components are valid in a state.
//!
//! A mask row has one entry per value of every discrete component, component after component, as
//! [`Space::choices`](crate::Space::choices) lists them; `true` is valid.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_looked_at_one_by_one() {
        let mask = [true, false, false, true, true];
        assert_eq!(first_blocked(&[2, 3], &mask), None);
        assert_eq!(first_blocked(&[1, 2, 2], &mask), Some(1));
        assert!(allows(&[2, 3], &mask, &[0, 1]) && allows(&[2, 3], &mask, &[0, 2]));
        assert!(!allows(&[2, 3], &mask, &[1, 1]) && !allows(&[2, 3], &mask, &[0, 0]));
    }
}
