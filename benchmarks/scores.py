#!/usr/bin/env python3
"""Train the shipped presets on seeds 1 to 10, evaluate each final policy over 1,000 episodes, and
write the table of scores and times to benchmarks/results/scores.md (and .json).

    cargo build --release && python3 benchmarks/scores.py [ENV/ALGO ...]

One run at a time on all cores, so that wall-clock times mean something. The presets were tuned on
seeds above 100.
"""

import json
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GRADWERK = ROOT / "target/release/gradwerk"
RESULTS = ROOT / "benchmarks/results"
SEEDS = range(1, 11)
EPISODES = 1000
THREADS = 2

# Environment, rest of the preset's name, training return that counts as solved (None: not asked
# for).
WORKS = [
    ("CartPole-v1", "ppo", 475),
    ("CartPole-v1", "reinforce", 475),
    ("CartPole-v1", "a2c", 475),
    ("Acrobot-v1", "ppo", None),
    ("MountainCar-v0", "ppo", None),
    ("MountainCarContinuous-v0", "ppo", None),
    ("Pendulum-v1", "ppo", -200),
    ("CartPole-v1", "npg", 475),
    ("CartPole-v1", "trpo", 475),
    ("Acrobot-v1", "npg", None),
    ("Acrobot-v1", "trpo", None),
    ("MountainCarContinuous-v0", "npg", None),
    ("MountainCarContinuous-v0", "trpo", None),
    ("Pendulum-v1", "npg", -200),
    ("Pendulum-v1", "trpo", -200),
    ("CartPole-v1", "off_policy_pg", None),
    ("CartPole-v1", "a2c-fourier", None),
    ("MountainCar-v0", "a2c-tile-coding", None),
    ("FrozenLake-v1", "ppo", None),
    ("FrozenLake-v1", "reinforce", None),
    ("Taxi-v4", "ppo", None),
    ("CartPoleNoVel-v1", "ppo", 475),
    ("PendulumNoVel-v1", "ppo", None),
    ("memory/t-maze-50", "ppo", None),
    ("memory/repeat-copy", "ppo", None),
    ("hybrid/platform", "ppo", None),
    ("Pendulum-v1", "ppo-squashed-gaussian", -200),
    ("Pendulum-v1", "ppo-beta", -200),
    ("Pendulum-v1", "ppo-gsde", -200),
    ("hybrid/platform-no-velocity", "ppo", None),
]


def gradwerk_text(*arguments: str) -> str:
    command = [str(GRADWERK), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def gradwerk(*arguments: str) -> dict:
    return json.loads(gradwerk_text(*arguments, "--json", "--quiet"))


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def time_to(threshold: float, run_dir: Path) -> tuple[float, int] | None:
    """Seconds and steps at the first update whose 100 last episodes reach the threshold."""
    for line in (run_dir / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        mean = row.get("mean_return_100")
        if row.get("episodes", 0) >= 100 and mean is not None and mean >= threshold:
            return row["wall_s"], row["steps"]
    return None


def one(env: str, algo: str, seed: int, solved: float | None, folder: Path) -> dict:
    name = f"{env}-{algo}".replace("/", "-")
    run_dir = folder / f"{name}-{seed}"
    arguments = [env, "--set", f"preset={name}", "--seed", str(seed), "--threads", str(THREADS)]
    trained = gradwerk("train", *arguments, "--run-dir", str(run_dir))
    played = gradwerk("eval", str(run_dir), "--episodes", str(EPISODES), "--seed", "0")
    reached = time_to(solved, run_dir) if solved is not None else None
    return {
        "seed": seed,
        "mean_return": played["mean_return"],
        "wall_s": trained["wall_s"],
        "steps": trained["steps"],
        "params_sha256": trained["params_sha256"],
        "solved_s": reached[0] if reached else None,
        "solved_steps": reached[1] if reached else None,
    }


def row(env: str, algo: str, solved: float | None, runs: list[dict]) -> str:
    scores = [run["mean_return"] for run in runs]
    walls = [run["wall_s"] for run in runs]
    times = sorted(run["solved_s"] for run in runs if run["solved_s"] is not None)
    reached = "-"
    if solved is not None:
        median = statistics.median(times) if len(times) == len(runs) else float("nan")
        reached = f"{median:.2f} s ({len(times)}/{len(runs)} to {solved})"
    digits = 1 if max(map(abs, scores)) > 10 else 3
    mean, worst = statistics.mean(scores), min(scores)
    return (
        f"| {env} | {algo} | {mean:.{digits}f} | {worst:.{digits}f} "
        f"| {runs[0]['steps']:,} | {statistics.median(walls):.2f} ({max(walls):.2f}) | {reached} |"
    )


def main() -> None:
    wanted = set(sys.argv[1:])
    works = [w for w in WORKS if not wanted or f"{w[0]}/{w[1]}" in wanted]
    if wanted and len(works) != len(wanted):
        sys.exit(f"unknown work; expected some of {', '.join(f'{w[0]}/{w[1]}' for w in WORKS)}")
    store = RESULTS / "scores.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for env, algo, solved in works:
            runs = [one(env, algo, seed, solved, Path(folder)) for seed in SEEDS]
            results[f"{env}/{algo}"] = runs
            print(row(env, algo, solved, runs), flush=True)
    store.write_text(json.dumps(results, indent=1) + "\n")
    lines = [
        "# Scores of the shipped presets",
        "",
        f"`python3 benchmarks/scores.py` on {date.today()}, {cpu()}, {THREADS} threads. Seeds 1 to 10,"
        f" final policy, mode action, {EPISODES:,} evaluation episodes a seed"
        " (`gradwerk train ENV --set preset=ENV-ALGO --seed S --threads 2`, `gradwerk eval RUN --episodes"
        " 1000 --seed 0`). \"Solved\" is the wall clock from process start to the first update at"
        " which the last 100 training episodes average the threshold.",
        "",
        "| environment | algorithm | mean of seeds | worst seed | steps | wall s: median (max) | solved |",
        "|---|---|---|---|---|---|---|",
    ]
    for env, algo, solved in WORKS:
        if f"{env}/{algo}" in results:
            lines.append(row(env, algo, solved, results[f"{env}/{algo}"]))
    (RESULTS / "scores.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
