//! Bare environments: 1,024 copies, divided over the threads, with random actions.

use super::Work;
use super::measure::{Clock, Measured};
use gradwerk::{Error, Pool};
use gradwerk_env::{Actions, End, EnvFactory, EpisodeKeys, StepRows, VecEnv, mask};
use gradwerk_math::{Purpose, Stream};

const COPIES: usize = 1024;

/// One work per environment, whether or not it can be made here.
pub fn works() -> Vec<Work> {
    let work = |env: &&'static dyn EnvFactory| {
        let env = *env;
        Work {
            name: format!("env/{}", env.id()),
            summary: format!("{COPIES} copies of {}, random actions", env.id()),
            run: Box::new(move |clock, runtime| step(env, clock, runtime.threads)),
        }
    };
    gradwerk_env::registry::all().iter().map(work).collect()
}

/// Whether the work can be done here: what its environment stands on outside may be missing.
/// Looking for it takes time and memory, so only what is asked for is asked.
pub fn is_ready(work: &Work) -> bool {
    work.name.strip_prefix("env/").is_none_or(|id| gradwerk_env::find(id).is_ok())
}

/// Every thread steps its own copies, as in training.
fn step(factory: &dyn EnvFactory, clock: &Clock, threads: usize) -> Result<Vec<Measured>, Error> {
    factory.ready()?;
    let shards = factory.batching().shards(COPIES, threads);
    let mut batches: Vec<Batch> =
        shards.map(|(first, copies)| Batch::new(factory, first, copies)).collect();
    let pool = Pool::new(threads);
    let rates = clock.rates(|| {
        pool.for_each(&mut batches, |_, batch| batch.step());
        Ok(COPIES as f64)
    })?;
    Ok(vec![Measured::new(format!("env/{}", factory.id()), "steps/s", rates)])
}

/// What a peer's bare loop does: draw an action per copy, step, reset the copies that ended.
struct Batch {
    env: Box<dyn VecEnv>,
    player: Uniform,
    /// Number of the first copy.
    first: usize,
    time: u64,
    obs: Vec<f32>,
    reward: Vec<f64>,
    end: Vec<End>,
    final_obs: Vec<f32>,
    active: Vec<bool>,
}

impl Batch {
    fn new(factory: &dyn EnvFactory, first: usize, copies: usize) -> Self {
        let keys = EpisodeKeys::Training { first: first as u64 };
        let mut env = factory.make(1, keys, copies, &factory.default_settings());
        let width = copies * env.observation_space().width();
        let mut obs = vec![0.0; width];
        env.reset(&mut obs);
        Self {
            player: Uniform::new(&*env),
            env,
            first,
            time: 0,
            obs,
            reward: vec![0.0; copies],
            end: vec![End::Continue; copies],
            final_obs: vec![0.0; width],
            active: vec![true; copies],
        }
    }

    fn step(&mut self) {
        let mut rng = Stream::new(1, Purpose::Action, self.first as u64, self.time);
        self.time += 1;
        self.player.choose(&*self.env, &mut rng);
        let Uniform { discrete, continuous, .. } = &self.player;
        let actions = Actions { discrete, continuous };
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut self.reward,
            end: &mut self.end,
            final_obs: &mut self.final_obs,
        };
        self.env.step(actions, &self.active, &mut rows);
    }
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
