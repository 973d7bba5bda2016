//! Fixed amounts of work, to count their instructions: `instructions WORK KERNEL REPEATS`.
//!
//! `benchmarks/instructions.py` runs it under valgrind. Without arguments every work runs once.

use gradwerk::layers::Sources;
use gradwerk::{Kernel, Runtime, Trainer};
use gradwerk_env::{Actions, End, EpisodeKeys, StepRows};
use gradwerk_math::Buffer;
use gradwerk_nn::{ActorCritic, Memory, NetworkConfig, OptimizerConfig, Params, Shape, TILE};
use std::hint::black_box;

/// A name and what to do `repeats` times.
type Work = (&'static str, fn(Kernel, u32));

const WORKS: &[Work] = &[
    ("forward-4-64-64", |kernel, repeats| tiles(kernel, repeats, false)),
    ("forward-and-vjp-4-64-64", |kernel, repeats| tiles(kernel, repeats, true)),
    ("adam-9155", adam),
    ("cartpole-1024-steps", cart_poles),
    ("update-cartpole-8x128", updates),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, kernel, repeats] = &arguments[..] else {
        for (name, run) in WORKS {
            println!("{name}");
            run(Kernel::detect(), 1);
        }
        return;
    };
    let (_, run) = WORKS.iter().find(|(name, _)| name == work).expect("a work of the list");
    run(kernel.parse().expect("a kernel"), repeats.parse().expect("a number"));
}

/// Policy and value function of 4-64-64 tanh networks on a tile of 64 rows, with derivatives.
fn tiles(kernel: Kernel, repeats: u32, derivatives: bool) {
    let shape = Shape { inputs: 4, outputs: 2, value: true, ..Shape::default() };
    let network: ActorCritic<f32> =
        NetworkConfig::named("mlp").and_then(|config| config.build(&shape)).expect("a network");
    let mut theta = Buffer::zeros(network.layout().len());
    network.layout().init(1, &mut theta);
    let (mut packed, mut grad) = (Buffer::zeros(network.packed_len()), theta.clone());
    network.pack(kernel, &theta, &mut packed);
    let params = Params { theta: &theta, packed: &packed };
    let x: Vec<f32> = (0..TILE * 4).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect();
    let (x, mut y, mut v) = (Buffer::from(&x[..]), Buffer::zeros(TILE * 2), Buffer::zeros(TILE));
    let mut cache = Buffer::zeros(network.cache_len(TILE));
    let mut scratch = Buffer::zeros(network.scratch_len(TILE));
    for _ in 0..repeats {
        network.forward(
            kernel,
            params,
            black_box(&x),
            TILE.into(),
            Memory::none(),
            &mut cache,
            &mut y,
            &mut v,
        );
        if derivatives {
            network.vjp(kernel, params, &x, TILE.into(), &cache, &y, &v, &mut grad, &mut scratch);
        }
    }
    black_box((&y, &grad));
}

/// One step of Adam on as many parameters as those two networks have.
fn adam(kernel: Kernel, repeats: u32) {
    let (mut theta, grad) = (vec![0.5_f32; 9155], vec![0.1; 9155]);
    let mut adam = OptimizerConfig::named("adam").and_then(|c| c.build(theta.len())).expect("adam");
    (0..repeats).for_each(|_| adam.step(kernel, &mut theta, black_box(&grad), 1e-3));
    black_box(&theta);
}

/// One step of 1,024 copies of CartPole, pushed left and right in turn.
fn cart_poles(_: Kernel, repeats: u32) {
    const N: usize = 1024;
    let factory = gradwerk_env::find("CartPole-v1").expect("a built-in environment");
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(1, keys, N, &factory.default_settings());
    let (mut obs, mut final_obs) = (vec![0.0; 4 * N], vec![0.0; 4 * N]);
    let (mut reward, mut end) = (vec![0.0; N], vec![End::Continue; N]);
    env.reset(&mut obs);
    for t in 0..repeats {
        let pushes = [t % 2; N];
        let (obs, reward, end) = (&mut obs[..], &mut reward[..], &mut end[..]);
        let mut rows = StepRows { obs, reward, end, final_obs: &mut final_obs };
        env.step(Actions { discrete: &pushes, continuous: &[] }, &[true; N], &mut rows);
    }
    black_box(&obs);
}

/// An update of PPO on CartPole: 8 x 128 steps, minibatch 256, 4 epochs, on one thread.
fn updates(kernel: Kernel, repeats: u32) {
    let mut sources = Sources::new();
    let settings = "preset = 'none'\nsteps = 1_000_000_000\nlr = 2.5e-4\n\
                    env = { id = 'CartPole-v1', num_envs = 8 }\nrollout.steps = 128\n\
                    algo = { kind = 'ppo', minibatch = 256, epochs = 4 }";
    sources.text(settings, "instructions").expect("settings");
    let config = sources.resolve().expect("settings").config;
    let mut trainer = Trainer::new(&config, Runtime { threads: 1, kernel }).expect("a trainer");
    for _ in 0..repeats {
        black_box(trainer.update().expect("an update"));
    }
}
