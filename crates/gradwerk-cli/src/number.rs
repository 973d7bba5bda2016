//! Numbers as people type and read them.

/// A count: `100000`, `100_000` or `1e5`.
pub fn count(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    if let Ok(n) = plain.parse::<u64>() {
        return Ok(n);
    }
    // 2^53: up to there every whole number is exact.
    match plain.parse::<f64>() {
        Ok(x) if x.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&x) => Ok(x as u64),
        _ => Err("expected a whole number such as 100000, 100_000 or 1e5".into()),
    }
}

/// A count of at least 1.
pub fn positive(text: &str) -> Result<u64, String> {
    match count(text)? {
        0 => Err("must be at least 1".into()),
        n => Ok(n),
    }
}

/// A finite number.
pub fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err("expected a finite number".into()),
    }
}

/// Seeds `A..B`, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedRange(pub Vec<u64>);

/// Parse `A..B`.
pub fn seeds(text: &str) -> Result<SeedRange, String> {
    let expected = "expected A..B with A at most B, both included, at most 1000 seeds";
    let (first, last) = text.split_once("..").ok_or(expected)?;
    let (first, last) = (count(first)?, count(last)?);
    if first > last || last - first >= 1000 {
        return Err(expected.into());
    }
    Ok(SeedRange((first..=last).collect()))
}

/// `1234567` as `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A rate in three digits: `987`, `1.23 k`, `456 k`, `1.20 M`.
pub fn short(x: f64) -> String {
    match x {
        x if x >= 1e6 => format!("{:.2} M", x / 1e6),
        x if x >= 1e5 => format!("{:.0} k", x / 1e3),
        x if x >= 1e3 => format!("{:.1} k", x / 1e3),
        x => format!("{x:.0}"),
    }
}

/// A duration: `0.84 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds as u64;
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(["5", "1e5", "1_000"].map(count), [Ok(5), Ok(100_000), Ok(1000)]);
        for wrong in ["-1", "1.5", "x", "", "1e40", "nan"] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
        assert!(positive("0").is_err());
    }

    #[test]
    fn ranges_include_both_ends() {
        assert_eq!(seeds("3..5"), Ok(SeedRange(vec![3, 4, 5])));
        assert_eq!(seeds("7..7"), Ok(SeedRange(vec![7])));
        for wrong in ["3", "5..3", "a..b", "0..1000", "1..=3"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
        assert_eq!(short(152_400.0), "152 k");
        assert_eq!(duration(245.0), "4 min 05 s");
        assert_eq!(duration(7380.0), "2 h 03 min");
    }
}
