//! Checks of episodes: what they depend on, and how they end.

use super::play::{Player, Record, Subject, difference, row_difference};
use crate::{End, EnvSettings, EpisodeKeys};

const STEPS: u64 = 120;
const SLOTS: usize = 3;
/// Cut episodes after this many actions, to see many of them.
const SHORT: u32 = 5;
const TRAINING: EpisodeKeys = EpisodeKeys::Training { first: 0 };

/// Where two runs of `slots` slots differ.
fn compare(a: &[Vec<Record>], b: &[Vec<Record>]) -> Result<(), String> {
    for (t, (rows_a, rows_b)) in a.iter().zip(b).enumerate() {
        for (i, (x, y)) in rows_a.iter().zip(rows_b).enumerate() {
            if let Some(what) = difference(x, y) {
                return Err(format!("slot {i}, step {t}: {what}"));
            }
        }
    }
    Ok(())
}

fn same_start(a: &Player, b: &Player) -> Result<(), String> {
    match row_difference("first observations", &a.obs, &b.obs) {
        Some(what) => Err(what),
        None => Ok(()),
    }
}

/// Two batches with the same seed and the same actions.
pub fn determinism(subject: &Subject<'_>) -> Result<(), String> {
    let start = || Player::start(subject.make_short(TRAINING, SLOTS, SHORT), 0);
    let (mut a, mut b) = (start(), start());
    same_start(&a, &b)?;
    compare(&a.play(0, STEPS), &b.play(0, STEPS))
}

/// Keys under which slot `i` begins with the episode that comes `k` after its first one in
/// batches of `SLOTS` slots.
fn from_episode(k: u64) -> EpisodeKeys {
    let stride = SLOTS as u64;
    EpisodeKeys::Evaluation { first: k * stride, stride }
}

/// After an end there is the first observation of the next episode, which then runs from its
/// beginning, and the old one's last observation is on record.
pub fn auto_reset(subject: &Subject<'_>) -> Result<(), String> {
    let make = |k, limit| Player::start(subject.make_short(from_episode(k), SLOTS, limit), 0);
    let next = make(1, SHORT);
    let (mut cut, mut uncut) = (make(0, SHORT), make(0, 2 * SHORT));
    let mut waiting = [true; SLOTS];
    for t in 0..u64::from(SHORT) {
        let (a, b) = (cut.step(t, &waiting), uncut.step(t, &waiting));
        for i in (0..SLOTS).filter(|&i| waiting[i]) {
            let place = |what| format!("slot {i}, end of the first episode: {what}");
            let reached = row_difference("final observation", a[i].reached(), b[i].reached());
            reached.map_or(Ok(()), |what| Err(place(what)))?;
            if a[i].end.is_end() {
                let first = row_difference("next observation", &a[i].obs, next.row(i));
                first.map_or(Ok(()), |what| Err(place(what)))?;
            }
        }
        waiting = std::array::from_fn(|i| waiting[i] && !a[i].end.is_end());
    }
    Ok(())
}

/// The first episodes of fresh copies must equal the later episodes of used ones.
pub fn episode_key(subject: &Subject<'_>) -> Result<(), String> {
    for k in 1..4 {
        let mut used = Player::start(subject.make_short(from_episode(0), SLOTS, SHORT), 7);
        let mut fresh = Player::start(subject.make_short(from_episode(k), SLOTS, SHORT), 7);
        for i in 0..SLOTS {
            let only: [bool; SLOTS] = std::array::from_fn(|j| j == i);
            play_episodes(&mut used, i, k, &only)?;
            let place = |what| format!("slot {i}, episode {k}: {what}");
            let start = row_difference("first observation", used.row(i), fresh.row(i));
            start.map_or(Ok(()), |what| Err(place(what)))?;
            for t in 0..u64::from(SHORT) {
                let (a, b) = (used.step(t, &only), fresh.step(t, &only));
                let step = difference_within(&a[i], &b[i]);
                step.map_or(Ok(()), |what| Err(place(format!("step {t}: {what}"))))?;
                if a[i].end.is_end() {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Play `count` whole episodes of slot `i`.
fn play_episodes(
    player: &mut Player,
    i: usize,
    count: u64,
    only: &[bool; SLOTS],
) -> Result<(), String> {
    for episode in 0..count {
        let ended = (0..u64::from(SHORT)).any(|t| player.step(t, only)[i].end.is_end());
        if !ended {
            return Err(format!("slot {i}, episode {episode} did not end within {SHORT} steps"));
        }
    }
    Ok(())
}

/// [`difference`] without what follows the end.
fn difference_within(a: &Record, b: &Record) -> Option<String> {
    let within = |r: &Record| {
        let mask = if r.end.is_end() { Vec::new() } else { r.mask.clone() };
        Record { obs: r.reached().to_vec(), mask, ..r.clone() }
    };
    difference(&within(a), &within(b))
}

/// A slot alone must do what it does among others.
pub fn slots(subject: &Subject<'_>) -> Result<(), String> {
    let mut together = Player::start(subject.make_short(TRAINING, SLOTS, SHORT), 0);
    let first: Vec<Vec<f32>> = (0..SLOTS).map(|i| together.row(i).to_vec()).collect();
    let together = together.play(0, STEPS);
    for i in 0..SLOTS {
        let place = |what| format!("slot {i} of {SLOTS} against a batch of one: {what}");
        let keys = EpisodeKeys::Training { first: i as u64 };
        let mut alone = Player::start(subject.make_short(keys, 1, SHORT), i as u64);
        let start = row_difference("first observation", &first[i], alone.row(0));
        start.map_or(Ok(()), |what| Err(place(what)))?;
        let column: Vec<Vec<Record>> = together.iter().map(|row| vec![row[i].clone()]).collect();
        compare(&column, &alone.play(0, STEPS)).map_err(place)?;
    }
    Ok(())
}

/// Slots that sit out a step are neither stepped nor written.
pub fn inactive(subject: &Subject<'_>) -> Result<(), String> {
    let make = || Player::start(subject.make_short(TRAINING, SLOTS, SHORT), 0);
    let (mut all, mut odd) = (make(), make());
    let last = SLOTS - 1;
    let before = odd.row(last).to_vec();
    let active: [bool; SLOTS] = std::array::from_fn(|i| i != last);
    (0..3).for_each(|t| drop(odd.step(t, &active)));
    let touched = row_difference("its observation", odd.row(last), &before);
    touched.map_or(Ok(()), |what| Err(format!("an inactive slot was written: {what}")))?;
    let only_last: [bool; SLOTS] = std::array::from_fn(|i| i == last);
    for t in 0..STEPS {
        let (a, b) = (all.step(t, &only_last), odd.step(t, &only_last));
        if let Some(what) = difference(&a[last], &b[last]) {
            return Err(format!("a slot went on while inactive: {what}"));
        }
    }
    Ok(())
}

/// Play slot 0 until its first episode ends, at most `most` actions: the number and the end.
fn first_end(subject: &Subject<'_>, settings: &EnvSettings, most: u32) -> Option<(u32, End)> {
    let env = subject.factory.make(subject.seed, TRAINING, 1, settings);
    let mut player = Player::start(env, 0);
    let mut ends = (0..most).map(|t| (t + 1, player.step(u64::from(t), &[true])[0].end));
    ends.find(|(_, end)| end.is_end())
}

/// An episode ends at the limit at the latest, and not before it by truncation (unless the
/// environment itself truncates there without a limit).
pub fn time_limit(subject: &Subject<'_>) -> Result<(), String> {
    let settings = subject.countable();
    let skip = settings.frame_skip;
    let unlimited = EnvSettings { time_limit: None, ..settings };
    let own = first_end(subject, &unlimited, SHORT);
    for limit in 1..=SHORT {
        let settings = EnvSettings { time_limit: Some(limit * skip), ..settings };
        let expected = match own {
            Some((length, end)) if length <= limit => (length, end),
            _ => (limit, End::Truncated),
        };
        match first_end(subject, &settings, limit) {
            Some(got) if got == expected => {}
            Some((length, end)) => {
                return Err(format!(
                    "with a limit of {limit} actions an episode ended {end:?} after {length}, \
                     expected {:?} after {}",
                    expected.1, expected.0
                ));
            }
            None => return Err(format!("no end within the limit of {limit} actions")),
        }
    }
    Ok(())
}

/// An episode that terminates by itself does so too if that step reaches the limit.
pub fn termination(subject: &Subject<'_>) -> Result<(), String> {
    const MOST: u32 = 1000;
    let settings = subject.countable();
    let unlimited = EnvSettings { time_limit: None, ..settings };
    let Some((length, End::Terminated)) = first_end(subject, &unlimited, MOST) else {
        return Ok(()); // Nothing terminated, so there is nothing to compare with.
    };
    // The inner step on which it terminates is one of the last action's.
    let settings = EnvSettings { time_limit: Some(length * settings.frame_skip), ..settings };
    match first_end(subject, &settings, length) {
        Some((n, End::Terminated)) if n == length => Ok(()),
        got => Err(format!("terminates after {length} actions, but with that as limit: {got:?}")),
    }
}
