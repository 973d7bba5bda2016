//! Actions as keys.

use console::{Key, Term};
use gradwerk::Error;
use gradwerk::policy::ActionBatch;
use gradwerk_env::{EnvFactory, Space, mask};
use std::io::ErrorKind;

/// What a key means.
#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Act(ActionBatch),
    Leave,
    Nothing,
}

/// Arrows and others, and the actions that they stand for if an environment has one so named.
const NAMED: [(Key, &str, &[&str]); 6] = [
    (Key::ArrowLeft, "left arrow", &["left", "turn left"]),
    (Key::ArrowRight, "right arrow", &["right", "turn right"]),
    (Key::ArrowUp, "up arrow", &["up", "forward"]),
    (Key::ArrowDown, "down arrow", &["down"]),
    (Key::Char(' '), "space", &["fire", "open", "coast"]),
    (Key::Enter, "enter", &["stay", "pick up"]),
];

/// Check that keys can say an environment's actions.
///
/// # Errors
/// If there are more than ten actions, or several numbers to choose.
pub fn check(env: &dyn EnvFactory) -> Result<(), Error> {
    match env.action_space() {
        Space::Discrete { n } if n <= 10 => Ok(()),
        Space::Box { low, .. } if low.len() == 1 => Ok(()),
        space => Err(Error::Usage(format!(
            "--human has keys for at most ten actions or one number, but {} takes {space}",
            env.id()
        ))),
    }
}

/// The keys of an environment in one line.
pub fn help(names: &[&str], space: &Space) -> String {
    let keys = match space {
        Space::Discrete { n } => (0..*n).map(|a| describe(a, names)).collect(),
        _ => vec!["left and right arrow: the bounds".into(), "other keys: 0".to_owned()],
    };
    format!("keys: {}; q leaves", keys.join(", "))
}

fn describe(a: usize, names: &[&str]) -> String {
    let Some(name) = names.get(a) else { return format!("{a}") };
    match NAMED.iter().find(|(_, _, actions)| actions.contains(name)) {
        Some((_, key, _)) => format!("{a} or {key}: {name}"),
        None => format!("{a}: {name}"),
    }
}

/// Wait for a key that says an action that `mask` allows; nothing if it says to leave.
///
/// # Errors
/// If the terminal cannot be read.
pub fn read(
    term: &Term,
    space: &Space,
    mask: &[bool],
    names: &[&str],
) -> Result<Option<ActionBatch>, Error> {
    let allowed =
        |a: &ActionBatch| mask.is_empty() || mask::allows(&space.choices(), mask, &a.discrete);
    loop {
        let key = match term.read_key() {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
            key => key.map_err(Error::io("read", "the terminal"))?,
        };
        match meaning(&key, space, names) {
            Meaning::Act(action) if allowed(&action) => return Ok(Some(action)),
            Meaning::Leave => return Ok(None),
            Meaning::Act(_) | Meaning::Nothing => {}
        }
    }
}

fn meaning(key: &Key, space: &Space, names: &[&str]) -> Meaning {
    if [Key::Char('q'), Key::Escape, Key::CtrlC].contains(key) {
        return Meaning::Leave;
    }
    match space {
        Space::Discrete { n } => match number(key, names).filter(|a| a < n) {
            Some(a) => Meaning::Act(ActionBatch { discrete: vec![a as u32], continuous: vec![] }),
            None => Meaning::Nothing,
        },
        Space::Box { low, high } => {
            let pushed = match key {
                Key::ArrowLeft => low[0].max(-1e6),
                Key::ArrowRight => high[0].min(1e6),
                _ => 0.0,
            };
            Meaning::Act(ActionBatch { discrete: vec![], continuous: vec![pushed] })
        }
        _ => Meaning::Nothing,
    }
}

/// The discrete action of a key.
fn number(key: &Key, names: &[&str]) -> Option<usize> {
    if let Key::Char(c) = key
        && let Some(digit) = c.to_digit(10)
    {
        return Some(digit as usize);
    }
    let (_, _, actions) = NAMED.iter().find(|(named, ..)| named == key)?;
    names.iter().position(|name| actions.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_actions() {
        let (space, names) = (Space::Discrete { n: 3 }, ["stay", "left", "right"]);
        let act = |a: u32| Meaning::Act(ActionBatch { discrete: vec![a], continuous: vec![] });
        let means = |key| meaning(&key, &space, &names);
        assert_eq!(means(Key::ArrowRight), act(2));
        assert_eq!(means(Key::Char('1')), act(1));
        assert_eq!(means(Key::Enter), act(0));
        assert_eq!(means(Key::Char('3')), Meaning::Nothing);
        assert_eq!(means(Key::ArrowUp), Meaning::Nothing);
        assert_eq!(means(Key::Char('q')), Meaning::Leave);
        let torque = Space::uniform_box(1, -2.0, 2.0);
        let push = |x| Meaning::Act(ActionBatch { discrete: vec![], continuous: vec![x] });
        assert_eq!(meaning(&Key::ArrowLeft, &torque, &[]), push(-2.0));
        assert_eq!(meaning(&Key::Char('x'), &torque, &[]), push(0.0));
        let text = help(&names, &space);
        assert_eq!(
            text,
            "keys: 0 or enter: stay, 1 or left arrow: left, 2 or right arrow: right; q leaves"
        );
    }
}
