//! With the feature `serde`, slot states survive a round trip through text.
#![cfg(feature = "serde")]

use gradwerk_env::{ActionLog, SlotState};

#[test]
fn slot_states_round_trip() {
    let continuous = vec![0.1, -1.0 / 3.0, f32::MIN_POSITIVE, 16_777_215.0];
    let state = SlotState {
        episode: u64::MAX,
        time: 7,
        rng_position: u32::MAX,
        snapshot: Some(vec![0, 255, 3]),
        actions: ActionLog { discrete: vec![2, 0], continuous },
    };
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<SlotState>(&text).unwrap(), state);
    assert!(serde_json::from_str::<SlotState>(r#"{"episode":1}"#).is_err());
}
