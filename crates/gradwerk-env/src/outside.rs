//! Where things outside are that environments stand on (the library of a simulator, say), as the
//! user's settings have it. Whoever reads settings says so before an environment is looked up;
//! adapters ask.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

static CHOSEN: Mutex<BTreeMap<&'static str, String>> = Mutex::new(BTreeMap::new());

/// Choose where `what` is, named as the setting that says so. An empty text is no choice.
pub fn choose(what: &'static str, place: &str) {
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    match place {
        "" => chosen.remove(what),
        place => chosen.insert(what, place.into()),
    };
}

/// Where `what` was chosen to be.
#[must_use]
pub fn chosen(what: &str) -> Option<String> {
    CHOSEN.lock().unwrap_or_else(PoisonError::into_inner).get(what).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_choice_counts_and_an_empty_one_is_none() {
        assert_eq!(chosen("test.place"), None);
        choose("test.place", "here");
        choose("test.place", "there");
        assert_eq!(chosen("test.place").as_deref(), Some("there"));
        choose("test.place", "");
        assert_eq!(chosen("test.place"), None);
    }
}
