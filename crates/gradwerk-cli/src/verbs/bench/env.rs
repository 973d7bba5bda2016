//! Bare environments: 1,024 copies on one thread with a fixed action per copy.

use super::Work;
use super::measure::{Clock, Measured};
use gradwerk::Error;
use gradwerk_env::{Actions, End, EnvFactory, EpisodeKeys, Space, StepRows, VecEnv};

const COPIES: usize = 1024;

/// One work per built-in environment.
pub fn works() -> Vec<Work> {
    let work = |env: &&'static dyn EnvFactory| {
        let env = *env;
        Work {
            name: format!("env/{}", env.id()),
            summary: format!("{COPIES} copies of {}, one thread", env.id()),
            run: Box::new(move |clock, _| step(env, clock)),
        }
    };
    gradwerk_env::registry::all().iter().map(work).collect()
}

fn step(factory: &dyn EnvFactory, clock: &Clock) -> Result<Vec<Measured>, Error> {
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(1, keys, COPIES, &factory.default_settings());
    let width = env.observation_space().width();
    let (mut obs, mut last) = (vec![0.0; COPIES * width], vec![0.0; COPIES * width]);
    let (mut reward, mut end) = (vec![0.0; COPIES], vec![End::Continue; COPIES]);
    let active = vec![true; COPIES];
    let (mut discrete, continuous) = actions(env.action_space());
    let mut mask = vec![true; COPIES * env.mask_width()];
    env.reset(&mut obs);
    let rates = clock.rates(|| {
        choose_valid(&*env, &mut mask, &mut discrete);
        let actions = Actions { discrete: &discrete, continuous: &continuous };
        let mut rows =
            StepRows { obs: &mut obs, reward: &mut reward, end: &mut end, final_obs: &mut last };
        env.step(actions, &active, &mut rows);
        Ok(COPIES as f64)
    })?;
    Ok(vec![Measured::new(format!("env/{}", factory.id()), "steps/s", rates)])
}

/// A fixed action per copy, different from copy to copy.
fn actions(space: &Space) -> (Vec<u32>, Vec<f32>) {
    let (choices, (low, high)) = (space.choices(), space.action_bounds());
    let of_copy = |i: usize| choices.iter().map(move |n| (i % n) as u32);
    let mid = low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b));
    let mid: Vec<f32> = mid.map(|x| if x.is_finite() { x } else { 0.0 }).collect();
    ((0..COPIES).flat_map(of_copy).collect(), mid.repeat(COPIES))
}

/// Replace the actions of masked environments by the first valid ones.
fn choose_valid(env: &dyn VecEnv, mask: &mut [bool], discrete: &mut [u32]) {
    if mask.is_empty() {
        return;
    }
    let choices = env.action_space().choices();
    env.masks(mask);
    let mut rest = &*mask;
    for (a, &n) in discrete.iter_mut().zip(choices.iter().cycle()) {
        let (own, later) = rest.split_at(n);
        *a = own.iter().position(|valid| *valid).unwrap_or(0) as u32;
        rest = later;
    }
}
