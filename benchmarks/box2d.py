#!/usr/bin/env python3
"""Play trained policies of the lander and the walker here and in Gymnasium, and write what they
score on either side to benchmarks/results/box2d.md (and .json).

    python3 benchmarks/box2d.py [--episodes N] RUN...

RUN are directories of finished runs: `gradwerk train LunarLander-v3 --seed 1 --run-dir RUN`. Needs
the Python package of gradwerk and gymnasium[box2d], and target/release/gradwerk or the program that
$GRADWERK names.
"""

import argparse
import functools
import json
import math
import os
import statistics
import subprocess
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import gymnasium
import gradwerk
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("GRADWERK", str(ROOT / "target/release/gradwerk"))
RESULTS = ROOT / "benchmarks/results"


def native(run: str, episodes: int) -> tuple[str, dict]:
    """The environment of a run, and what its policy scores here."""
    command = [PROGRAM, "eval", run, "--episodes", str(episodes), "--json", "--quiet"]
    row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return row["env"], {"mean": row["mean_return"], "std": row["std_return"]}


def episode(env: gymnasium.Env, policy: gradwerk.Policy, seed: int) -> float:
    obs, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        action = np.asarray(policy.predict(obs, deterministic=True))
        action = int(action) if action.ndim == 0 else action.clip(-1.0, 1.0)
        obs, reward, terminated, truncated, _ = env.step(action)
        total, over = total + float(reward), terminated or truncated
    return total


def theirs(env_id: str, run: str, episodes: int) -> dict:
    """What the policy scores in Gymnasium."""
    env, policy = gymnasium.make(env_id), gradwerk.load(run)
    returns = [episode(env, policy, seed) for seed in range(episodes)]
    return {"mean": statistics.fmean(returns), "std": statistics.stdev(returns)}


def compare(run: str, episodes: int) -> dict:
    env_id, ours = native(run, episodes)
    other = theirs(env_id, run, episodes)
    half_width = 1.96 * math.hypot(ours["std"], other["std"]) / math.sqrt(episodes)
    seed = json.loads((Path(run) / "manifest.json").read_text()).get("seed")
    row = {"env": env_id, "seed": seed, "native": ours, "gymnasium": other, "ci95": half_width}
    print(f"{line(row)}", flush=True)
    return row


def line(row: dict) -> str:
    (a, b), half_width = (row["native"]["mean"], row["gymnasium"]["mean"]), row["ci95"]
    return f"| {row['env']} | {row['seed']} | {a:.1f} | {b:.1f} | {b - a:+.1f} +- {half_width:.1f} | {b / a:.3f} |"


def report(rows: list[dict], episodes: int) -> str:
    head = "| | seed | here | in Gymnasium | difference, 95 % | kept |\n|---|---|---|---|---|---|"
    text = f"Mean return of final policies, mode action, {episodes} episodes on either side"
    return "\n".join([f"# Box2D: transfer to Gymnasium\n\n{text}:\n", head, *map(line, rows), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    arguments = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        rows = list(pool.map(functools.partial(compare, episodes=arguments.episodes), arguments.runs))
    (RESULTS / "box2d.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "box2d.md").write_text(report(rows, arguments.episodes))


if __name__ == "__main__":
    main()
