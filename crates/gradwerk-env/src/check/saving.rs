//! Checks of saving and loading.

use super::play::{Player, Subject, difference};
use crate::{EpisodeKeys, SlotState};

const SLOTS: usize = 2;
const KEYS: EpisodeKeys = EpisodeKeys::Training { first: 0 };

/// A batch loaded where another was saved goes on exactly like it, through later ends too.
pub fn save_load(subject: &Subject<'_>) -> Result<(), String> {
    let make = || subject.make_short(KEYS, SLOTS, 9);
    for pause in [0, 1, 4, 11, 30] {
        let place = |what: String| format!("saved after {pause} steps: {what}");
        let mut original = Player::start(make(), 0);
        original.play(0, pause);
        let mut loaded = Player::new(make(), 0);
        let state = original.env.save();
        loaded.env.load(&state, &original.obs).map_err(|e| place(e.to_string()))?;
        if loaded.env.save() != state {
            return Err(place("saving again gives another state".into()));
        }
        loaded.obs.copy_from_slice(&original.obs);
        let (a, b) = (original.play(pause, 25), loaded.play(pause, 25));
        for (k, (x, y)) in a.iter().flatten().zip(b.iter().flatten()).enumerate() {
            if let Some(what) = difference(x, y) {
                return Err(place(format!("{} steps later: {what}", k / SLOTS + 1)));
            }
        }
    }
    Ok(())
}

/// States that no batch of this kind has saved are refused, and the batch stays as it was.
pub fn foreign_state(subject: &Subject<'_>) -> Result<(), String> {
    let mut player = Player::start(subject.make_short(KEYS, SLOTS, 9), 0);
    player.play(0, 3);
    let state = player.env.save();
    for (name, foreign) in foreign_states(&state) {
        if player.env.load(&foreign, &player.obs).is_ok() {
            return Err(format!("{name} was accepted"));
        }
        if player.env.save() != state {
            return Err(format!("refusing {name} changed the batch"));
        }
    }
    Ok(())
}

/// Damaged copies of a state.
fn foreign_states(state: &[SlotState]) -> Vec<(&'static str, Vec<SlotState>)> {
    let mut longer = state.to_vec();
    let last = longer.last_mut().expect("a batch has slots");
    match &mut last.snapshot {
        Some(snapshot) => snapshot.push(0),
        None => last.rng_position = last.rng_position.wrapping_add(1),
    }
    vec![("a state with one slot less", state[1..].to_vec()), ("a damaged slot", longer)]
}
