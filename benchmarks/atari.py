#!/usr/bin/env python3
"""Atari games: train their presets from Python, play whole games with the final policies, and write
what they score to benchmarks/results/atari.md (and .json), with the learning curves.

    python3 benchmarks/atari.py [--seed N] [--threads N] [GAME ...]

in an environment with gradwerk[atari]; target/release/gradwerk draws the curves. A run that is there
already (runs/benchmark-atari) is not done again.
"""

import argparse
import json
import statistics
import sys
import warnings
from datetime import date
from pathlib import Path

import gradwerk as gw
from scores import RESULTS, ROOT, cpu, gradwerk_text, time_to

EPISODES = 100
RUNS = ROOT / "runs/benchmark-atari"
STORE = RESULTS / "atari.json"

# What to reach, and who published what.
GAMES = {"ALE/Pong-v5": (18, "CleanRL 20.4 (10 M, 281 minutes)")}


def folder(game: str, seed: int) -> Path:
    return RUNS / f"{game.replace('/', '-')}-ppo-{seed}"


def figure(game: str) -> str:
    return f"docs/figures/atari-{game.removeprefix('ALE/')}.png"


def updates(run: Path) -> list[dict]:
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row for row in rows if row.get("mean_return_100") is not None]


def trained(game: str, seed: int, threads: int) -> Path:
    run = folder(game, seed)
    if not (run / "curve.svg").exists():  # the last that a run writes
        gw.train(game, seed=seed, threads=threads, run_dir=run)
    return run


def measure(game: str, seed: int, threads: int) -> dict:
    run = trained(game, seed, threads)
    rows, manifest = updates(run), json.loads((run / "manifest.json").read_text())
    first = time_to(GAMES[game][0], run)
    played = {mode: gw.evaluate(run, episodes=EPISODES, deterministic=mode == "mode") for mode in ("mode", "samples")}
    gradwerk_text("plot", str(run), "--threshold", str(GAMES[game][0]), "-o", str(ROOT / figure(game)))
    return {
        "seed": seed,
        "steps": rows[-1]["steps"],
        "wall_s": rows[-1]["wall_s"],
        "steps_per_s": statistics.median(speeds(rows)),
        "reached": first and {"wall_s": first[0], "steps": first[1]},
        "mean_return_100": rows[-1]["mean_return_100"],
        "played": {mode: result["mean_return"] for mode, result in played.items()},
        "threads": manifest["threads"],
        "simulator": manifest["simulator"],
        "date": str(date.today()),
    }


def speeds(rows: list[dict]) -> list[float]:
    """Steps per second, update by update."""
    pairs = zip(rows, rows[1:])
    return [(b["steps"] - a["steps"]) / (b["wall_s"] - a["wall_s"]) for a, b in pairs]


def line(game: str, row: dict) -> str:
    goal, published = GAMES[game]
    first = row["reached"]
    when = f"{first['steps'] / 1e6:.2f} M, {first['wall_s'] / 60:.0f} min" if first else "no"
    return (
        f"| {game} | {row['seed']} | {row['steps'] / 1e6:.1f} M | {row['mean_return_100']:.1f} "
        f"| {row['played']['mode']:.1f} | {row['played']['samples']:.1f} | {goal}: {when} "
        f"| {row['steps_per_s']:.0f} | {row['wall_s'] / 60:.0f} | {row['threads']} | {published} |"
    )


def page(results: dict) -> str:
    rows = list(results.values())
    days, simulators = (" and ".join(sorted({row[key] for row in rows})) for key in ("date", "simulator"))
    return "\n".join([
        "# Atari games",
        "",
        f"`python3 benchmarks/atari.py` on {days}, {cpu()}, {simulators}. Training: mean of the last 100 games"
        f" with exploration; then the final policy in {EPISODES} whole games, by its mode and by its samples."
        " Reached is the first mean of 100 training games. Speed is the median of the updates; the minutes"
        " are those of the wall clock.",
        "",
        "| game | seed | steps | training | mode | samples | reached | steps/s | minutes | threads | published |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(line(game, row) for game, row in results.items()),
        "",
        *(f"![{game}](../../{figure(game)})" for game in results),
        "",
    ])


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the presets of Atari games.")
    parser.add_argument("games", nargs="*", metavar="GAME", default=list(GAMES))
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if unknown := set(options.games) - set(GAMES):
        sys.exit(f"unknown {', '.join(sorted(unknown))}; expected some of {', '.join(GAMES)}")
    warnings.simplefilter("ignore")
    results = json.loads(STORE.read_text()) if STORE.exists() else {}
    for game in options.games:
        results[game] = measure(game, options.seed, options.threads)
        STORE.write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "atari.md").write_text(page(results))
        print(line(game, results[game]), flush=True)


if __name__ == "__main__":
    main()
