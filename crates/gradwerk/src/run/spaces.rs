//! Spaces in a state: their kind, then their numbers or their entries. Bounds may be infinite,
//! which JSON cannot say: they are tensors.

use super::state::{State, StateError};
use gradwerk_env::Space;

/// Store a space under `name.kind` and further entries of that prefix.
///
/// # Errors
/// None in practice; building a [`State`] is checked.
pub(crate) fn save_space(state: &mut State, name: &str, space: &Space) -> Result<(), StateError> {
    let mut numbers = |n: &[usize]| {
        state.put_vector(&format!("{name}.n"), n.iter().map(|&n| n as u64).collect::<Vec<u64>>())
    };
    let kind = match space {
        Space::Discrete { n } => {
            numbers(&[*n])?;
            "discrete"
        }
        Space::MultiDiscrete { n } => {
            numbers(n)?;
            "multi-discrete"
        }
        Space::MultiBinary { n } => {
            numbers(&[*n])?;
            "multi-binary"
        }
        Space::Image { channels, height, width } => {
            numbers(&[*channels, *height, *width])?;
            "image"
        }
        Space::Box { low, high } => {
            state.put_vector(&format!("{name}.low"), low.clone())?;
            state.put_vector(&format!("{name}.high"), high.clone())?;
            "box"
        }
        Space::Dict(_) => "dict",
        Space::Tuple(_) => "tuple",
    };
    state.put_meta(&format!("{name}.kind"), kind)?;
    let entries = space.entries();
    if entries.is_empty() {
        return Ok(());
    }
    let names: Vec<&String> = entries.iter().map(|(entry, _)| entry).collect();
    state.put_meta(&format!("{name}.entries"), &names)?;
    entries
        .iter()
        .try_for_each(|(entry, space)| save_space(state, &format!("{name}.{entry}"), space))
}

/// Read what [`save_space`] stored.
///
/// # Errors
/// If it is missing or of another form.
pub(crate) fn load_space(state: &State, name: &str) -> Result<Space, StateError> {
    let numbers = || -> Result<Vec<usize>, StateError> {
        let n = state.get_any::<u64>(&format!("{name}.n"))?.1;
        Ok(n.iter().map(|&n| n as usize).collect())
    };
    let number = || -> Result<usize, StateError> {
        Ok(state.get::<u64>(&format!("{name}.n"), &[1])?[0] as usize)
    };
    let entries = || -> Result<Vec<(String, Space)>, StateError> {
        let names: Vec<String> = state.get_meta(&format!("{name}.entries"))?;
        let load = |entry: String| {
            let space = load_space(state, &format!("{name}.{entry}"))?;
            Ok((entry, space))
        };
        names.into_iter().map(load).collect()
    };
    let kind: String = state.get_meta(&format!("{name}.kind"))?;
    Ok(match kind.as_str() {
        "discrete" => Space::Discrete { n: number()? },
        "multi-discrete" => Space::MultiDiscrete { n: numbers()? },
        "multi-binary" => Space::MultiBinary { n: number()? },
        "image" => {
            let n = state.get::<u64>(&format!("{name}.n"), &[3])?;
            let [channels, height, width] = [0, 1, 2].map(|side| n[side] as usize);
            Space::Image { channels, height, width }
        }
        "dict" => Space::Dict(entries()?),
        "tuple" => Space::Tuple(entries()?.into_iter().map(|(_, space)| space).collect()),
        _ => {
            let low = state.get_any::<f32>(&format!("{name}.low"))?.1.to_vec();
            let high = state.get::<f32>(&format!("{name}.high"), &[low.len()])?.to_vec();
            Space::Box { low, high }
        }
    })
}
