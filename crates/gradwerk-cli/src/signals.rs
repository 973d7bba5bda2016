//! Ctrl-C and SIGTERM: the first asks the run to stop, the second ends the process.

use crate::output;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a run that was stopped by a signal.
pub const INTERRUPTED: u8 = 130;

/// What happens to a run.
pub const RUN: &str = "stopping after this update with a checkpoint";

static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Catch signals from now on; the flag says that one came, and `words` what happens then.
pub fn watch(words: &'static str) -> &'static AtomicBool {
    let caught = ctrlc::set_handler(move || {
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        output::human(&format!("{words}; once more quits at once"));
    });
    if let Err(error) = caught {
        output::human(&format!("warning: Ctrl-C quits at once: {error}"));
    }
    &INTERRUPT
}
