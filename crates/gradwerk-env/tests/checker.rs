//! The checker passes what is sound and names what is broken.

mod faulty;

use faulty::{EnvFault, Faulty, Meddling, VecFault};
use gradwerk_env::{CheckReport, EnvSettings, check_env, custom, registry};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

#[test]
fn every_built_in_environment_passes() {
    for factory in registry::all() {
        for frame_skip in [1, 3] {
            let settings = EnvSettings { frame_skip, ..factory.default_settings() };
            let report = check_env(*factory, &settings, 11);
            assert!(report.passed(), "frame skip {frame_skip}: {report}");
            assert!(report.skipped.is_empty());
        }
    }
}

fn check_env_with(fault: EnvFault) -> CheckReport {
    let counter = Arc::new(AtomicU32::new(0));
    let factory = custom("faulty", Some(40), move || Faulty::new(fault, counter.clone()));
    check_env(&*factory, &factory.default_settings(), 3)
}

fn failed(report: &CheckReport) -> Vec<&'static str> {
    report.failures().map(|check| check.name).collect()
}

#[test]
fn a_sound_environment_of_a_user_passes() {
    for sound in [EnvFault::None, EnvFault::NoSnapshot] {
        let report = check_env_with(sound);
        assert!(report.passed() && report.skipped.is_empty(), "{sound:?}: {report}");
    }
}

#[test]
fn each_broken_environment_fails_exactly_its_check() {
    for (fault, check, message) in [
        (EnvFault::BoundsSwapped, "spaces", "Box component 0: the bounds 1 and -1 enclose nothing"),
        (EnvFault::Unwritten, "shapes", "observation[1] was not written"),
        (EnvFault::Panics, "shapes", "panicked: the pole broke"),
        (EnvFault::NanReward, "finite", "the reward is NaN"),
        (EnvFault::OutOfBounds, "bounds", "observation[1] = 7 lies outside [0, 1]"),
        (EnvFault::SharedState, "determinism", "reward"),
        (EnvFault::LeakyReset, "episode-key", "reward"),
        (EnvFault::HidesNan, "nan-action", "action[0] = NaN gave a finite reward"),
        (EnvFault::PartialSnapshot, "save-load", "saving again gives another state"),
        (EnvFault::AnySnapshot, "foreign-state", "a damaged slot was accepted"),
    ] {
        let report = check_env_with(fault);
        assert_eq!(failed(&report), [check], "{fault:?}: {report}");
        assert!(report.to_string().contains(message), "{fault:?}: {report}");
    }
}

#[test]
fn each_broken_batch_fails_exactly_its_check() {
    for (fault, check, message) in [
        (VecFault::StepsInactive, "inactive", "an inactive slot was written"),
        (VecFault::NoTimeLimit, "time-limit", "no end within the limit of 1 actions"),
        (VecFault::LimitBeatsTermination, "termination", "terminates after 30 actions"),
        (VecFault::NoReset, "auto-reset", "next observation"),
        (VecFault::FinalIsReset, "auto-reset", "final observation"),
        (VecFault::KeysBySlotOnly, "slots", "slot 1 of 3 against a batch of one"),
    ] {
        let factory = Meddling::new(fault);
        let report = check_env(&factory, &factory.settings(), 3);
        assert_eq!(failed(&report), [check], "{fault:?}: {report}");
        assert!(report.to_string().contains(message), "{fault:?}: {report}");
    }
}

#[test]
fn saving_is_not_checked_where_it_is_not_promised() {
    let factory = Meddling::new(VecFault::NotResumable);
    let report = check_env(&factory, &factory.settings(), 3);
    assert!(report.passed(), "{report}");
    assert_eq!(report.skipped, ["save-load", "foreign-state"]);
}
