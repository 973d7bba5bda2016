#!/usr/bin/env python3
"""The image games, the grids and the patience: train their presets on seeds 1 to 5, evaluate the
final policies, and set their scores beside random play and beside a rule of thumb.

    cargo build --release && cargo build --release -p gradwerk-env --example scores
    python3 benchmarks/games.py [NAME ...]

writes benchmarks/results/games.md (and .json) and the learning curves docs/figures/games-bricks.png
and so on. Environments that are not named keep their last results.

One run at a time on two threads, so that wall-clock times mean something. The presets were tuned on
seeds above 100.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from scores import EPISODES, RESULTS, ROOT, THREADS, cpu, gradwerk_text, one, time_to

SCORES = ROOT / "target/release/examples/scores"
FIGURES = "docs/figures"
SEEDS = range(1, 6)
ENVS = [
    "games/bricks", "games/collector", "games/crossing", "games/shooter", "games/bricks-pixels",
    "grid/empty-8", "grid/door-key-5", "grid/door-key-8", "grid/four-rooms-11", "cards/pyramid",
]
# The brick breaker shall earn this many times what random play does, within so many seconds.
TIMES_RANDOM, WITHIN_S = 10, 60


def baselines(env: str) -> dict:
    """Mean returns of random actions and of the rule. What one sees does not matter to them."""
    command = [str(SCORES), str(EPISODES), env.removesuffix("-pixels")]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"random +(\S+) .* rule +(\S+)", text)
    if found is None:
        sys.exit(f"{' '.join(command)}: no scores in {text!r}")
    return {"random": float(found[1]), "rule": float(found[2])}


def figure(env: str) -> str:
    """Where the curves are, from the root of the repository."""
    return f"{FIGURES}/{env.replace('/', '-')}.png"


def draw(env: str, rule: float, runs: list[Path]) -> None:
    file = str(ROOT / figure(env))
    gradwerk_text("plot", *map(str, runs), "--threshold", str(rule), "-o", file)


def measure(env: str) -> dict:
    known = baselines(env)
    with tempfile.TemporaryDirectory() as folder:
        goal = TIMES_RANDOM * known["random"]
        runs = [one(env, "ppo", seed, goal, Path(folder)) for seed in SEEDS]
        folders = sorted(Path(folder).iterdir())
        beyond = [time_to(known["rule"], run) for run in folders]
        draw(env, known["rule"], folders)
    for run, reached in zip(runs, beyond):
        run["rule_s"] = reached[0] if reached else None
    return {"date": str(date.today()), **known, "runs": runs}


def reached(runs: list[dict], key: str) -> str:
    """Median of the seconds, and how many runs got there."""
    times = sorted(run[key] for run in runs if run[key] is not None)
    return f"{statistics.median(times):.1f} ({len(times)}/{len(runs)})" if times else "-"


def row(env: str, result: dict) -> str:
    runs = result["runs"]
    scores = [run["mean_return"] for run in runs]
    walls = [run["wall_s"] for run in runs]
    rate = statistics.median(run["steps"] / run["wall_s"] for run in runs)
    return (
        f"| {env} | {statistics.mean(scores):.2f} | {min(scores):.2f} | {result['random']:.2f} "
        f"| {result['rule']:.2f} | {runs[0]['steps']:,} | {statistics.median(walls):.1f} "
        f"({max(walls):.1f}) | {rate:,.0f} | {reached(runs, 'solved_s')} "
        f"| {reached(runs, 'rule_s')} |"
    )


def verdict(result: dict) -> str:
    """Whether every seed of the brick breaker did what it shall do."""
    factor = min(run["mean_return"] for run in result["runs"]) / result["random"]
    longest = max(run["wall_s"] for run in result["runs"])
    return (
        f"games/bricks: the worst seed's final policy earns {factor:.0f} times what random play"
        f" earns, after {longest:.1f} s at most (goal: {TIMES_RANDOM} times within {WITHIN_S} s)."
    )


def page(results: dict) -> str:
    dates = sorted({result["date"] for result in results.values()})
    lines = [
        "# The games",
        "",
        f"`python3 benchmarks/games.py` on {' to '.join(dates)}, {cpu()}, {THREADS} threads. The ppo"
        f" presets, seeds {SEEDS[0]} to {SEEDS[-1]}, final policy, mode action, {EPISODES:,} evaluation"
        " episodes a seed. Random play draws from the possible actions; the rules of thumb see what a"
        " policy sees, of games/bricks-pixels the channels of games/bricks"
        " (`cargo run --release -p gradwerk-env --example scores`). The last two columns are seconds of"
        f" training until the last 100 training episodes average {TIMES_RANDOM} times random play, and"
        " the rule: medians of the seeds that got there, and how many.",
        "",
        "| environment | mean of seeds | worst seed | random | rule | steps | wall s: median (max) "
        f"| steps/s | {TIMES_RANDOM} x random, s | rule, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(row(env, results[env]) for env in ENVS if env in results),
    ]
    if "games/bricks" in results:
        lines += ["", verdict(results["games/bricks"])]
    lines += ["", "## Curves", "", "Mean return of the last 100 training episodes, mean and range of"
              " the seeds; the dashed line is the rule of thumb.", ""]
    lines += [f"![{env}](../../{figure(env)})" for env in ENVS if env in results]
    return "\n".join(lines) + "\n"


def main() -> None:
    wanted = sys.argv[1:] or ENVS
    if unknown := set(wanted) - set(ENVS):
        sys.exit(f"unknown {', '.join(unknown)}; expected some of {', '.join(ENVS)}")
    store = RESULTS / "games.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    for env in (env for env in ENVS if env in wanted):
        results[env] = measure(env)
        print(row(env, results[env]), flush=True)
        ordered = {env: results[env] for env in ENVS if env in results}
        store.write_text(json.dumps(ordered, indent=1) + "\n")
        (RESULTS / "games.md").write_text(page(ordered))


if __name__ == "__main__":
    main()
