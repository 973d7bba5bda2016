//! Sums in the order in which NumPy adds up, so that rewards have its bits.

use gradwerk_math::Real;

/// The most numbers that NumPy adds in one block.
const BLOCK: usize = 128;

/// The sum of `term(x)` over `xs`, added as `numpy.sum` adds a contiguous array: up to seven
/// numbers one after another, more in eight columns whose totals are added in pairs, and more than
/// 128 in two halves, the first of which is a multiple of eight.
pub fn sum_of<R: Real>(xs: &[R], term: impl Fn(R) -> R) -> R {
    sum(xs, &term)
}

fn sum<R: Real>(xs: &[R], term: &impl Fn(R) -> R) -> R {
    if xs.len() > BLOCK {
        let half = xs.len() / 2;
        let (first, second) = xs.split_at(half - half % 8);
        return sum(first, term) + sum(second, term);
    }
    let zero = R::from_f32(0.0);
    let (rows, rest) = xs.as_chunks::<8>();
    let Some((head, rows)) = rows.split_first() else {
        return rest.iter().fold(zero, |total, x| total + term(*x));
    };
    let mut r = head.map(term);
    for row in rows {
        r = std::array::from_fn(|k| r[k] + term(row[k]));
    }
    let total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    rest.iter().fold(total, |total, x| total + term(*x))
}

/// The sum of the squares.
pub fn sum_of_squares<R: Real>(xs: &[R]) -> R {
    sum_of(xs, |x| x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_added_exactly_whatever_their_number() {
        for n in 0..=3 * BLOCK {
            let xs: Vec<f64> = (1..=n).map(|k| k as f64).collect();
            assert_eq!(sum_of(&xs, |x| x), (n * (n + 1) / 2) as f64, "{n}");
            assert_eq!(sum_of_squares(&xs), (n * (n + 1) * (2 * n + 1) / 6) as f64, "{n}");
        }
    }

    /// Of 130 numbers the first 64 are one half: there 1e16 takes all the ones in, which are
    /// added up alone in the other.
    #[test]
    fn long_sums_are_added_in_halves() {
        let mut xs = [1.0; 130];
        xs[0] = 1e16;
        xs[63] = -1e16;
        assert_eq!(sum_of(&xs[64..], |x| x), 66.0);
        assert_eq!(sum_of(&xs, |x| x), sum_of(&xs[..64], |x| x) + 66.0);
    }

    /// 1e16 + 1 is 1e16 in double precision: who meets whom decides what is left.
    #[test]
    fn columns_are_added_in_pairs() {
        let mut xs = [0.0; 17];
        (xs[0], xs[1], xs[8], xs[16]) = (1e16, 1.0, -1e16, 1.0);
        // Column 0 cancels, then 0 + 1, then the rest.
        assert_eq!(sum_of(&xs, |x| x), 2.0);
        let mut xs = [0.0; 8];
        (xs[0], xs[1], xs[7]) = (1e16, 1.0, -1e16);
        assert_eq!(sum_of(&xs, |x| x), 0.0);
    }
}
