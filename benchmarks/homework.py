#!/usr/bin/env python3
"""The lecture's homework on CartPole: small and large batches, total return against reward-to-go,
baselines, normalised advantages; and what each switch does to the variance of the gradient.

    cargo build --release && python3 benchmarks/homework.py [learning] [variance] [exact]

writes benchmarks/results/homework.md (and .json) and docs/figures/homework-*.svg. Without
arguments all three parts run; a part that is not named keeps its last results.

Episodes are whole, so that every variant is the estimator that `gradwerk verify` judges: a small
batch is 5 episodes (1,000 steps once they last 200), a large one 25 (5,000). All variants of one
table have the same learning rate, network, discount and number of steps; no gradient is clipped.
"""

import json
import statistics
import sys
import tempfile
from datetime import date
from pathlib import Path

from scores import RESULTS, ROOT, cpu, gradwerk, gradwerk_text

FIGURES = ROOT / "docs/figures"
SEEDS = range(1, 6)
EPISODES = 100
BATCHES = {"small": 5, "large": 25}
# Steps until an episode is cut, and steps of a run per batch: the homework's 100 batches.
LIMITS = {200: {"small": 100_000, "large": 500_000}, 500: {"small": 250_000, "large": 1_250_000}}
# CartPole-v0, which is CartPole-v1 with a limit of 200, counts as solved there.
SOLVED = 195
# The learning rate of the course's script, to 0 at the end so that the last policy is no accident.
COMMON = {
    "preset": "none",
    "gamma": "1",
    "lr": '{ start = 5e-3, end = 0.0, schedule = "linear" }',
    "max_grad_norm": "0",
    "env.num_envs": "5",
    "diagnose.every": "1",
}

# The homework's switches, then what the lecture adds. The course calls the first three
# no_rtg_dsa, rtg_dsa and rtg_na.
VARIANTS = {
    "total return": ("total-return", "none", "none"),
    "reward-to-go": ("reward-to-go", "none", "none"),
    "reward-to-go, normalised": ("reward-to-go", "none", "batch"),
    "total return, normalised": ("total-return", "none", "batch"),
    "total return, leave-one-out": ("total-return", "leave-one-out", "none"),
    "reward-to-go, leave-one-out": ("reward-to-go", "leave-one-out", "none"),
    "reward-to-go, time-step": ("reward-to-go", "time-step", "none"),
    "reward-to-go, value": ("reward-to-go", "value", "none"),
}
VALUE = {"normalize.value_targets": "true"}
FIGURE = {
    "causality": ("estimator.kind", ["total return", "reward-to-go"]),
    "normalisation": ("estimator.normalize", ["reward-to-go", "reward-to-go, normalised"]),
    "baselines": (
        "estimator.baseline",
        [name for name, v in VARIANTS.items() if v[0] == "reward-to-go" and v[2] == "none"],
    ),
}

# Rows of `gradwerk verify`: a problem and its discount, and the switches in the words of its rows.
EXACT_PROBLEMS = ["one-state probability gamma=1", "fork softmax-table gamma=1",
                  "chain-2 softmax-table gamma=0.9", "tiger-3 softmax-table gamma=0.95"]
EXACT_ROWS = {
    "total return": "total-return none",
    "total return, batch mean": "total-return batch-mean",
    "total return, leave-one-out": "total-return leave-one-out",
    "reward-to-go": "reward-to-go none",
    "reward-to-go, leave-one-out": "reward-to-go leave-one-out",
    "reward-to-go, time-step": "reward-to-go time-step",
    "reward-to-go, value": "reward-to-go value",
    "reward-to-go, normalised": "reward-to-go none normalize=batch",
}


def settings(variant: str, limit: int, batch: str) -> dict[str, str]:
    kind, baseline, normalize = VARIANTS[variant]
    return {
        **COMMON,
        **(VALUE if baseline == "value" else {}),
        "env.time_limit": str(limit),
        "rollout.episodes": str(BATCHES[batch]),
        "estimator.kind": kind,
        "estimator.baseline": baseline,
        "estimator.normalize": normalize,
    }


def flags(values: dict[str, str]) -> list[str]:
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def train(values: dict[str, str], *more: str) -> dict:
    return gradwerk("train", "CartPole-v1", "--algo", "reinforce", *flags(values), *more)


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def median(values) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


# --- learning -----------------------------------------------------------------------------------


def learn(variant: str, limit: int, batch: str, folder: Path) -> dict:
    """Five seeds: the final policies, and the gradient's quality on the way."""
    run_dir = folder / f"{limit}-{batch}" / variant.replace(", ", "-").replace(" ", "-")
    seeds = ["--seeds", f"{SEEDS[0]}..{SEEDS[-1]}", "--run-dir", str(run_dir)]
    steps = ["--steps", str(LIMITS[limit][batch])]
    trained = train(settings(variant, limit, batch), *seeds, *steps)
    runs = []
    for run in sorted(trained["runs"], key=lambda run: run["seed"]):
        rows = metrics(Path(run["run_dir"]))
        played = gradwerk("eval", run["run_dir"], "--episodes", str(EPISODES), "--seed", "0")
        runs.append({
            "seed": run["seed"],
            "mean_return": played["mean_return"],
            "training_return": run["mean_return_100"],
            "mean_of_curve": statistics.mean(
                row["mean_return_100"] for row in rows if "mean_return_100" in row),
            "steps": run["steps"],
            "updates": run["updates"],
            "gradient_snr": median(row.get("gradient_snr") for row in rows),
            "baseline_removed": median(row.get("baseline_removed") for row in rows),
            "params_sha256": run["params_sha256"],
        })
    return {"wall_s": trained["wall_s"], "runs": runs, "run_dirs": str(run_dir)}


def learning(folder: Path) -> dict:
    results = {}
    for limit in LIMITS:
        for batch in BATCHES:
            for variant in VARIANTS:
                result = results[f"{limit}/{batch}/{variant}"] = learn(variant, limit, batch, folder)
                print(learning_row(variant, result), flush=True)
    draw(results)
    for result in results.values():
        del result["run_dirs"]
    return results


def draw(results: dict) -> None:
    FIGURES.mkdir(exist_ok=True)
    for name, (setting, variants) in FIGURE.items():
        for batch in BATCHES:
            folders = [Path(results[f"200/{batch}/{v}"]["run_dirs"]) for v in variants]
            runs = [str(run) for folder in folders for run in sorted(folder.glob("s*"))]
            file = FIGURES / f"homework-{name}-{batch}.svg"
            gradwerk_text("plot", *runs, "--by", setting, "--threshold", str(SOLVED), "-o", str(file))


def learning_row(variant: str, result: dict) -> str:
    runs = result["runs"]
    mean = lambda key: statistics.mean(run[key] for run in runs)
    snr = median(run["gradient_snr"] for run in runs)
    return (
        f"| {variant} | {mean('mean_return'):.1f} | {min(r['mean_return'] for r in runs):.1f} "
        f"| {mean('training_return'):.1f} | {mean('mean_of_curve'):.1f} "
        f"| {'-' if snr is None else f'{snr:.2f}'} |"
    )


# --- variance at a fixed policy -----------------------------------------------------------------

HALF_TRAINED = 100
ROLLOUT_STEPS = 2_000_000


def still_variants() -> list[str]:
    """Those with one and the same mean. The value function's running moments would move."""
    return [name for name, v in VARIANTS.items() if v[1] != "value" and v[2] == "none"]


def variance(folder: Path) -> dict:
    """Squared norms of gradients of one half-trained policy that does not move.

    All these variants have the same mean G = grad J, so that E|g|^2 = |G|^2 + tr Cov(g), and
    differences are differences in variance.
    """
    start = folder / "half-trained"
    teacher = settings("reward-to-go, value", 200, "large") | {"lr": "5e-3"}
    begun = train(teacher, "--seed", "1", "--until", str(HALF_TRAINED), "--run-dir", str(start))
    # So small a step changes no bit of a parameter: the hash below says so.
    still = {"lr": "1e-30", "optimizer.kind": "sgd", **VALUE}
    results = {"start_return": begun["mean_return_100"], "variants": {}}
    hashes = set()
    for variant in still_variants():
        squares = {}
        for batch, n in BATCHES.items():
            run = folder / f"still-{variant}-{batch}"
            more = ["--seed", "2", "--steps", str(ROLLOUT_STEPS), "--init", str(start)]
            done = train(settings(variant, 200, batch) | still, *more, "--run-dir", str(run))
            hashes.add(done["params_sha256"])
            norms = [row["grad_norm"] ** 2 for row in metrics(run)]
            error = statistics.stdev(norms) / len(norms) ** 0.5
            squares[n] = {"mean_square": statistics.mean(norms), "error": error, "batches": len(norms)}
        results["variants"][variant] = squares
        print(variant, squares, flush=True)
    assert len(hashes) == 1, "the policy moved"
    return results


def variance_lines(results: dict) -> list[str]:
    few, many = (str(n) for n in BATCHES.values())
    whole = results["variants"]["total return"]
    lines = [f"| variant | N = {few} | N = {many} | share of total return, N = {many} |", "|---|---|---|---|"]
    for variant in still_variants():
        found = results["variants"][variant]
        cells = [f"{found[n]['mean_square']:,.0f} +- {1.96 * found[n]['error']:,.0f}" for n in (few, many)]
        share = 100 * found[many]["mean_square"] / whole[many]["mean_square"]
        lines.append(f"| {variant} | {cells[0]} | {cells[1]} | {share:.1f} % |")
    return lines


# --- exact variances ----------------------------------------------------------------------------


def exact(folder: Path) -> dict:
    """Variances and biases of the switches, computed over all batches."""
    FIGURES.mkdir(exist_ok=True)
    report = folder / "verify.json"
    found = gradwerk("verify", "--filter", "fork softmax-table gamma=1", "--batches", "1,2,4,8")
    report.write_text(json.dumps(found))
    gradwerk_text("plot", "--verify", str(report), "--filter", "gamma=1 total-return", "-o",
                  str(FIGURES / "variance-total-return.svg"))
    gradwerk_text("plot", "--verify", str(report), "--filter", "gamma=1 reward-to-go", "-o",
                  str(FIGURES / "variance-reward-to-go.svg"))
    results = {}
    for problem in EXACT_PROBLEMS:
        rows = {row["name"]: row for row in gradwerk("verify", "--filter", problem)["rows"]}
        discounted = "" if problem.endswith("=1") else " from-start"
        for name, words in EXACT_ROWS.items():
            words = words.split(" normalize")
            counted = "" if words[0].startswith("total") else discounted
            normalize = f" normalize{words[1]}" if len(words) > 1 else ""
            row = rows.get(f"{problem} {words[0]}{counted}{normalize}")
            if row is not None:
                results.setdefault(problem, {})[name] = row["batches"]
    return results


def exact_lines(results: dict) -> list[str]:
    lines = ["| problem | variant | relative bias at each N | variance at each N |", "|---|---|---|---|"]
    for problem, rows in results.items():
        for name, batches in rows.items():
            biases = " ".join("0" if b["bias"] < 1e-10 else f"{b['bias']:.2f}" for b in batches)
            variances = " ".join(f"{b['variance']:.4f}" for b in batches)
            lines.append(f"| {problem} | {name} | {biases} | {variances} |")
    return lines


# --- the page -----------------------------------------------------------------------------------


def learning_page(results: dict) -> list[str]:
    lines = [
        "## Learning",
        "",
        f"CartPole-v1, seeds {SEEDS[0]} to {SEEDS[-1]}. *Final*: mode action of the last policy,"
        f" {EPISODES} episodes a seed. *Training*: last 100 episodes, sampled actions. *Curve*: mean of the"
        " learning curve, which is higher the sooner a variant learns. *Signal to noise*: median of"
        " `gradient_snr` over the run ([diagnostics](../../docs/diagnostics.md)). It compares chunks of rows"
        " in the order of time, so that what early and late steps differ by counts as noise: reward-to-go"
        " without a baseline per step looks worse than it is. The variances below have no such flaw.",
    ]
    for limit in LIMITS:
        for batch, n in BATCHES.items():
            steps = LIMITS[limit][batch]
            lines += [
                "",
                f"Limit {limit}, {batch} batches ({n} episodes), {steps:,} steps:",
                "",
                "| variant | final, mean of seeds | final, worst seed | training | curve | signal to noise |",
                "|---|---|---|---|---|---|",
            ]
            lines += [learning_row(v, results[f"{limit}/{batch}/{v}"]) for v in VARIANTS]
    figures = [f"[{name}, {batch}](../../docs/figures/homework-{name}-{batch}.svg)"
               for name in FIGURE for batch in BATCHES]
    return lines + [
        "",
        "Figures, drawn by `gradwerk plot RUN... --by SETTING --threshold 195 -o FILE` from the runs with"
        f" limit 200: {', '.join(figures)}.",
    ]


def variance_page(results: dict) -> list[str]:
    return [
        "## Variance of the gradient on CartPole",
        "",
        f"One policy (mean return {results['start_return']:.0f} of its last 100 training episodes when it was"
        " stopped) that does not move: `--init` and a learning rate of 1e-30, which changes no bit; the hashes"
        f" of the parameters are compared. {ROLLOUT_STEPS:,} steps per cell. The cells are the mean of"
        " `grad_norm` squared, `E|g|^2 = |grad J|^2 + tr Cov(g)`. All these variants have the same mean"
        " `grad J`, so that differences are differences in variance, and the smallest cell bounds"
        " `|grad J|^2`. `+-` is a 95 % interval. Normalised advantages have another mean and are left out;"
        " so is the learned value, whose running moments would not stand still.",
        "",
        *variance_lines(results),
    ]


def exact_page(results: dict) -> list[str]:
    return [
        "## Variance of the gradient, exactly",
        "",
        "`gradwerk verify --filter PROBLEM --json`: sums over all batches of trajectories, no samples"
        " ([verify](../../docs/verify.md)), at N = 1, 2, 4 as far as they are few enough. The learned"
        " value is an arbitrary one here: any is unbiased, and a bad one may raise the variance. Figures:"
        " [total return](../../docs/figures/variance-total-return.svg),"
        " [reward-to-go](../../docs/figures/variance-reward-to-go.svg), by"
        " `gradwerk verify --filter \"fork softmax-table gamma=1\" --batches 1,2,4,8 --json > report.json`"
        " and `gradwerk plot --verify report.json --filter \"gamma=1 reward-to-go\" -o FILE`.",
        "",
        *exact_lines(results),
    ]


def page(results: dict) -> str:
    lines = [
        "# The homework: what each switch does",
        "",
        f"`python3 benchmarks/homework.py` on {results['date']}, {results['cpu']}, two cores. The script says"
        " what every number is. A small batch is 5 whole episodes, a large one 25; all variants have"
        " the learning rate 5e-3, annealed to 0, discount 1, two hidden layers of 64 (tanh), Adam.",
    ]
    for part, (_, write) in PARTS.items():
        lines += ["", *write(results[part])] if part in results else []
    return "\n".join(lines) + "\n"


PARTS = {
    "learning": (learning, learning_page),
    "variance": (variance, variance_page),
    "exact": (exact, exact_page),
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"unknown part {', '.join(sorted(unknown))}; expected some of {', '.join(PARTS)}")
    store = RESULTS / "homework.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    results |= {"date": str(date.today()), "cpu": cpu()}
    with tempfile.TemporaryDirectory() as folder:
        for part in wanted:
            # Through JSON, so that keys are texts as in the file.
            results[part] = json.loads(json.dumps(PARTS[part][0](Path(folder))))
    store.write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "homework.md").write_text(page(results))


if __name__ == "__main__":
    main()
