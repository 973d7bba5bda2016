//! Bad input: the exit code, and a message that names the value, the place and the choices.

mod common;

use common::Bench;

/// `(arguments, exit code, what the message must contain)`.
const CASES: &[(&str, i32, &[&str])] = &[
    ("verify --filter no-such-row", 2, &["`no-such-row`", "one-state, sparse, bandit"]),
    ("verify --samples 1", 2, &["--samples 1", "at least 2"]),
    ("train CartPole-v2", 2, &["CartPole-v2", "did you mean `CartPole-v1`", "Pendulum-v1"]),
    (
        "train CartPole-v1 --algo poo",
        2,
        &["algo.kind = \"poo\"", "--algo poo", "reinforce, a2c, ppo", "did you mean ppo?"],
    ),
    (
        "train CartPole-v1 --set algo.cliprange=0.2",
        2,
        &[
            "unknown key algo.cliprange (from --set algo.cliprange=0.2)",
            "epochs",
            "did you mean clip?",
        ],
    ),
    (
        "train CartPole-v1 --set network.activation=tan",
        2,
        &["network.activation = \"tan\"", "tanh, relu, gelu, silu", "did you mean tanh?"],
    ),
    (
        "train CartPole-v1 --set algo.minibatch=100000",
        2,
        &["algo.minibatch = 100000 (from --set algo.minibatch=100000)", "32 x 32 = 1024"],
    ),
    ("train Pendulum-v1 --set policy.kind=categorical", 2, &["categorical", "Box(1)", "gaussian"]),
    (
        "train CartPole-v1 --set policy.kind=gaussian",
        2,
        &["gaussian", "Discrete(2)", "categorical"],
    ),
    (
        "train CartPole-v1 --set env.options.size=5",
        2,
        &["env.options.size = 5 (from --set env.options.size=5)", "CartPole-v1 takes no options"],
    ),
    (
        "train CartPole-v1 --set env.options.reward=module.function",
        2,
        &["env.options.reward = \"module.function\"", "gradwerk.resume(run, reward=function)"],
    ),
    ("train CartPole-v1 --set gamma=1.5", 2, &["gamma = 1.5 (from --set gamma=1.5)", "(0, 1]"]),
    ("train CartPole-v1 --set lr=-1", 2, &["lr = -1 (from --set lr=-1)"]),
    ("train CartPole-v1 --set lr=nan", 2, &["lr = nan (from --set lr=nan)", "a number"]),
    ("train CartPole-v1 --set lr=inf", 2, &["lr = inf (from --set lr=inf)"]),
    (
        "train CartPole-v1 --set env.num_envs=0",
        2,
        &["env.num_envs = 0 (from --set env.num_envs=0)"],
    ),
    ("train CartPole-v1 --set network.hidden=[0]", 2, &["network.hidden", "0"]),
    ("train CartPole-v1 --set network.hidden=[70000]", 2, &["network.hidden", "70000", "65536"]),
    (
        "train CartPole-v1 --set rollout.steps=200000000",
        2,
        &["rollout.steps = 200000000 (from --set", "env.num_envs"],
    ),
    (
        "train CartPole-v1 --algo reinforce --set rollout.episodes=1000000000 --set env.num_envs=8",
        2,
        &["rollout.episodes = 1000000000", "env.num_envs"],
    ),
    ("train CartPole-v1 --set algo.epochs=0", 2, &["algo.epochs = 0"]),
    (
        "train CartPole-v1 --set steps=many",
        2,
        &["steps = \"many\" (from --set steps=many)", "whole number"],
    ),
    ("train CartPole-v1 --set algo", 2, &["--set algo", "key=value"]),
    (
        "train CartPole-v1 --set gamma=0.9 --set gamma=0.8",
        2,
        &["gamma is given twice: --set gamma=0.9 and --set gamma=0.8"],
    ),
    (
        "train CartPole-v1 --steps 5 --set steps=6",
        2,
        &["steps is given twice", "--set steps=6", "--steps 5"],
    ),
    ("train CartPole-v1 --seed 1 --seed 2", 2, &["--seed"]),
    ("train CartPole-v1 --seed 1 --seeds 1..2", 2, &["--seed", "--seeds"]),
    ("train CartPole-v1 --seeds 5..3", 2, &["5..3", "A at most B"]),
    ("train CartPole-v1 --steps 0", 2, &["--steps", "at least 1"]),
    ("train CartPole-v1 --steps -5", 2, &["-5"]),
    (
        "bench train/cartpole-8x128 --set algo.minibatches=3",
        2,
        &["unknown key algo.minibatches (from --set algo.minibatches=3)"],
    ),
    (
        "bench train env/CartPole-v1 --set lr=1",
        2,
        &["--set lr=1", "`env/CartPole-v1` takes no settings", "train/"],
    ),
    ("train CartPole-v1 --threads 0", 2, &["--threads", "0"]),
    ("train CartPole-v1 --kernel neon9", 2, &["neon9", "auto", "portable"]),
    ("train CartPole-v1 --until nan", 2, &["nan", "finite"]),
    ("train CartPole-v1 --set preset=best", 2, &["unknown preset best", "CartPole-v1-ppo", "none"]),
    ("train CartPole-v1 --init nowhere", 2, &["nowhere"]),
    (
        "train CartPole-v1 --algo reinforce --set rollout.episodes=7",
        2,
        &["rollout.episodes = 7", "env.num_envs = 16"],
    ),
    ("train missing.toml", 2, &["missing.toml"]),
    ("train CartPole-v1 --fast", 2, &["--fast"]),
    (
        "train CartPole-v1 --seed 9223372036854775808",
        2,
        &["--seed 9223372036854775808: must be below 2^63"],
    ),
    (
        "train CartPole-v1 --seeds 9223372036854775806..9223372036854775808",
        2,
        &["--seeds 9223372036854775806..9223372036854775808: must be below 2^63"],
    ),
    (
        "train Pendulum-v1 --set policy.log_std_init=-1",
        2,
        &[
            "unknown key policy.log_std_init",
            "policy.kind = gaussian or",
            "and it is auto: set both",
        ],
    ),
    ("train CartPole-v1 --set normalize.clip=1e39", 2, &["normalize.clip = 1", "single precision"]),
    ("train CartPole-v1 --algo bc", 2, &["algo.data", "gradwerk record"]),
    ("train CartPole-v1 --algo bc --set algo.data=nowhere", 1, &["cannot read", "nowhere"]),
    ("train CartPole-v1 --algo bc --set algo.held_out=1", 2, &["algo.held_out = 1", "[0, 1)"]),
    ("record nowhere -o a.safetensors", 2, &["nowhere", "no such run directory"]),
    (
        "record CartPole-v1 --uniform --stochastic -o a.safetensors",
        2,
        &["--uniform", "--stochastic"],
    ),
    ("record CartPole-v2 --uniform -o a.safetensors", 2, &["CartPole-v2", "CartPole-v1"]),
    ("record CartPole-v1 --uniform", 2, &["--output"]),
    ("eval nowhere --on a --episodes 5", 2, &["--on", "--episodes"]),
    ("eval nowhere --gamma 0.9", 2, &["--on"]),
    ("resume nowhere", 2, &["nowhere", "does not exist"]),
    ("eval nowhere", 2, &["nowhere"]),
    ("eval nowhere --episodes 0", 2, &["--episodes", "at least 1"]),
    ("plot nowhere -o a.svg", 2, &["nowhere"]),
    ("check Nowhere-v0", 2, &["Nowhere-v0", "CartPole-v1"]),
    ("list foo", 2, &["foo", "envs"]),
    ("trian", 2, &["trian", "train"]),
];

#[test]
fn messages_and_exit_codes() {
    let bench = Bench::new();
    for (line, code, parts) in CASES {
        let ran = bench.run(line);
        assert_eq!(ran.code, *code, "{line}: {}", ran.err);
        assert_eq!(ran.out, "", "{line}: errors belong on standard error");
        for part in *parts {
            assert!(ran.err.contains(part), "{line}: {part:?} is not in {:?}", ran.err);
        }
    }
    assert!(!bench.path("runs").exists(), "a wrong command left a run directory behind");
}

#[test]
fn errors_in_files_name_the_line() {
    let bench = Bench::new();
    let cases = [
        ("[algo]\nclip = 0.2\ncliprange = 0.1\n", "a.toml:3)", "unknown key algo.cliprange"),
        ("steps = 10\ngamma = 2.0\n", "a.toml:2)", "gamma = 2"),
        ("steps = 10\n\n[env\n", "a.toml:3: not valid TOML", "error:"),
        ("[env]\nid = \"Nowhere-v0\"\n", "a.toml:2)", "unknown environment `Nowhere-v0`"),
        (
            "[network]\nkind = \"mpl\"\n",
            "a.toml:2)",
            "expected one of mlp, linear, polynomial, fourier, rbf, tile-coding, tabular, nature-cnn, impala, small-cnn; did you mean mlp?",
        ),
        ("[network]\nkind = \"linear\"\nhidden = [8]\n", "a.toml:3)", "unknown key network.hidden"),
        ("lr = { start = 1.0, stop = 0.0 }\n", "a.toml:1)", "unknown key lr.stop"),
    ];
    for (text, place, what) in cases {
        bench.write("a.toml", text);
        for verb in ["train", "config validate", "config show"] {
            let ran = bench.run(&format!("{verb} a.toml"));
            assert_eq!(ran.code, 2, "{text}: {}", ran.err);
            assert!(ran.err.contains(place) && ran.err.contains(what), "{text}: {}", ran.err);
        }
    }
}

#[test]
fn directories_that_cannot_be_used() {
    let bench = Bench::new();
    bench.write("file", "");
    std::fs::create_dir(bench.path("full")).unwrap();
    bench.write("full/something", "");
    let train = "train CartPole-v1 --steps 1000 --quiet --run-dir";
    // A file in the way of a parent directory cannot be created by any user, root included.
    for (dir, code, part) in
        [("file/run", 1, "cannot create"), ("file", 2, "in the way"), ("full", 2, "not empty")]
    {
        let ran = bench.run(&format!("{train} {dir}"));
        assert_eq!(ran.code, code, "{dir}: {}", ran.err);
        assert!(ran.err.contains(dir) && ran.err.contains(part), "{dir}: {}", ran.err);
    }
}

#[test]
fn damaged_files_are_refused() {
    let bench = Bench::new();
    bench.json("train CartPole-v1 --steps 4000 --stop-at 1000 --run-dir run --quiet");
    let policy = bench.path("run/policy.safetensors");
    let good = std::fs::read(&policy).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let damaged = [&good[..good.len() / 2], &flipped, b"\x89PNG\r\n\x1a\n and so on", b""];
    for bytes in damaged {
        std::fs::write(&policy, bytes).unwrap();
        for line in ["eval run", "train CartPole-v1 --init run --steps 1000"] {
            let ran = bench.run(line);
            assert_eq!(ran.code, 1, "{line}: {}", ran.err);
            assert!(ran.err.contains("policy.safetensors"), "{line}: {}", ran.err);
        }
    }
    let checkpoint = only_checkpoint(&bench.path("run/checkpoints"));
    std::fs::write(&checkpoint, &good).unwrap();
    let ran = bench.run("resume run");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("checkpoints"), "{}", ran.err);
    assert!(checkpoint.exists(), "a file that cannot be read must not be deleted");
}

#[test]
fn a_damaged_checkpoint_is_skipped_for_the_one_before() {
    let bench = Bench::new();
    let whole = bench.json("train CartPole-v1 --steps 4000 --run-dir whole --quiet");
    bench.json("train CartPole-v1 --steps 4000 --stop-at 1000 --run-dir run --quiet");
    bench.json("resume run --stop-at 2000 --quiet");
    let mut files: Vec<_> = checkpoints(&bench.path("run/checkpoints"));
    files.sort();
    assert_eq!(files.len(), 2);
    let bytes = std::fs::read(&files[1]).unwrap();
    std::fs::write(&files[1], &bytes[..bytes.len() - 7]).unwrap();
    let ran = bench.run("resume run --json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("warning") && ran.err.contains("going on from"), "{}", ran.err);
    assert_eq!(common::hashes(&ran.json()), common::hashes(&whole));
}

#[test]
fn a_policy_for_other_spaces_is_refused() {
    let bench = Bench::new();
    bench.json("train CartPole-v1 --steps 1000 --run-dir run --quiet");
    let ran = bench.run("train Acrobot-v1 --init run --steps 1000 --run-dir other");
    assert!(matches!(ran.code, 1 | 2), "{}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    assert!(!bench.path("other").exists());
}

fn checkpoints(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn only_checkpoint(folder: &std::path::Path) -> std::path::PathBuf {
    let mut files = checkpoints(folder);
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// Where files cannot grow any more (a full disk, a quota), the run fails with the file's name,
/// and what was there before can be resumed.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_leaves_the_last_checkpoint() {
    let bench = Bench::new();
    let whole = bench.json("train CartPole-v1 --steps 4000 --run-dir whole --quiet");
    bench.json("train CartPole-v1 --steps 4000 --stop-at 1000 --run-dir run --quiet");
    // 8 blocks of 512 bytes: metrics still fit, a checkpoint does not. The signal is ignored,
    // so that the write itself fails.
    let program = env!("CARGO_BIN_EXE_gradwerk");
    let script = format!("trap '' XFSZ; ulimit -f 8; exec {program} resume run --quiet");
    let mut limited = std::process::Command::new("sh");
    let limited = limited.args(["-c", &script]).current_dir(bench.path(".")).output().unwrap();
    let failed = common::Ran::of(limited);
    assert_eq!(failed.code, 1, "{}", failed.err);
    assert!(failed.err.contains("cannot write") && failed.err.contains("run/"), "{}", failed.err);
    let done = bench.json("resume run --quiet");
    assert_eq!(common::hashes(&done), common::hashes(&whole));
}
