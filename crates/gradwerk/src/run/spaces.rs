//! Spaces in a state. Bounds may be infinite, which JSON cannot say: they are tensors.

use super::state::{State, StateError};
use gradwerk_env::Space;

/// Store a space under `name.n`, `name.image`, or `name.low` and `name.high`.
///
/// # Errors
/// None in practice; building a [`State`] is checked.
pub(crate) fn save_space(state: &mut State, name: &str, space: &Space) -> Result<(), StateError> {
    match space {
        Space::Discrete { n } => state.put_vector(&format!("{name}.n"), vec![*n as u64]),
        Space::Image { channels, height, width } => {
            let size = [channels, height, width].map(|side| *side as u64);
            state.put_vector(&format!("{name}.image"), size.to_vec())
        }
        Space::Box { low, high } => {
            state.put_vector(&format!("{name}.low"), low.clone())?;
            state.put_vector(&format!("{name}.high"), high.clone())
        }
    }
}

/// Read what [`save_space`] stored.
///
/// # Errors
/// If it is missing or of another form.
pub(crate) fn load_space(state: &State, name: &str) -> Result<Space, StateError> {
    if let Ok(n) = state.get::<u64>(&format!("{name}.n"), &[1]) {
        return Ok(Space::Discrete { n: n[0] as usize });
    }
    if let Ok(size) = state.get::<u64>(&format!("{name}.image"), &[3]) {
        let [channels, height, width] = [0, 1, 2].map(|side| size[side] as usize);
        return Ok(Space::Image { channels, height, width });
    }
    let low = state.get_any::<f32>(&format!("{name}.low"))?.1.to_vec();
    let high = state.get::<f32>(&format!("{name}.high"), &[low.len()])?.to_vec();
    Ok(Space::Box { low, high })
}
