//! The file format: what comes back, and what is refused.

use super::*;
use crate::run::state::{State, StateError, hex};
use safetensors::Dtype;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

pub fn sample(steps: u64) -> State {
    let mut state = State::new();
    state.put("actor/w", &[2, 2], vec![0.5_f32, -0.0, f32::NAN, steps as f32]).unwrap();
    state.put("scalar", &[], vec![1.0e-300_f64]).unwrap();
    state.put("empty", &[0, 4], Vec::<u32>::new()).unwrap();
    state.put_vector("counters", vec![u64::MAX, steps]).unwrap();
    state.put_vector("pixels", vec![0_u8, 127, 255]).unwrap();
    state.put_meta("algo", "ppo").unwrap();
    state.put_meta("note", "quotes \" and \\ and \"sha256\":\"0").unwrap();
    state.put_meta("lr", &3.0e-4_f64).unwrap();
    state
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn decoded(bytes: &[u8]) -> Result<State, StateError> {
    decode(bytes.to_vec(), Path::new("x.safetensors"))
}

#[test]
fn write_then_read_gives_the_same_state() {
    let folder = folder();
    let path = folder.path().join("policy.safetensors");
    write(&path, &sample(7)).unwrap();
    let back = read(&path).unwrap();
    // The hash covers every bit; `==` would not, since NaN differs from itself.
    assert_eq!(back.sha256(), sample(7).sha256());
    assert_eq!(back.get::<u64>("counters", &[2]).unwrap(), [u64::MAX, 7]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    write(&path, &State::new()).unwrap();
    assert_eq!(read(&path).unwrap(), State::new());
}

#[test]
fn equal_states_give_equal_files() {
    let first = encode(&sample(1)).unwrap();
    assert!((0..20).all(|_| encode(&sample(1)).unwrap() == first));
}

#[test]
fn other_readers_open_the_file() {
    let bytes = encode(&sample(3)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("pixels").unwrap();
    assert_eq!(
        (tensor.dtype(), tensor.shape(), tensor.data()),
        (Dtype::U8, &[3_usize][..], &[0_u8, 127, 255][..])
    );
}

#[test]
fn every_changed_byte_is_an_error() {
    let bytes = encode(&sample(7)).unwrap();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= flip;
            assert!(decoded(&bad).is_err(), "byte {at} flipped by {flip:#x} went unnoticed");
        }
    }
}

#[test]
fn changed_data_is_called_corrupt() {
    let mut bytes = encode(&sample(7)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let error = decoded(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.safetensors: corrupt: its checksum does not match its content"
    );
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = encode(&sample(7)).unwrap();
    assert!(matches!(decoded(&[]), Err(StateError::Foreign { .. })));
    for length in 1..bytes.len() {
        let error = decoded(&bytes[..length]).unwrap_err();
        assert!(matches!(error, StateError::Truncated { .. }), "{length}: {error}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(decoded(&longer), Err(StateError::Corrupt { .. })));
}

#[test]
fn foreign_files_are_named_so() {
    let foreign = |bytes: &[u8]| {
        let error = decoded(bytes).unwrap_err();
        assert!(matches!(error, StateError::Foreign { .. }), "{error}");
        error.to_string()
    };
    assert!(foreign(b"").ends_with("the file is empty"));
    foreign(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06");
    foreign(b"seed = 1\nalgo = \"ppo\"\n");
    let other = safetensors::serialize(&sample(1).tensors, None).unwrap();
    assert!(foreign(&other).contains("without gradwerk's entry"));
}

/// A file with its version number replaced and the digest made to fit.
fn with_version(digit: u8) -> Vec<u8> {
    let mut bytes = encode(&sample(7)).unwrap();
    bytes[8 + HEADER_START.len()] = digit;
    let at = digest_position(&bytes).unwrap();
    bytes[at..at + DIGEST_LEN].fill(b'0');
    let digest = hex(&Sha256::digest(&bytes));
    bytes[at..at + DIGEST_LEN].copy_from_slice(digest.as_bytes());
    bytes
}

#[test]
fn a_newer_version_is_named_so() {
    assert!(decoded(&with_version(b'1')).is_ok());
    let error = decoded(&with_version(b'2')).unwrap_err();
    assert!(matches!(error, StateError::Newer { found: 2, supported: 1, .. }), "{error}");
    assert!(matches!(decoded(&with_version(b'0')), Err(StateError::Corrupt { .. })));
}

#[test]
fn a_missing_file_names_its_path() {
    let error = read(Path::new("no/such/file")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read no/such/file: "), "{error}");
    let error = write(Path::new("no/such/folder/file"), &State::new()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write no/such/folder/file: "), "{error}");
}
