//! Bare environments: 1,024 copies on one thread with random actions.

use super::Work;
use super::measure::{Clock, Measured};
use gradwerk::Error;
use gradwerk_env::{Actions, End, EnvFactory, EpisodeKeys, StepRows, VecEnv, mask};
use gradwerk_math::{Purpose, Stream};

const COPIES: usize = 1024;

/// One work per environment, whether or not it can be made here.
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

/// Whether the work can be done here: what its environment stands on outside may be missing.
/// Looking for it takes time and memory, so only what is asked for is asked.
pub fn is_ready(work: &Work) -> bool {
    work.name.strip_prefix("env/").is_none_or(|id| gradwerk_env::find(id).is_ok())
}

/// What a peer's bare loop does: draw an action per copy, step, reset the copies that ended.
fn step(factory: &dyn EnvFactory, clock: &Clock) -> Result<Vec<Measured>, Error> {
    factory.ready()?;
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(1, keys, COPIES, &factory.default_settings());
    let width = env.observation_space().width();
    let (mut obs, mut last) = (vec![0.0; COPIES * width], vec![0.0; COPIES * width]);
    let (mut reward, mut end) = (vec![0.0; COPIES], vec![End::Continue; COPIES]);
    let active = vec![true; COPIES];
    let mut player = Uniform::new(&*env);
    let mut time = 0;
    env.reset(&mut obs);
    let rates = clock.rates(|| {
        let mut rng = Stream::new(1, Purpose::Action, 0, time);
        time += 1;
        player.choose(&*env, &mut rng);
        let actions = Actions { discrete: &player.discrete, continuous: &player.continuous };
        let mut rows =
            StepRows { obs: &mut obs, reward: &mut reward, end: &mut end, final_obs: &mut last };
        env.step(actions, &active, &mut rows);
        Ok(COPIES as f64)
    })?;
    Ok(vec![Measured::new(format!("env/{}", factory.id()), "steps/s", rates)])
}

/// Chooses every valid action with the same probability; a component without bounds lies in
/// [-1, 1].
struct Uniform {
    choices: Vec<usize>,
    bounds: (Vec<f32>, Vec<f32>),
    mask: Vec<bool>,
    discrete: Vec<u32>,
    continuous: Vec<f32>,
}

impl Uniform {
    fn new(env: &dyn VecEnv) -> Self {
        let (space, n) = (env.action_space(), env.num_envs());
        let (wd, wc) = space.action_widths();
        Self {
            choices: space.choices(),
            bounds: space.action_bounds(),
            mask: vec![true; n * env.mask_width()],
            discrete: vec![0; n * wd],
            continuous: vec![0.0; n * wc],
        }
    }

    fn choose(&mut self, env: &dyn VecEnv, rng: &mut Stream) {
        env.masks(&mut self.mask);
        let mut rest = &self.mask[..];
        for (a, &n) in self.discrete.iter_mut().zip(self.choices.iter().cycle()) {
            let (own, later) = rest.split_at(n.min(rest.len()));
            rest = later;
            *a = mask::random_value(n, own, rng);
        }
        let (low, high) = &self.bounds;
        for row in self.continuous.chunks_exact_mut(low.len().max(1)) {
            for ((x, low), high) in row.iter_mut().zip(low).zip(high) {
                let (low, high) =
                    if (high - low).is_finite() { (*low, *high) } else { (-1.0, 1.0) };
                *x = low + (high - low) * rng.uniform();
            }
        }
    }
}
