//! Bare environments: 1,024 copies on one thread with random actions.

use super::Work;
use super::measure::{Clock, Measured};
use gradwerk::Error;
use gradwerk_env::{Actions, End, EnvFactory, EpisodeKeys, Space, StepRows};
use gradwerk_math::{Purpose, Stream};

const COPIES: usize = 1024;

/// One work per built-in environment.
pub fn works() -> Vec<Work> {
    let work = |env: &&'static dyn EnvFactory| {
        let env = *env;
        Work {
            name: format!("env/{}", env.id()),
            summary: format!("{COPIES} copies of {}, random actions, one thread", env.id()),
            run: Box::new(move |clock, _| step(env, clock)),
        }
    };
    gradwerk_env::registry::all().iter().map(work).collect()
}

/// What a peer's bare loop does: draw an action per copy, step, reset the copies that ended.
fn step(factory: &dyn EnvFactory, clock: &Clock) -> Result<Vec<Measured>, Error> {
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(1, keys, COPIES, &factory.default_settings());
    let width = env.observation_space().width();
    let (mut obs, mut last) = (vec![0.0; COPIES * width], vec![0.0; COPIES * width]);
    let (mut reward, mut end) = (vec![0.0; COPIES], vec![End::Continue; COPIES]);
    let active = vec![true; COPIES];
    let space = env.action_space().clone();
    let (wd, wc) = space.action_widths();
    let (mut discrete, mut continuous) = (vec![0; COPIES * wd], vec![0.0; COPIES * wc]);
    let mut time = 0;
    env.reset(&mut obs);
    let rates = clock.rates(|| {
        let mut rng = Stream::new(1, Purpose::Action, 0, time);
        time += 1;
        sample(&space, &mut rng, &mut discrete, &mut continuous);
        let actions = Actions { discrete: &discrete, continuous: &continuous };
        let mut rows =
            StepRows { obs: &mut obs, reward: &mut reward, end: &mut end, final_obs: &mut last };
        env.step(actions, &active, &mut rows);
        Ok(COPIES as f64)
    })?;
    Ok(vec![Measured::new(format!("env/{}", factory.id()), "steps/s", rates)])
}

/// Uniform actions; a component without bounds lies in [-1, 1].
fn sample(space: &Space, rng: &mut Stream, discrete: &mut [u32], continuous: &mut [f32]) {
    match space {
        Space::Discrete { n } => discrete.fill_with(|| rng.below(*n as u32)),
        Space::Box { low, high } => {
            for row in continuous.chunks_exact_mut(low.len()) {
                for ((x, low), high) in row.iter_mut().zip(low).zip(high) {
                    let (low, high) =
                        if (high - low).is_finite() { (*low, *high) } else { (-1.0, 1.0) };
                    *x = low + (high - low) * rng.uniform();
                }
            }
        }
        Space::Image { .. } => {}
    }
}
