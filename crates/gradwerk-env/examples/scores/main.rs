//! Mean returns of random actions and of a rule of thumb: `scores [EPISODES] [NAME]`.
//!
//! These are the columns "random" and "rule" of docs/environments.md. A rule sees what a policy
//! sees, the observation, and may remember what it saw since the episode began.

mod box2d;
mod cards;
mod games;
mod grid;
mod hybrid;
mod memory;

use gradwerk_env::{Actions, End, EnvFactory, EpisodeKeys, StepRows, VecEnv, registry};
use gradwerk_math::{Purpose, Stream};

/// What to do after an observation; `first` begins an episode.
pub type Rule = Box<dyn FnMut(&[f32], bool) -> (Vec<u32>, Vec<f32>)>;

/// Who plays.
enum Player {
    /// Uniform over the actions that are possible.
    Chance(Stream),
    /// A rule of thumb.
    Rule(Rule),
}

impl Player {
    fn act(&mut self, env: &dyn VecEnv, obs: &[f32], first: bool) -> (Vec<u32>, Vec<f32>) {
        match self {
            Self::Rule(rule) => rule(obs, first),
            Self::Chance(rng) => {
                let mut mask = vec![true; env.mask_width()];
                env.masks(&mut mask);
                env.action_space().sample(&mask, rng)
            }
        }
    }
}

/// The rule for an environment.
fn rule(id: &str) -> Option<Rule> {
    let families = [box2d::rule, cards::rule, games::rule, grid::rule, hybrid::rule, memory::rule];
    families.into_iter().find_map(|rule| rule(id))
}

/// Returns of the evaluation episodes 0 to `episodes - 1` of seed 0.
fn returns(factory: &dyn EnvFactory, episodes: u64, mut player: Player) -> Vec<f64> {
    let keys = EpisodeKeys::Evaluation { first: 0, stride: 1 };
    let mut env = factory.make(0, keys, 1, &factory.default_settings());
    let mut obs = vec![0.0; env.observation_space().width()];
    let mut final_obs = obs.clone();
    env.reset(&mut obs);
    let mut episode = || {
        let (mut total, mut first) = (0.0, true);
        loop {
            let (discrete, continuous) = player.act(&*env, &obs, first);
            let (mut reward, mut end) = ([0.0], [End::Continue]);
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut final_obs,
            };
            let actions = Actions { discrete: &discrete, continuous: &continuous };
            env.step(actions, &[true], &mut rows);
            (total, first) = (total + reward[0], false);
            if end[0].is_end() {
                return total;
            }
        }
    };
    (0..episodes).map(|_| episode()).collect()
}

/// `mean +- half width of the 95 % interval`.
fn mean(returns: &[f64]) -> String {
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let square: f64 = returns.iter().map(|r| (r - mean) * (r - mean)).sum();
    format!("{mean:8.2} +- {:.2}", 1.96 * (square / (n - 1.0).max(1.0) / n).sqrt())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let episodes = args.first().map_or(1000, |n| n.parse().expect("EPISODES is a number"));
    let wanted = |id: &str| args.get(1).is_none_or(|name| id == name);
    for factory in registry::all().iter().filter(|factory| wanted(factory.id())) {
        let Some(rule) = rule(factory.id()) else { continue };
        let chance = Player::Chance(Stream::new(1, Purpose::Test, 0, 0));
        let by_chance = returns(*factory, episodes, chance);
        let by_rule = returns(*factory, episodes, Player::Rule(rule));
        println!("{:28} random {:20} rule {}", factory.id(), mean(&by_chance), mean(&by_rule));
    }
}
