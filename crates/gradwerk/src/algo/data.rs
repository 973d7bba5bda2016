//! Learning from a recording: what any algorithm that does so asks of the other settings.

use crate::config::{Config, Invalid, require};

/// Check the settings that go with `algo.data`.
///
/// # Errors
/// Names the first one that makes no sense there.
pub(super) fn check_data(config: &Config) -> Result<(), Invalid> {
    for (key, on) in [
        ("normalize.rewards", config.normalize.rewards),
        ("normalize.value_targets", config.normalize.value_targets),
    ] {
        require(
            !on,
            key,
            on,
            "must be false with algo.data: a recording is one batch, used whole",
        )?;
    }
    Ok(())
}
