//! Snapshots of environments.
//!
//! Where the state is a few real numbers, the format is the numbers as little-endian `f64`, one
//! after another; elsewhere it is JSON. Tools and tests use the
//! same two functions to read a state or to set one (through
//! [`SlotState::snapshot`](crate::SlotState)).

use crate::EnvError;
use serde::{Serialize, de::DeserializeOwned};

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
    let numbers = decode_all(bytes, N)?;
    Ok(std::array::from_fn(|k| numbers[k]))
}

/// The state of `n` numbers that [`encode`] turned into bytes.
///
/// # Errors
/// If there are not exactly `n` numbers, or one of them is not finite.
pub fn decode_all(bytes: &[u8], n: usize) -> Result<Vec<f64>, EnvError> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    if numbers.len() != n || !rest.is_empty() {
        let got = bytes.len();
        return Err(EnvError(format!("a snapshot of {got} bytes, expected {}", 8 * n)));
    }
    let state: Vec<f64> = numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    match state.iter().position(|x| !x.is_finite()) {
        Some(k) => Err(EnvError(format!("snapshot entry {k} is {}", state[k]))),
        None => Ok(state),
    }
}

/// The bytes of a state that is more than a few numbers.
///
/// # Panics
/// If the state holds what JSON has no form for (a map whose keys are no text).
#[must_use]
pub fn encode_json(state: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(state).expect("the state has a form in JSON")
}

/// The state that [`encode_json`] turned into bytes.
///
/// # Errors
/// If the bytes are something else, or the state is not valid.
pub fn decode_json<S: DeserializeOwned>(
    bytes: &[u8],
    is_valid: impl Fn(&S) -> bool,
) -> Result<S, EnvError> {
    match serde_json::from_slice(bytes) {
        Ok(state) if is_valid(&state) => Ok(state),
        Ok(_) => Err(EnvError("a number in the snapshot is out of range".into())),
        Err(error) => Err(EnvError(format!("the snapshot is of something else: {error}"))),
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

    #[test]
    fn json_is_read_whole_or_not_at_all() {
        let small = |x: &(u8, bool)| x.0 < 5;
        assert_eq!(decode_json(&encode_json(&(4, true)), small).unwrap(), (4, true));
        let message = |bytes: &[u8]| decode_json(bytes, small).unwrap_err().to_string();
        assert_eq!(message(b"[5,true]"), "a number in the snapshot is out of range");
        assert!(message(b"[4,true]x").starts_with("the snapshot is of something else: trailing"));
    }
}
