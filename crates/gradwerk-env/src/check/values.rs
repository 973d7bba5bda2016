//! Checks of single values: spaces, shapes, NaN, bounds.

use super::play::{Player, Record, Subject, UNWRITTEN, random_actions};
use crate::mask::first_blocked;
use crate::{Actions, EpisodeKeys, Space};

const STEPS: u64 = 300;
const SLOTS: usize = 3;
const KEYS: EpisodeKeys = EpisodeKeys::Training { first: 0 };

/// The declared spaces make sense and the batch has the same ones.
pub fn spaces(subject: &Subject<'_>) -> Result<(), String> {
    let env = subject.make(KEYS, SLOTS);
    let factory = subject.factory;
    for (name, declared, made) in [
        ("observation space", factory.observation_space(), env.observation_space()),
        ("action space", factory.action_space(), env.action_space()),
    ] {
        declared.validate().map_err(|why| format!("{name} {declared}: {why}"))?;
        if declared != *made {
            return Err(format!("{name}: {declared} declared, the batch has {made}"));
        }
    }
    let (masks, width) = (factory.has_masks(), env.mask_width());
    let choices: usize = env.action_space().choices().iter().sum();
    if width != if masks { choices } else { 0 } {
        return Err(format!("masks of {width} entries, {choices} values, has_masks: {masks}"));
    }
    match env.num_envs() {
        SLOTS => Ok(()),
        n => Err(format!("asked for {SLOTS} slots, got {n}")),
    }
}

/// Look at every observation and every record of a run, in the environment's own episodes and in
/// short ones.
fn inspect(
    subject: &Subject<'_>,
    row: impl Fn(&[f32]) -> Result<(), String>,
    record: impl Fn(&Record) -> Result<(), String>,
) -> Result<(), String> {
    for env in [subject.make(KEYS, SLOTS), subject.make_short(KEYS, SLOTS, 7)] {
        let mut player = Player::start(env, 0);
        for i in 0..SLOTS {
            row(player.row(i)).map_err(|why| format!("slot {i}, first reset: {why}"))?;
        }
        for (t, records) in player.play(0, STEPS).iter().enumerate() {
            for (i, r) in records.iter().enumerate() {
                let place = |why| format!("slot {i}, step {t}: {why}");
                record(r).and_then(|()| row(r.reached())).map_err(place)?;
                row(&r.obs).map_err(|why| place(format!("after the reset: {why}")))?;
            }
        }
    }
    Ok(())
}

/// Nothing panics and every entry of every observation is written.
pub fn shapes(subject: &Subject<'_>) -> Result<(), String> {
    let written = |row: &[f32]| match row.iter().position(|x| x.to_bits() == UNWRITTEN) {
        Some(k) => Err(format!("observation[{k}] was not written")),
        None => Ok(()),
    };
    inspect(subject, written, |_| Ok(()))
}

/// No observation and no reward is NaN or infinite.
pub fn finite(subject: &Subject<'_>) -> Result<(), String> {
    let row = |row: &[f32]| match row.iter().position(|x| !x.is_finite()) {
        Some(k) => Err(format!("observation[{k}] is {}", row[k])),
        None => Ok(()),
    };
    let reward = |r: &Record| match r.reward.is_finite() {
        true => Ok(()),
        false => Err(format!("the reward is {}", r.reward)),
    };
    inspect(subject, row, reward)
}

/// Every finite observation lies in the declared space.
pub fn bounds(subject: &Subject<'_>) -> Result<(), String> {
    let space = subject.factory.observation_space();
    let outside = |row: &[f32]| match space.first_outside(row) {
        Some(k) if row[k].is_finite() => {
            let name = space.entry_name(k);
            Err(format!("observation{name} = {} lies outside {}", row[k], interval(&space, k)))
        }
        _ => Ok(()),
    };
    inspect(subject, outside, |_| Ok(()))
}

/// What entry `k` of a row may be.
fn interval(space: &Space, mut k: usize) -> String {
    for leaf in space.leaves() {
        if k >= leaf.width() {
            k -= leaf.width();
            continue;
        }
        return match leaf {
            Space::Box { low, high } => format!("[{}, {}]", low[k], high[k]),
            Space::Image { .. } => "the whole numbers from 0 to 255".into(),
            leaf => format!("0..{}", leaf.choices()[k]),
        };
    }
    "the row".into()
}

/// In every state every discrete component has a valid value.
pub fn masks(subject: &Subject<'_>) -> Result<(), String> {
    let choices = subject.factory.action_space().choices();
    let record = |r: &Record| match first_blocked(&choices, &r.mask) {
        Some(k) => Err(format!("no value of action component {k} is valid")),
        None => Ok(()),
    };
    if !subject.factory.has_masks() {
        return Ok(());
    }
    inspect(subject, |_| Ok(()), record)
}

/// Where a continuous action matters, a NaN in it must not vanish.
pub fn nan_action(subject: &Subject<'_>) -> Result<(), String> {
    let (low, high) = subject.factory.action_space().action_bounds();
    for k in 0..low.len() {
        let outcome = |x: f32| {
            let mut action: Vec<f32> = low.iter().zip(&high).map(|(l, h)| middle(*l, *h)).collect();
            action[k] = x;
            let mut player = Player::start(subject.make(KEYS, 1), 0);
            let (discrete, _) = random_actions(&*player.env, 0, 0);
            let actions = Actions { discrete: &discrete, continuous: &action };
            player.step_with(actions, &[true]).remove(0)
        };
        let (a, b) = (outcome(low[k].max(-1.0)), outcome(high[k].min(1.0)));
        let matters = super::play::difference(&a, &b).is_some();
        if matters && is_finite(&outcome(f32::NAN)) {
            return Err(format!("action[{k}] = NaN gave a finite reward and observation"));
        }
    }
    Ok(())
}

fn middle(low: f32, high: f32) -> f32 {
    if low.is_finite() && high.is_finite() { low / 2.0 + high / 2.0 } else { 0.0 }
}

fn is_finite(record: &Record) -> bool {
    record.reward.is_finite() && record.reached().iter().all(|x| x.is_finite())
}
