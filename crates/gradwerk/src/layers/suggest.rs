//! "Did you mean": the closest of a list of names.

/// Edit distance (Damerau 1964, optimal string alignment): insertions, deletions, substitutions
/// and swaps of neighbours from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = match (i, j) {
                (_, 0) => i,
                (0, _) => j,
                _ => {
                    let replaced = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    replaced.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1)
                }
            };
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                d[i][j] = d[i][j].min(d[i - 2][j - 2] + 1);
            }
        }
    }
    d[a.len()][b.len()]
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
        assert_eq!(distance("mpl", "mlp"), 1);
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
