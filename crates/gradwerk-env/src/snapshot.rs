//! Snapshots of environments whose state is a few real numbers.
//!
//! The format is the numbers as little-endian `f64`, one after another. Tools and tests use the
//! same two functions to read a state or to set one (through
//! [`SlotState::snapshot`](crate::SlotState)).

use crate::EnvError;

/// The bytes of a state.
#[must_use]
pub fn encode(state: &[f64]) -> Vec<u8> {
    state.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The state that [`encode`] turned into bytes.
///
/// # Errors
/// If there are not exactly `N` numbers, or one of them is not finite.
pub fn decode<const N: usize>(bytes: &[u8]) -> Result<[f64; N], EnvError> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    if numbers.len() != N || !rest.is_empty() {
        let got = bytes.len();
        return Err(EnvError(format!("a snapshot of {got} bytes, expected {}", 8 * N)));
    }
    let state: [f64; N] = std::array::from_fn(|k| f64::from_le_bytes(numbers[k]));
    match state.iter().position(|x| !x.is_finite()) {
        Some(k) => Err(EnvError(format!("snapshot entry {k} is {}", state[k]))),
        None => Ok(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_layout() {
        let bytes = encode(&[1.0, -0.5]);
        // 1.0 is 0x3FF0_0000_0000_0000, least significant byte first.
        assert_eq!(bytes[..8], [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]);
        assert_eq!(decode::<2>(&bytes).unwrap(), [1.0, -0.5]);
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let message = |bytes: &[u8]| decode::<1>(bytes).unwrap_err().to_string();
        assert_eq!(message(&[0; 7]), "a snapshot of 7 bytes, expected 8");
        assert_eq!(message(&[0; 16]), "a snapshot of 16 bytes, expected 8");
        assert_eq!(message(&f64::NAN.to_le_bytes()), "snapshot entry 0 is NaN");
    }
}
