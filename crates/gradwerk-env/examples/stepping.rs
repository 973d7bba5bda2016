//! Steps per second of every built-in environment, one thread: `throughput [SECONDS]`.

use gradwerk_env::{Actions, End, EnvFactory, EpisodeKeys, Space, StepRows, registry};
use gradwerk_math::{Purpose, Stream};
use std::time::Instant;

const SLOTS: usize = 64;
/// Actions are drawn before the clock starts and used in turn.
const ROUNDS: usize = 64;

fn actions(space: &Space) -> (Vec<Vec<u32>>, Vec<Vec<f32>>) {
    let mut rng = Stream::new(1, Purpose::Test, 0, 0);
    let (choices, wc) = (space.choices(), space.action_widths().1);
    let mut draw = || choices.iter().map(|&n| rng.below(n as u32)).collect::<Vec<u32>>();
    let discrete = (0..ROUNDS).map(|_| (0..SLOTS).flat_map(|_| draw()).collect()).collect();
    (
        discrete,
        (0..ROUNDS).map(|_| (0..SLOTS * wc).map(|_| rng.uniform() * 2.0 - 1.0).collect()).collect(),
    )
}

/// Steps per second over at least `seconds`.
fn measure(factory: &dyn EnvFactory, seconds: f64) -> f64 {
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(1, keys, SLOTS, &factory.default_settings());
    let (discrete, continuous) = actions(env.action_space());
    let d = env.observation_space().width();
    let (mut obs, mut final_obs) = (vec![0.0; SLOTS * d], vec![0.0; SLOTS * d]);
    let (mut reward, mut end) = (vec![0.0; SLOTS], vec![End::Continue; SLOTS]);
    env.reset(&mut obs);
    let (start, mut steps) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        for (discrete, continuous) in discrete.iter().zip(&continuous) {
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut final_obs,
            };
            env.step(Actions { discrete, continuous }, &[true; SLOTS], &mut rows);
            steps += SLOTS;
        }
    }
    steps as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(1.0, |s| s.parse().expect("SECONDS is a number"));
    for factory in registry::all() {
        println!("{:32} {:8.1} M steps/s", factory.id(), measure(*factory, seconds) / 1e6);
    }
}
