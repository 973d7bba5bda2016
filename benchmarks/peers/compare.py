#!/usr/bin/env python3
"""gradwerk and its peers on the same work in the same run, alternately; medians and ratios.

    cargo build --release && python3 benchmarks/peers/compare.py [--repeats N] [--seconds S] [WORK ...]

Installs the peers from PyPI into target/peers-venv on its first run (several gigabytes: PyTorch).
Writes benchmarks/results/peers.md and peers.json; works that are not named keep their rows.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
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
    "train/pendulum-4x1024": (
        {"env": "Pendulum-v1", "algo": "ppo", "num_envs": 4, "steps": 1024, "minibatch": 256,
         "epochs": 2, "activation": "relu"}, ("rejax",)),
}
ENV = {
    "env/CartPole-v1": ("CartPole-v1", ("gymnax",)),
    "env/Pendulum-v1": ("Pendulum-v1", ("gymnax",)),
    "env/Acrobot-v1": ("Acrobot-v1", ("gymnax",)),
}
SCRIPTS = {"sb3": "sb3.py", "rejax": "rejax_ppo.py", "gymnax": "gymnax_env.py"}


def install() -> None:
    wanted = (HERE / "requirements.txt").read_text()
    stamp = VENV / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    requirements = str(HERE / "requirements.txt")
    subprocess.run([VENV / "bin/pip", "install", "-q", "-r", requirements], check=True)
    stamp.write_text(wanted)


def peer(name: str, work: object, threads: int, seconds: float) -> float:
    text = work if isinstance(work, str) else json.dumps(work)
    command = [VENV / "bin/python", HERE / SCRIPTS[name], text, str(threads), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{name} failed on {text}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])["steps_per_s"]


def gradwerk(work: str, threads: int, seconds: float) -> float:
    command = [GRADWERK, "bench", work, "--threads", str(threads), "--seconds", str(seconds),
               "--repeats", "1", "--json", "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["works"][0]["median"]


def alternately(work: str, task: object, peers: tuple, threads: int, options) -> dict:
    """One measurement of each in turn, so that a busy machine is busy for all."""
    rates = {name: [] for name in ("gradwerk", *peers)}
    for _ in range(options.repeats):
        rates["gradwerk"].append(gradwerk(work, threads, options.seconds))
        for name in peers:
            rates[name].append(peer(name, task, threads, options.seconds))
    return rates


def cell(values: list) -> str:
    def short(x: float) -> str:
        return f"{x / 1e6:.2f} M" if x >= 1e6 else f"{x / 1e3:.1f} k"

    return f"{short(statistics.median(values))} ({short(min(values))} to {short(max(values))})"


def rows(results: dict) -> list:
    lines = []
    for key in sorted(results):
        work, threads = key.rsplit(" @", 1)
        own = results[key]["gradwerk"]
        for name, values in results[key].items():
            if name != "gradwerk":
                ratio = statistics.median(own) / statistics.median(values)
                lines.append(f"| {work} | {threads} | {cell(own)} | {name} | {cell(values)} "
                             f"| {ratio:.1f} |")
    return lines


def versions() -> str:
    names = ("stable-baselines3", "torch", "rejax", "jax", "gymnax", "gymnasium", "numpy")
    code = ("import importlib.metadata as m\n"
            f"print(', '.join(f'{{n}} {{m.version(n)}}' for n in {names}))")
    done = subprocess.run([VENV / "bin/python", "-c", code], check=True, capture_output=True,
                          text=True)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", help=f"some of {', '.join([*TRAIN, *ENV])}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    unknown = set(options.works) - set(TRAIN) - set(ENV)
    if unknown:
        parser.error(f"unknown works {unknown}; expected some of {', '.join([*TRAIN, *ENV])}")
    install()
    store = RESULTS / "peers.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    for work, (task, peers) in {**TRAIN, **ENV}.items():
        if options.works and work not in options.works:
            continue
        for threads in (1,) if work.startswith("env/") else (1, 2):
            key = f"{work} @{threads}"
            results[key] = alternately(work, task, peers, threads, options)
            print("\n".join(rows({key: results[key]})), flush=True)
            store.write_text(json.dumps(results, indent=1) + "\n")
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.processor())
    lines = [
        "# gradwerk beside its peers",
        "",
        f"`python3 benchmarks/peers/compare.py` on {date.today()}, {cpu}; {versions()}. The"
        " programs run alternately on the same work; medians with minimum and maximum,"
        " compilation and imports not counted; ratio of medians. Works: `gradwerk bench --list`.",
        "",
        "| work | threads | gradwerk, steps/s | peer | steps/s | ratio |",
        "|---|---|---|---|---|---|",
        *rows(results),
    ]
    (RESULTS / "peers.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
