//! "Did you mean": the closest of a list of names.

/// Edit distance (Levenshtein 1966): insertions, deletions and substitutions from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The valid name closest to `wrong`, if one is close enough to be what was meant: at most a
/// third of its letters differ, or one begins with the other.
#[must_use]
pub fn closest<'a>(wrong: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace(['_', '-', ' '], "");
    let target = plain(wrong);
    let begins = |name: &str| {
        let name = plain(name);
        target.len() >= 3 && (name.starts_with(&target) || target.starts_with(&name))
    };
    let near = |name: &str| {
        let far = distance(&target, &plain(name));
        let score = if begins(name) { far.min(1) } else { far };
        (score * 3 <= target.len()).then_some(score)
    };
    // The first of equally close names wins (`min_by_key` is stable), so that the answer is fixed.
    valid.into_iter().filter_map(|v| near(v).map(|s| (s, v))).min_by_key(|(s, _)| *s).map(|x| x.1)
}

/// `expected one of a, b, c; did you mean b?`
#[must_use]
pub fn expected<'a>(wrong: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    let valid: Vec<&str> = valid.into_iter().collect();
    let list = format!("expected one of {}", valid.join(", "));
    match closest(wrong, valid) {
        Some(name) => format!("{list}; did you mean {name}?"),
        None => list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        // kitten -> sitten -> sittin -> sitting: the textbook's three edits.
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn suggestions() {
        let keys = ["clip", "epochs", "minibatch", "entropy_coef"];
        assert_eq!(closest("cliprange", keys), Some("clip"));
        assert_eq!(closest("epoch", keys), Some("epochs"));
        assert_eq!(closest("entropy-coeff", keys), Some("entropy_coef"));
        assert_eq!(closest("zzz", keys), None);
        assert_eq!(expected("q", ["a", "bcdef"]), "expected one of a, bcdef");
    }
}
