//! The environment checker: does an environment keep the promises that training relies on?
//!
//! [`check_env`] plays short episodes with random actions and tests one promise after another,
//! for built-in environments, for users' own ([`custom`](crate::custom)) and for any other
//! [`EnvFactory`]. A check that could not say anything because an earlier one failed is left out.

mod episodes;
mod play;
mod saving;
mod values;

use crate::{EnvFactory, EnvSettings};
use play::Subject;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The result of one named check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked; see [`CHECKS`].
    pub name: &'static str,
    /// What is wrong, with the place; `None` if all is well.
    pub failure: Option<String>,
}

/// The results of all checks of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The environment's name.
    pub id: String,
    /// The checks that ran, in order.
    pub checks: Vec<Check>,
    /// Names of the checks that do not apply, because an earlier one failed or the environment
    /// does not promise to resume exactly.
    pub skipped: Vec<&'static str>,
}

impl CheckReport {
    /// Whether every check passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.failure.is_some())
    }
}

impl std::fmt::Display for CheckReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        writeln!(f, "{}: {verdict}", self.id)?;
        for check in &self.checks {
            match &check.failure {
                None => writeln!(f, "  ok      {}", check.name)?,
                Some(why) => writeln!(f, "  FAILED  {}: {why}", check.name)?,
            }
        }
        self.skipped.iter().try_for_each(|name| writeln!(f, "  skipped {name}"))
    }
}

/// A check: says what is wrong.
type Run = fn(&Subject<'_>) -> Result<(), String>;

/// A line of the list of checks.
struct Line {
    name: &'static str,
    run: Run,
    /// The checks after this one say nothing if it fails.
    needed: bool,
}

/// All checks, in order.
const LINES: &[Line] = &[
    Line { name: "spaces", run: values::spaces, needed: true },
    Line { name: "shapes", run: values::shapes, needed: true },
    Line { name: "masks", run: values::masks, needed: false },
    Line { name: "finite", run: values::finite, needed: false },
    Line { name: "bounds", run: values::bounds, needed: false },
    Line { name: "determinism", run: episodes::determinism, needed: true },
    Line { name: "inactive", run: episodes::inactive, needed: true },
    Line { name: "time-limit", run: episodes::time_limit, needed: true },
    Line { name: "termination", run: episodes::termination, needed: false },
    Line { name: "auto-reset", run: episodes::auto_reset, needed: true },
    Line { name: "episode-key", run: episodes::episode_key, needed: true },
    Line { name: "slots", run: episodes::slots, needed: false },
    Line { name: "nan-action", run: values::nan_action, needed: false },
    Line { name: SAVE_LOAD, run: saving::save_load, needed: false },
    Line { name: FOREIGN_STATE, run: saving::foreign_state, needed: false },
];

const SAVE_LOAD: &str = "save-load";
const FOREIGN_STATE: &str = "foreign-state";

/// The names of all checks, in order:
/// - `spaces`: not empty, bounds in order, no NaN, the batch has the factory's spaces;
/// - `shapes`: nothing panics and every entry of an observation is written;
/// - `masks`: in every state every discrete action component has a valid value;
/// - `finite`: no observation or reward is NaN or infinite;
/// - `bounds`: observations lie in the declared space;
/// - `determinism`: the same seed and actions give the same bits;
/// - `inactive`: slots that are not stepped stay as they are;
/// - `time-limit`: episodes end at the limit, truncated unless they terminate;
/// - `termination`: a step that terminates at the limit terminates;
/// - `auto-reset`: an end gives the final observation and starts the next episode;
/// - `episode-key`: an episode depends on its key and actions, not on the episodes before it;
/// - `slots`: nor on the number of slots or the place among them;
/// - `nan-action`: a NaN action shows up in the reward or the observation;
/// - `save-load`: a batch loaded in the middle of an episode goes on bit for bit;
/// - `foreign-state`: a state of something else is refused and changes nothing (these two only
///   where [`EnvFactory::exact_resume`] promises that saving works).
pub const CHECKS: [&str; LINES.len()] = {
    let mut names = [""; LINES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = LINES[i].name;
        i += 1;
    }
    names
};

/// Run all checks on an environment, with episodes keyed by `seed`.
#[must_use]
pub fn check_env(factory: &dyn EnvFactory, settings: &EnvSettings, seed: u64) -> CheckReport {
    let subject = Subject { factory, settings: *settings, seed };
    let mut report =
        CheckReport { id: factory.id().into(), checks: Vec::new(), skipped: Vec::new() };
    let mut go_on = true;
    let saves = factory.exact_resume();
    for line in LINES {
        let about_saving = [SAVE_LOAD, FOREIGN_STATE].contains(&line.name);
        if !go_on || (about_saving && !saves) {
            report.skipped.push(line.name);
            continue;
        }
        let failure = guarded(line.run, &subject).err();
        go_on = failure.is_none() || !line.needed;
        report.checks.push(Check { name: line.name, failure });
    }
    report
}

/// Run a check; a panic is a failure.
fn guarded(run: Run, subject: &Subject<'_>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| run(subject))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("(no message)")))
    })
}
