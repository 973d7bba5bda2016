//! Integer vectors with few entries above 0: frequencies of cosines and exponents of monomials.

/// The entries above 0 of an integer vector, as index and value.
pub(super) type Term = Vec<(usize, u32)>;

/// Which integer vectors of length `inputs` are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Length of the vectors.
    pub inputs: usize,
    /// Largest entry.
    pub each: u32,
    /// Largest sum of the entries.
    pub total: u32,
    /// Most entries above 0.
    pub entries: usize,
}

impl Wanted {
    /// All such vectors but 0 in lexicographic order, or `None` if there are more than `most`.
    pub(super) fn terms(&self, most: usize) -> Option<Vec<Term>> {
        let mut terms = Vec::new();
        self.extend(&mut Vec::new(), most, &mut terms)?;
        Some(terms)
    }

    /// Append the vectors that continue `prefix` behind its last entry above 0.
    fn extend(&self, prefix: &mut Term, most: usize, terms: &mut Vec<Term>) -> Option<()> {
        if prefix.len() == self.entries {
            return Some(());
        }
        let next = prefix.last().map_or(0, |&(index, _)| index + 1);
        let left = self.total - prefix.iter().map(|&(_, value)| value).sum::<u32>();
        for index in next..self.inputs {
            for value in 1..=self.each.min(left) {
                prefix.push((index, value));
                terms.push(prefix.clone());
                if terms.len() > most {
                    return None;
                }
                self.extend(prefix, most, terms)?;
                prefix.pop();
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_vectors_once() {
        let all = Wanted { inputs: 3, each: 3, total: 9, entries: 3 };
        let mut terms = all.terms(1000).unwrap();
        assert_eq!(terms.len(), 63); // 4^3 - 1
        terms.sort();
        terms.dedup();
        assert_eq!(terms.len(), 63);
        let pairs = Wanted { entries: 2, ..all };
        assert_eq!(pairs.terms(1000).unwrap().len(), 36); // 3 * 3 + 3 * 9
        let quadratic = Wanted { each: 2, total: 2, ..all };
        assert_eq!(quadratic.terms(1000).unwrap().len(), 9); // (3 + 2 over 2) - 1
    }

    #[test]
    fn too_many_are_refused_without_listing_them() {
        let many = Wanted { inputs: 40, each: 9, total: 360, entries: 40 };
        assert_eq!(many.terms(500), None);
        let exact = Wanted { inputs: 2, each: 2, total: 4, entries: 2 };
        assert_eq!(exact.terms(8).map(|t| t.len()), Some(8));
        assert_eq!(exact.terms(7), None);
    }
}
