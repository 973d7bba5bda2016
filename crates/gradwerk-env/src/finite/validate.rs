//! Checks of a process: a table with a mistake is refused, and the error says where.

use super::reach::{Reach, never_ends};
use super::{Emission, Mdp, Observation};

/// How far the probabilities of a row may be from a sum of 1.
pub const SUM_TOLERANCE: f64 = 1e-9;

/// Where in a process something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The state.
    pub state: Option<usize>,
    /// The action.
    pub action: Option<usize>,
    /// Which outcome of the row of (state, action), from 0.
    pub outcome: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [("state", self.state), ("action", self.action), ("outcome", self.outcome)];
        let named = parts.iter().filter_map(|(name, at)| Some(format!("{name} {}", (*at)?)));
        f.write_str(&named.collect::<Vec<_>>().join(", "))
    }
}

/// A process that cannot be used: what is wrong, with the value, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", at(.place))]
pub struct MdpError {
    /// Where.
    pub place: Place,
    /// What is wrong there, with the value and what is expected.
    pub what: String,
}

fn at(place: &Place) -> String {
    if *place == Place::default() { String::new() } else { format!("{place}: ") }
}

impl MdpError {
    fn new(place: Place, what: impl Into<String>) -> Self {
        Self { place, what: what.into() }
    }

    fn whole(what: impl Into<String>) -> Self {
        Self::new(Place::default(), what)
    }

    fn state(state: usize, what: impl Into<String>) -> Self {
        Self::new(Place { state: Some(state), ..Place::default() }, what)
    }
}

impl Mdp {
    /// Check the whole table.
    ///
    /// # Errors
    /// The first of: no states or actions, a table of the wrong size, a discount outside (0, 1],
    /// a horizon of 0, a probability that is negative or not a number, a distribution that does
    /// not sum to 1 (within 1e-9), a `next` that is not a state, a reward that is not finite, a
    /// state that is acted in and has no outcomes, a state that is never reached (unless
    /// `allow_unreachable`), and a process without horizon and discount whose episodes need not
    /// end under a policy of full support.
    pub fn validate(&self) -> Result<(), MdpError> {
        self.check_sizes()?;
        self.check_time()?;
        check_distribution(&self.start, Place::default(), "start")?;
        for state in 0..self.states {
            for action in 0..self.actions {
                self.check_row(state, action)?;
            }
        }
        match &self.observation {
            Observation::State => {}
            Observation::Aggregated { observations, of } => {
                self.check_aggregation(*observations, of)?;
            }
            Observation::Emitted(emission) => self.check_emission(emission)?,
        }
        self.check_reach()
    }

    fn check_sizes(&self) -> Result<(), MdpError> {
        // A state is shown as one f32, which holds whole numbers below 2^24.
        for (name, n) in [("states", self.states), ("actions", self.actions)] {
            if n == 0 || n >= 1 << 24 {
                return Err(MdpError::whole(format!("{name} = {n}, expected 1 to 2^24 - 1")));
            }
        }
        let rows = self.states * self.actions;
        for (name, got, expected) in [
            ("start has", self.start.len(), self.states),
            ("transitions has", self.transitions.len(), rows),
        ] {
            if got != expected {
                return Err(MdpError::whole(format!("{name} {got} entries, expected {expected}")));
            }
        }
        Ok(())
    }

    fn check_time(&self) -> Result<(), MdpError> {
        if self.horizon == Some(0) {
            return Err(MdpError::whole("horizon = 0, expected at least 1 (or none)"));
        }
        match self.discount {
            Some(gamma) if !(gamma > 0.0 && gamma <= 1.0) => {
                Err(MdpError::whole(format!("discount = {gamma}, expected a number in (0, 1]")))
            }
            _ => Ok(()),
        }
    }

    fn check_row(&self, state: usize, action: usize) -> Result<(), MdpError> {
        let row = self.row(state, action);
        let place = Place { state: Some(state), action: Some(action), outcome: None };
        for (k, t) in row.iter().enumerate() {
            let place = Place { outcome: Some(k), ..place };
            check_probability(t.probability, place)?;
            if t.next >= self.states {
                let what = format!("next = {}, expected a state below {}", t.next, self.states);
                return Err(MdpError::new(place, what));
            }
            if !t.reward.is_finite() {
                let what = format!("reward = {}, expected a finite number", t.reward);
                return Err(MdpError::new(place, what));
            }
        }
        if row.is_empty() {
            return Ok(()); // Whether that is a mistake is decided by the states that act.
        }
        check_sum(row.iter().map(|t| t.probability), place, "the probabilities of the outcomes")
    }

    fn check_aggregation(&self, observations: usize, of: &[usize]) -> Result<(), MdpError> {
        if of.len() != self.states {
            let (got, expected) = (of.len(), self.states);
            let what = format!("observations of {got} states, expected those of {expected}");
            return Err(MdpError::whole(what));
        }
        match of.iter().position(|&o| o >= observations) {
            None => Ok(()),
            Some(state) => {
                let what = format!("observation {}, expected one below {observations}", of[state]);
                Err(MdpError::state(state, what))
            }
        }
    }

    fn check_emission(&self, e: &Emission) -> Result<(), MdpError> {
        let o = e.observations;
        if o == 0 || o >= 1 << 24 {
            return Err(MdpError::whole(format!("observations = {o}, expected 1 to 2^24 - 1")));
        }
        let (first, after) = (self.states * o, self.actions * self.states * o);
        if (e.first.len(), e.after.len()) != (first, after) {
            return Err(MdpError::whole(format!(
                "the observation tables have {} and {} entries, expected {first} and {after}",
                e.first.len(),
                e.after.len()
            )));
        }
        for state in 0..self.states {
            let place = Place { state: Some(state), ..Place::default() };
            if let Some(first) = self.emitted_first(state).filter(|_| self.start[state] > 0.0) {
                check_distribution(first, place, "first observation")?;
            }
            for action in 0..self.actions {
                let place = Place { action: Some(action), ..place };
                if let Some(row) = self.emitted_after(action, state).filter(|_| self.entered(place))
                {
                    check_distribution(row, place, "observation on arriving here")?;
                }
            }
        }
        Ok(())
    }

    /// Whether the action of `place` can lead to its state.
    fn entered(&self, place: Place) -> bool {
        let (Some(next), Some(action)) = (place.state, place.action) else { return false };
        let mut rows = (0..self.states).map(|state| self.row(state, action));
        rows.any(|row| row.iter().any(|t| t.next == next && t.probability > 0.0))
    }

    fn check_reach(&self) -> Result<(), MdpError> {
        let reach = Reach::of(self);
        for state in (0..self.states).filter(|&s| reach.acted[s]) {
            if let Some(action) = (0..self.actions).find(|&a| self.row(state, a).is_empty()) {
                let place = Place { state: Some(state), action: Some(action), outcome: None };
                return Err(MdpError::new(place, "no outcomes, but episodes get here and act"));
            }
        }
        if let Some(state) = (0..self.states).find(|&s| !reach.entered[s])
            && !self.allow_unreachable
        {
            let what = "no episode reaches it; correct the table or set allow_unreachable = true";
            return Err(MdpError::state(state, what));
        }
        let endless = self.horizon.is_none() && self.discount.is_none_or(|gamma| gamma == 1.0);
        match never_ends(self, &reach.acted) {
            Some(state) if endless => Err(MdpError::state(
                state,
                "no action sequence ends the episode from here, so the sum of rewards need not \
                 exist; set a horizon or a discount below 1",
            )),
            _ => Ok(()),
        }
    }
}

fn check_probability(p: f64, place: Place) -> Result<(), MdpError> {
    // The negation also catches NaN.
    if !(0.0..=1.0 + SUM_TOLERANCE).contains(&p) {
        let what = format!("probability = {p}, expected a number from 0 to 1");
        return Err(MdpError::new(place, what));
    }
    Ok(())
}

fn check_sum(p: impl Iterator<Item = f64>, place: Place, what: &str) -> Result<(), MdpError> {
    let sum: f64 = p.sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(MdpError::new(place, format!("{what} sum to {sum}, expected 1")));
    }
    Ok(())
}

fn check_distribution(p: &[f64], place: Place, name: &str) -> Result<(), MdpError> {
    for (k, &p) in p.iter().enumerate() {
        check_probability(p, place)
            .map_err(|error| MdpError::new(place, format!("{name}[{k}]: {}", error.what)))?;
    }
    check_sum(p.iter().copied(), place, &format!("the probabilities of {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 goes to 1 or stays, 1 ends in 2.
    fn sound() -> Mdp {
        let mut mdp = Mdp::new("sound", 3, 1);
        mdp.goes((0, 0), 0.25, 0, 0.0);
        mdp.goes((0, 0), 0.75, 1, 1.0);
        mdp.ends((1, 0), 1.0, 2, 2.0);
        mdp
    }

    fn message(change: impl Fn(&mut Mdp)) -> String {
        let mut mdp = sound();
        change(&mut mdp);
        mdp.validate().expect_err("a fault").to_string()
    }

    #[test]
    fn a_terminal_state_needs_no_outcomes() {
        assert_eq!(sound().validate(), Ok(()));
    }

    #[test]
    fn rows_are_checked() {
        assert_eq!(
            message(|m| m.transitions[0][1].probability = 0.5),
            "state 0, action 0: the probabilities of the outcomes sum to 0.75, expected 1"
        );
        assert_eq!(
            message(|m| m.transitions[0][1].probability = -0.5),
            "state 0, action 0, outcome 1: probability = -0.5, expected a number from 0 to 1"
        );
        assert!(message(|m| m.transitions[0][0].probability = f64::NAN).contains("= NaN"));
        assert_eq!(
            message(|m| m.transitions[1][0].next = 3),
            "state 1, action 0, outcome 0: next = 3, expected a state below 3"
        );
        assert!(
            message(|m| m.transitions[1][0].reward = f64::INFINITY).contains("reward = inf"),
            "an infinite reward"
        );
    }

    #[test]
    fn the_tolerance_of_sums_is_1e_9() {
        let mut mdp = sound();
        mdp.transitions[0][1].probability = 0.75 + 5e-10;
        assert_eq!(mdp.validate(), Ok(()));
        assert!(message(|m| m.transitions[0][1].probability = 0.75 + 2e-9).contains("sum to"));
    }

    #[test]
    fn sizes_and_time_are_checked() {
        assert!(message(|m| m.start.push(0.0)).contains("start has 4 entries, expected 3"));
        assert!(message(|m| m.start = vec![0.5, 0.0, 0.0]).contains("start sum to 0.5"));
        assert!(message(|m| m.states = 0).contains("states = 0"));
        assert!(message(|m| m.horizon = Some(0)).contains("horizon = 0"));
        assert!(message(|m| m.discount = Some(1.5)).contains("discount = 1.5"));
    }

    #[test]
    fn missing_and_unreachable_states_are_named() {
        let gap = |m: &mut Mdp| m.transitions[1].clear();
        assert_eq!(message(gap), "state 1, action 0: no outcomes, but episodes get here and act");
        let skip = |m: &mut Mdp| m.transitions[0][1].next = 2;
        assert!(message(skip).starts_with("state 2, action 0: no outcomes"));
        let cut = |m: &mut Mdp| m.transitions[0] = vec![];
        assert!(message(cut).starts_with("state 0, action 0: no outcomes"));
        let unreached = |m: &mut Mdp| m.transitions[1][0].next = 0;
        assert!(message(unreached).starts_with("state 2: no episode reaches it"));
        let mut allowed = sound();
        unreached(&mut allowed);
        allowed.allow_unreachable = true;
        assert_eq!(allowed.validate(), Ok(()));
    }

    /// State 1 is a trap: termination is not certain though it stays possible from the start.
    #[test]
    fn an_endless_process_needs_a_horizon_or_a_discount() {
        let trap = |m: &mut Mdp| {
            m.transitions[1] = vec![];
            m.goes((1, 0), 1.0, 1, 0.0);
            m.transitions[0][0].probability = 0.0;
            m.ends((0, 0), 0.25, 2, 0.0);
        };
        assert!(message(trap).starts_with("state 1: no action sequence ends the episode"));
        for cure in [|m: &mut Mdp| m.horizon = Some(9), |m: &mut Mdp| m.discount = Some(0.9)] {
            let mut mdp = sound();
            trap(&mut mdp);
            cure(&mut mdp);
            assert_eq!(mdp.validate(), Ok(()));
        }
        let undiscounted = |m: &mut Mdp| {
            trap(m);
            m.discount = Some(1.0);
        };
        assert!(message(undiscounted).contains("ends the episode"));
    }

    #[test]
    fn observation_tables_are_checked() {
        let emit = |first: f64| {
            let mut mdp = sound();
            // Two observations; state 0 is the only start.
            let (first, after) = (vec![first, 0.5, 0.0, 0.0, 0.0, 0.0], vec![0.5; 6]);
            mdp.observation = Observation::Emitted(Emission { observations: 2, first, after });
            mdp.validate()
        };
        assert_eq!(emit(0.5), Ok(()));
        assert_eq!(
            emit(0.25).unwrap_err().to_string(),
            "state 0: the probabilities of first observation sum to 0.75, expected 1"
        );
    }
}
