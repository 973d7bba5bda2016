#!/usr/bin/env python3
"""gradwerk and its peers on the same work in the same run, alternately; medians and ratios.

    cargo build --release && python3 benchmarks/peers/compare.py [--repeats N] [--seconds S] [ROW ...]

Installs the peers from PyPI into target/peers-venv on its first run (several gigabytes: PyTorch).
Writes benchmarks/results/peers.json after every row, and peers.md at the end; rows that are not
named are left as they were, and with --resume so are rows measured today (after an interruption).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GRADWERK = ROOT / "target/release/gradwerk"
VENV = ROOT / "target/peers-venv"
RESULTS = ROOT / "benchmarks/results"

# Name of gradwerk's work, the same work in numbers, the peers that can do it.
TRAIN = {
    "train/cartpole-8x128": (
        {"env": "CartPole-v1", "algo": "ppo", "num_envs": 8, "steps": 128, "minibatch": 256,
         "epochs": 4}, ("sb3", "rejax")),
    "train/cartpole-1024x32": (
        {"env": "CartPole-v1", "algo": "ppo", "num_envs": 1024, "steps": 32, "minibatch": 4096,
         "epochs": 4}, ("rejax",)),
    "train/cartpole-a2c-8x5": (
        {"env": "CartPole-v1", "algo": "a2c", "num_envs": 8, "steps": 5}, ("sb3",)),
    "train/pendulum-1x2048": (
        {"env": "Pendulum-v1", "algo": "ppo", "num_envs": 1, "steps": 2048, "minibatch": 64,
         "epochs": 10}, ("sb3", "rejax")),
    "train/pendulum-256x64": (
        {"env": "Pendulum-v1", "algo": "ppo", "num_envs": 256, "steps": 64, "minibatch": 4096,
         "epochs": 4}, ("rejax",)),
    "train/cartpole-gru-64x128": (
        {"env": "CartPole-v1", "algo": "recurrent-ppo", "num_envs": 64, "steps": 128,
         "minibatch": 2048, "epochs": 4, "units": 64}, ("sb3",)),
    "train/pendulum-4x1024": (
        {"env": "Pendulum-v1", "algo": "ppo", "num_envs": 4, "steps": 1024, "minibatch": 256,
         "epochs": 2, "activation": "relu"}, ("rejax",)),
    # Images that cost nothing (bars.py); policy and value function share all layers but the last.
    "train/grids-10x10x4": (
        {"env": "bars", "channels": 4, "side": 10, "network": "small-cnn", "algo": "ppo",
         "num_envs": 64, "steps": 64, "minibatch": 512, "epochs": 4}, ("sb3",)),
    "train/grids-10x10x10": (
        {"env": "bars", "channels": 10, "side": 10, "network": "small-cnn", "algo": "ppo",
         "num_envs": 64, "steps": 64, "minibatch": 512, "epochs": 4}, ("sb3",)),
    "train/images-84x84x4": (
        {"env": "bars", "channels": 4, "side": 84, "network": "nature-cnn", "algo": "ppo",
         "num_envs": 8, "steps": 128, "minibatch": 256, "epochs": 4}, ("sb3",)),
}
ENV = {f"env/{name}": (name, ("gymnax", "envpool"))
       for name in ("CartPole-v1", "Pendulum-v1", "Acrobot-v1")}
# Mean return of the last 100 training episodes that counts as solved.
SOLVE = {
    "solve/CartPole-v1": 475.0,
    "solve/Pendulum-v1": -200.0,
    "solve/Acrobot-v1": -85.0,
    "solve/MountainCarContinuous-v0": 90.0,
}
SEEDS = range(1, 11)
SCRIPTS = {"sb3": "sb3.py", "rejax": "rejax_ppo.py", "gymnax": "gymnax_env.py",
           "envpool": "envpool_env.py"}
NOT_RUN = """
## Not run here

These peers are not on PyPI, or need a compiler there. Measured by hand before, on a two-core
Zen 3 machine (PufferLib 3.0.0, RLtools of 2026-02 with OpenBLAS, PureJaxRL on jax 0.10.2), medians:

| work | peer | steps/s |
|---|---|---|
| train/cartpole-8x128 | PureJaxRL, 1 / 2 cores | 97 k / 99 k |
| train/cartpole-1024x32 | PureJaxRL, 1 core | 121 k |
| train/pendulum-1x2048 | RLtools, 1 core | 50 k |
| train/pendulum-256x64 | RLtools, 1 core | 144 k |
| train/pendulum-4x1024 | RLtools, 1 core | 278 k |
| env/CartPole-v1 | PufferLib's C | 26.7 M |

Seconds from process start to the same thresholds, medians: CartPole-v1 15.4 (PureJaxRL, 3.0 of it
training, 5 of 5 seeds), 35.8 (Stable-Baselines3); Pendulum-v1 0.66 to 0.80 (RLtools, 9 of 10 and 4
of 5 seeds), 86.5 (Stable-Baselines3, 3 of 4)."""


def install() -> None:
    wanted = (HERE / "requirements.txt").read_text()
    stamp = VENV / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    requirements = str(HERE / "requirements.txt")
    subprocess.run([VENV / "bin/pip", "install", "-q", "-r", requirements], check=True)
    stamp.write_text(wanted)


def peer(name: str, work: object, threads: int, seconds: float) -> dict:
    text = work if isinstance(work, str) else json.dumps(work)
    command = [VENV / "bin/python", HERE / SCRIPTS[name], text, str(threads), str(seconds)]
    # Compiled programs are kept, so that only the first repeat compiles.
    cache = {"JAX_COMPILATION_CACHE_DIR": str(VENV / "jax-cache"),
             "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **cache})
    if done.returncode != 0:
        sys.exit(f"{name} failed on {text}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def gradwerk(work: str, threads: int, seconds: float) -> dict:
    command = [GRADWERK, "bench", work, "--threads", str(threads), "--seconds", str(seconds),
               "--repeats", "1", "--json", "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    return {"steps_per_s": result["works"][0]["median"],
            "peak_memory_mb": result["peak_memory_mb"]}


def alternately(work: str, task: object, peers: tuple, threads: int, options) -> dict:
    """One measurement of each in turn, so that a busy machine is busy for all."""
    programs = {name: [] for name in ("gradwerk", *peers)}
    for _ in range(options.repeats):
        programs["gradwerk"].append(gradwerk(work, threads, options.seconds))
        for name in peers:
            programs[name].append(peer(name, task, threads, options.seconds))
    return programs


def solve(env: str, threshold: float) -> list:
    """A run per seed, each a process of its own, whose start its seconds count from."""
    runs = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            command = [GRADWERK, "train", env, "--seed", str(seed), "--until", str(threshold),
                       "--json", "--quiet", "--run-dir", f"{folder}/run"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                text = process.stdout.read()
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"gradwerk train {env} --seed {seed} failed")
        result = json.loads(text)
        runs.append({"seed": seed, "solved_at_s": result["solved_at_s"],
                     "solved_at_steps": result["solved_at_steps"],
                     "peak_memory_mb": usage.ru_maxrss / 1024})
    return runs


def short(x: float) -> str:
    return f"{x / 1e6:.2f} M" if x >= 1e6 else f"{x / 1e3:.1f} k"


def cell(values: list, form) -> str:
    return f"{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})"


def memory(runs: list) -> str:
    known = [run["peak_memory_mb"] for run in runs if run.get("peak_memory_mb")]
    return f"{max(known):.0f}" if known else "-"


def rate_lines(rows: dict) -> list:
    lines = []
    for key, row in rows.items():
        work, threads = key.rsplit(" @", 1)
        rates = {name: [run["steps_per_s"] for run in runs]
                 for name, runs in row["programs"].items()}
        own = rates["gradwerk"]
        for name in list(rates)[1:]:
            ratio = statistics.median(own) / statistics.median(rates[name])
            programs = row["programs"]
            lines.append(f"| {work} | {threads} | {cell(own, short)} | {name} "
                         f"| {cell(rates[name], short)} | {ratio:.1f} "
                         f"| {memory(programs['gradwerk'])} / {memory(programs[name])} |")
    return lines


def solve_lines(rows: dict) -> list:
    lines = []
    for key, row in rows.items():
        runs = row["programs"]["gradwerk"]
        seconds = [run["solved_at_s"] for run in runs if run["solved_at_s"] is not None]
        steps = [run["solved_at_steps"] for run in runs if run["solved_at_s"] is not None]
        times = cell(seconds, lambda x: f"{x:.2f}") if seconds else "-"
        median = f"{statistics.median(steps):,.0f}" if steps else "-"
        env = key.split("/", 1)[1].split(" @")[0]
        lines.append(f"| {env} | {SOLVE[f'solve/{env}']:g} | {times} | {median} "
                     f"| {len(seconds)} of {len(runs)} | {memory(runs)} |")
    return lines


def versions() -> str:
    names = ("stable-baselines3", "torch", "rejax", "jax", "gymnax", "envpool", "gymnasium",
             "numpy")
    code = ("import importlib.metadata as m\n"
            f"print(', '.join(f'{{n}} {{m.version(n)}}' for n in {names}))")
    done = subprocess.run([VENV / "bin/python", "-c", code], check=True, capture_output=True,
                          text=True)
    own = subprocess.run([GRADWERK, "--version"], check=True, capture_output=True, text=True)
    return f"{own.stdout.strip()}, {done.stdout.strip()}"


def machine() -> str:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.processor())
    return f"{cpu}, {os.cpu_count()} cores"


def page(results: dict) -> str:
    rows = results["rows"]
    rates = {key: row for key, row in rows.items() if not key.startswith("solve/")}
    solved = {key: row for key, row in rows.items() if key.startswith("solve/")}
    dates = sorted({row["date"] for row in rows.values()})
    repeats = sorted({len(row["programs"]["gradwerk"]) for row in rates.values()})
    return "\n".join([
        "# gradwerk beside its peers",
        "",
        f"`python3 benchmarks/peers/compare.py` on {' to '.join(dates)}, {results['machine']};"
        f" {results['versions']}. The programs run alternately on the same work"
        f" ({' or '.join(map(str, repeats))} times each); medians with minimum and maximum,"
        " compilation and imports not counted; ratio of medians; the largest memory of gradwerk and"
        " of the peer in MB. Works: `gradwerk bench --list`.",
        "",
        "| work | threads | gradwerk, steps/s | peer | steps/s | ratio | memory |",
        "|---|---|---|---|---|---|---|",
        *rate_lines(rates),
        "",
        "## Time to solve",
        "",
        "Seconds from the start of the process until the mean return of the last 100 training"
        f" episodes is the threshold: the shipped preset, `gradwerk train ENV --until R`, seeds"
        f" {SEEDS[0]} to {SEEDS[-1]}, all cores; medians with minimum and maximum.",
        "",
        "| environment | threshold | seconds | steps | solved | memory, MB |",
        "|---|---|---|---|---|---|",
        *solve_lines(solved),
        NOT_RUN,
        "",
    ])


def measurements(options) -> dict:
    """A row's name and how to measure it, in the order of the table."""
    rows = {}
    for work, (task, peers) in TRAIN.items():
        for threads in (1, 2):
            rows[f"{work} @{threads}"] = (
                lambda work=work, task=task, peers=peers, threads=threads:
                alternately(work, task, peers, threads, options))
    for work, (task, peers) in ENV.items():
        rows[f"{work} @1"] = (lambda work=work, task=task, peers=peers:
                              alternately(work, task, peers, 1, options))
    for work, threshold in SOLVE.items():
        rows[f"{work} @{os.cpu_count()}"] = (
            lambda env=work.split("/", 1)[1], threshold=threshold:
            {"gradwerk": solve(env, threshold)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [*TRAIN, *ENV, *SOLVE]
    parser.add_argument("rows", nargs="*", help=f"some of {', '.join(known)}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--resume", action="store_true", help="keep rows measured today")
    options = parser.parse_args()
    unknown = set(options.rows) - set(known)
    if unknown:
        parser.error(f"unknown rows {', '.join(unknown)}; expected some of {', '.join(known)}")
    install()
    store, today = RESULTS / "peers.json", str(date.today())
    results = json.loads(store.read_text()) if store.exists() else {"rows": {}}
    todo = measurements(options)
    results["rows"] = {key: row for key, row in results["rows"].items() if key in todo}
    results |= {"machine": machine(), "versions": versions()}
    for key, measure in todo.items():
        named = not options.rows or key.rsplit(" @", 1)[0] in options.rows
        done = options.resume and results["rows"].get(key, {}).get("date") == today
        if named and not done:
            results["rows"][key] = {"date": today, "programs": measure()}
            lines = solve_lines if key.startswith("solve/") else rate_lines
            print("\n".join(lines({key: results["rows"][key]})), flush=True)
            results["rows"] = {k: results["rows"][k] for k in todo if k in results["rows"]}
            store.write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "peers.md").write_text(page(results))


if __name__ == "__main__":
    main()
