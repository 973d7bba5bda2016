#!/usr/bin/env python3
"""The MuJoCo tasks: train their presets on seeds 1 to 10, evaluate the final policies, and set the
scores beside published ones.

    cargo build --release && VIRTUAL_ENV=<one with mujoco and gymnasium> python3 benchmarks/mujoco_tasks.py
    python3 benchmarks/mujoco_tasks.py --threads 1 --seeds 1..3 Hopper-v5/ppo HalfCheetah-v5/ppo

writes benchmarks/results/mujoco.md (and .json) and the learning curves docs/figures/mujoco-*.png.

One run at a time. Every run is saved when it is done, so that the program may be interrupted and
called again: it goes on with what is missing, and does again what an older preset did. A run during
which the machine had other work is marked as busy: its seconds say little, its score is the same.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import sys
from datetime import date
from pathlib import Path

from scores import RESULTS, ROOT, cpu, gradwerk, gradwerk_text

EPISODES = 100
FIGURES = "docs/figures"
RUNS = ROOT / "runs/benchmark-mujoco"
STORE = RESULTS / "mujoco.json"
MILLION = 1_000_000

# Environment, rest of the preset's name, threshold in the figure (None: no line), who published
# what. Tianshou's figures are means of the highest return that each of ten runs reached, on v3;
# those of the zoo are of one run, on v3; CleanRL's are means of three runs, on v4.
WORKS = [
    ("HalfCheetah-v5", "ppo", 5000, "CleanRL 1443, zoo 5819, Tianshou 5784"),
    ("Hopper-v5", "ppo", 2400, "CleanRL 2383, zoo 2410, Tianshou 2609"),
    ("Walker2d-v5", "ppo", 3300, "CleanRL 2288, zoo 3479, Tianshou 3589"),
    ("Ant-v5", "ppo", 4079, "Tianshou 4079 (3 M)"),
    ("Humanoid-v5", "ppo", 1360, "Tianshou 1360 (3 M)"),
    ("Swimmer-v5", "ppo", None, "zoo 282, Tianshou 67"),
    ("Reacher-v5", "ppo", -7, "PPO paper -7"),
    ("Pusher-v5", "ppo", None, "none"),
    ("InvertedPendulum-v5", "ppo", 1000, "CleanRL 963, Tianshou 1000"),
    ("InvertedDoublePendulum-v5", "ppo", 9350, "PPO paper 8000, Tianshou 9231"),
    ("HalfCheetah-v5", "reinforce", 1139, "Tianshou 1139 (10 M)"),
    ("Hopper-v5", "reinforce", 416, "Tianshou 416 (10 M)"),
]
NAMES = [f"{env}/{algo}" for env, algo, _, _ in WORKS]


def preset(env: str, algo: str) -> Path:
    return ROOT / f"presets/{env}-{algo}.toml"


def digest(env: str, algo: str) -> str:
    """Which preset a run was made with; comments do not count."""
    lines = preset(env, algo).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def children_s() -> float:
    """Processor seconds of the programs that were run so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def one(env: str, algo: str, seed: int, threads: int) -> dict:
    run = RUNS / f"{env}-{algo}-{seed}"
    shutil.rmtree(run, ignore_errors=True)
    arguments = ["--seed", str(seed), "--threads", str(threads), "--run-dir", str(run)]
    before = children_s()
    trained = gradwerk("train", str(preset(env, algo)), *arguments)
    cpu_s, load = children_s() - before, os.getloadavg()[0]
    rest = ["--episodes", str(EPISODES), "--seed", "0", "--threads", str(threads)]
    played = gradwerk("eval", str(run), *rest)
    manifest = json.loads((run / "manifest.json").read_text())
    return {
        "seed": seed,
        "preset": digest(env, algo),
        "mean_return": played["mean_return"],
        "std_return": played["std_return"],
        "steps": trained["steps"],
        "threads": threads,
        "wall_s": trained["wall_s"],
        "cpu_s": cpu_s,
        "busy": load > threads + 0.5,
        "params_sha256": trained["params_sha256"],
        "simulator": manifest["simulator"],
        "date": str(date.today()),
    }


def figure(env: str, algo: str) -> str:
    return f"{FIGURES}/mujoco-{env}-{algo}.png"


def draw(env: str, algo: str, threshold: float | None, runs: list[dict]) -> None:
    """The curves of the runs whose directories are still there."""
    folders = [RUNS / f"{env}-{algo}-{run['seed']}" for run in runs]
    folders = [str(folder) for folder in folders if folder.exists()]
    line = [] if threshold is None else ["--threshold", str(threshold)]
    if folders:
        gradwerk_text("plot", *folders, *line, "-o", str(ROOT / figure(env, algo)))


def seconds(runs: list[dict], key: str) -> str:
    values = [run[key] for run in runs]
    return f"{statistics.median(values):.0f} ({max(values):.0f})"


def row(env: str, algo: str, published: str, runs: list[dict]) -> str:
    scores = [run["mean_return"] for run in runs]
    spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
    digits = 1 if max(map(abs, scores)) >= 100 else 2
    threads = "/".join(map(str, sorted({run["threads"] for run in runs})))
    busy = " *busy*" if any(run["busy"] for run in runs) else ""
    return (
        f"| {env} | {algo} | {runs[0]['steps'] / MILLION:.1f} M | {len(runs)} "
        f"| {statistics.mean(scores):.{digits}f} | {spread:.{digits}f} | {min(scores):.{digits}f} "
        f"| {max(scores):.{digits}f} | {published} | {threads} | {seconds(runs, 'wall_s')}{busy} "
        f"| {seconds(runs, 'cpu_s')} |"
    )


def page(results: dict) -> str:
    runs = [run for of_work in results.values() for run in of_work]
    days, simulators = ({run[key] for run in runs} for key in ("date", "simulator"))
    shown = [work for work in WORKS if f"{work[0]}/{work[1]}" in results]
    lines = [
        "# The MuJoCo tasks",
        "",
        f"`python3 benchmarks/mujoco_tasks.py` on {' and '.join(sorted(days))}, {cpu()}, "
        f"{' and '.join(sorted(simulators))}. Final policy, mode action, {EPISODES} evaluation episodes a"
        " seed, seeds from 1 on; the presets were tuned on seeds above 100."
        " Published figures: Tianshou's are the highest return that each run reached (ten seeds, v3),"
        " the zoo's are of one run (v3), CleanRL's of three (v4); after a million steps unless they say"
        " otherwise. Seconds are median (largest); of a *busy* row, the machine had other work to"
        " do during some of its runs.",
        "",
        "| environment | algorithm | steps | seeds | mean of seeds | deviation | worst | best "
        "| published | threads | wall s | processor s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(row(e, a, published, results[f"{e}/{a}"]) for e, a, _, published in shown),
        "",
        "## Curves",
        "",
        "Mean return of the last 100 training episodes (with exploration), mean and range of the seeds;"
        " the dashed line is the figure to reach.",
        "",
        *(f"![{e} {a}](../../{figure(e, a)})" for e, a, _, _ in shown if (ROOT / figure(e, a)).exists()),
    ]
    return "\n".join(lines) + "\n"


def save(results: dict) -> None:
    ordered = {name: results[name] for name in NAMES if results.get(name)}
    new = STORE.with_suffix(".new")
    new.write_text(json.dumps(ordered, indent=1) + "\n")
    new.replace(STORE)
    (RESULTS / "mujoco.md").write_text(page(ordered))


def measure(work: tuple, seeds: range, threads: int, results: dict) -> None:
    env, algo, threshold, published = work
    name, now = f"{env}/{algo}", digest(env, algo)
    known = {run["seed"]: run for run in results.get(name, []) if run["preset"] == now}
    for seed in seeds:
        if seed not in known:
            known[seed] = one(env, algo, seed, threads)
            results[name] = [known[s] for s in sorted(known)]
            save(results)
            print(row(env, algo, published, results[name]), flush=True)
    draw(env, algo, threshold, results[name])
    save(results)


def parse_seeds(text: str) -> range:
    first, dots, last = text.partition("..")
    return range(int(first), int(last if dots else first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the presets of the MuJoCo tasks.")
    parser.add_argument("names", nargs="*", metavar="ENV/ALGO", help="works; all unless told otherwise")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=parse_seeds, default=range(1, 11), metavar="A..B")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        sys.exit(f"unknown {', '.join(sorted(unknown))}; expected some of {', '.join(NAMES)}")
    results = json.loads(STORE.read_text()) if STORE.exists() else {}
    for work in WORKS:
        if not options.names or f"{work[0]}/{work[1]}" in options.names:
            measure(work, options.seeds, options.threads, results)


if __name__ == "__main__":
    main()
