//! From values to the table.

use crate::finite::{Emission, Mdp, MdpError, Observation, Transition};
use crate::tree::{Fault, Fields, Node, Value};

const KEYS: [&str; 11] = [
    "name",
    "states",
    "actions",
    "observations",
    "start",
    "discount",
    "horizon",
    "allow_unreachable",
    "transitions",
    "first_observations",
    "later_observations",
];
/// A table of 16 million outcomes is more than a file should hold.
const MOST: u32 = (1 << 24) - 1;

/// How many there are of something, and their names if they have any.
struct Labels {
    count: usize,
    names: Vec<String>,
}

impl Labels {
    /// From a number, or from a list of names.
    fn read(node: &Node, what: &str) -> Result<Self, Fault> {
        let Value::List(list) = &node.value else {
            return Ok(Self { count: node.count(what, MOST)?, names: Vec::new() });
        };
        let mut names: Vec<String> = Vec::with_capacity(list.len());
        for entry in list {
            let name = entry.text(what)?.to_owned();
            if names.contains(&name) {
                return Err((entry.line, format!("{what} has \"{name}\" twice")));
            }
            names.push(name);
        }
        match names.len() {
            0 => Err((node.line, format!("{what} = [], expected at least one"))),
            count => Ok(Self { count, names }),
        }
    }

    fn index(&self, fields: &Fields<'_>, key: &str) -> Result<usize, Fault> {
        fields.need(key)?.index(key, self.count, &self.names)
    }

    /// ` (left)` after the index of something that has a name.
    fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(String::as_str)
    }
}

/// The line of every outcome, in the order of the table.
type Lines = Vec<Vec<usize>>;

/// Build and check the problem.
pub fn problem(root: &Node, file: &str) -> Result<Mdp, Fault> {
    let fields = root.fields("the problem", &KEYS)?;
    let states = Labels::read(fields.need("states")?, "states")?;
    let actions = Labels::read(fields.need("actions")?, "actions")?;
    let cells = states.count.checked_mul(actions.count).filter(|n| *n <= MOST as usize);
    let too_many = || (1, format!("states times actions, expected at most {MOST}"));
    cells.ok_or_else(too_many)?;
    let name = fields.get("name").map_or(Ok(file), |node| node.text("name"))?;
    let mut mdp = Mdp::new(name, states.count, actions.count);
    if let Some(node) = fields.get("start") {
        mdp.start = start(node, &states)?;
    }
    mdp.discount = fields.get("discount").map(|node| node.number("discount")).transpose()?;
    let horizon = fields.get("horizon").map(|node| node.count("horizon", MOST)).transpose()?;
    mdp.horizon = horizon.map(|steps| steps as u32);
    mdp.allow_unreachable = fields.switch("allow_unreachable")?;
    let lines = transitions(&mut mdp, fields.need("transitions")?, &states, &actions)?;
    observations(&mut mdp, &fields, &states, &actions)?;
    mdp.validate().map_err(|error| located(&error, &fields, &lines, &states, &actions))?;
    Ok(mdp)
}

/// A distribution: the list of all probabilities, one state, or a table of states.
fn start(node: &Node, states: &Labels) -> Result<Vec<f64>, Fault> {
    let mut start = vec![0.0; states.count];
    match &node.value {
        Value::List(list) => return list.iter().map(|p| p.number("start")).collect(),
        Value::Table(entries) => {
            for (key, p) in entries {
                let text = Node { line: p.line, value: Value::Text(key.clone()) };
                start[text.index("start", states.count, &states.names)?] = p.number(key)?;
            }
        }
        _ => start[node.index("start", states.count, &states.names)?] = 1.0,
    }
    Ok(start)
}

fn transitions(
    mdp: &mut Mdp,
    node: &Node,
    states: &Labels,
    actions: &Labels,
) -> Result<Lines, Fault> {
    const KEYS: [&str; 6] = ["state", "action", "next", "probability", "reward", "terminated"];
    let mut lines = vec![Vec::new(); mdp.transitions.len()];
    for entry in node.list("transitions")? {
        let fields = entry.fields("a transition", &KEYS)?;
        let (state, action) = (states.index(&fields, "state")?, actions.index(&fields, "action")?);
        let row = state * mdp.actions + action;
        mdp.transitions[row].push(Transition {
            probability: fields.number_or("probability", 1.0)?,
            next: states.index(&fields, "next")?,
            reward: fields.number_or("reward", 0.0)?,
            terminated: fields.switch("terminated")?,
        });
        lines[row].push(entry.line);
    }
    Ok(lines)
}

fn observations(
    mdp: &mut Mdp,
    fields: &Fields<'_>,
    states: &Labels,
    actions: &Labels,
) -> Result<(), Fault> {
    let Some(node) = fields.get("observations") else {
        let orphan = ["first_observations", "later_observations"];
        let orphan = orphan.into_iter().find_map(|key| Some((key, fields.get(key)?)));
        return orphan.map_or(Ok(()), |(key, node)| {
            Err((node.line, format!("{key} needs `observations`, their number or names")))
        });
    };
    let shown = Labels::read(node, "observations")?;
    let o = shown.count;
    let cells = mdp.transitions.len().checked_mul(o).filter(|n| *n <= MOST as usize);
    let too_many = || (node.line, format!("a table of observations above {MOST} entries"));
    cells.ok_or_else(too_many)?;
    let mut emission = Emission {
        observations: o,
        first: vec![0.0; mdp.states * o],
        after: vec![0.0; mdp.transitions.len() * o],
    };
    for entry in fields.need("first_observations")?.list("first_observations")? {
        let known = ["state", "observation", "probability"];
        let f = entry.fields("a first observation", &known)?;
        let at = states.index(&f, "state")? * o + shown.index(&f, "observation")?;
        emission.first[at] += f.number_or("probability", 1.0)?;
    }
    for entry in fields.need("later_observations")?.list("later_observations")? {
        let known = ["action", "state", "observation", "probability"];
        let f = entry.fields("a later observation", &known)?;
        let row = actions.index(&f, "action")? * mdp.states + states.index(&f, "state")?;
        emission.after[row * o + shown.index(&f, "observation")?] +=
            f.number_or("probability", 1.0)?;
    }
    mdp.observation = Observation::Emitted(emission);
    Ok(())
}

/// The error with the line of what it is about, and with names.
fn located(
    error: &MdpError,
    fields: &Fields<'_>,
    lines: &Lines,
    states: &Labels,
    actions: &Labels,
) -> Fault {
    let (state, action) = (error.place.state, error.place.action);
    let row = state.zip(action).and_then(|(s, a)| lines.get(s * actions.count + a));
    let outcome = row.and_then(|row| row.get(error.place.outcome.unwrap_or(0))).copied();
    let key = if error.what.contains("start") { "start" } else { "transitions" };
    let line = outcome.or_else(|| fields.get(key).map(|node| node.line)).unwrap_or(1);
    let state_name = state.and_then(|s| states.name(s)).map(|name| format!("state \"{name}\""));
    let action_name = action.and_then(|a| actions.name(a)).map(|name| format!("action \"{name}\""));
    let names: Vec<String> = state_name.into_iter().chain(action_name).collect();
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    (line, format!("{error}{names}"))
}
