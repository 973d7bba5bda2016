#!/usr/bin/env python3
"""The training kernels' share of the sgemm peak, everything measured alternately in one run.

    cargo build --release && python3 benchmarks/peers/sgemm.py [--rounds N] [--seconds S]

The peak is the best of three in the product of two 2048 by 2048 matrices in single precision:
gradwerk's own kernel (`gradwerk bench kernels/sgemm-2048`), the `gemm` crate (built here) and
OpenBLAS (numpy from PyPI, in target/sgemm-venv), with as many threads. Writes
benchmarks/results/sgemm.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GRADWERK = ROOT / "target/release/gradwerk"
VENV = ROOT / "target/sgemm-venv"
GEMM = ROOT / "target/gemm-peak"
RESULT = ROOT / "benchmarks/results/sgemm.md"
PACKAGES = ["numpy==2.4.6", "threadpoolctl==3.6.0"]
WORKS = ["kernels/4-64-64-b2048", "kernels/17-64-64-b2048", "kernels/376-256-256-b2048",
         "kernels/nature-cnn-b256"]

OPENBLAS = """
import json, sys, time, threadpoolctl, numpy
seconds, n = float(sys.argv[1]), 2048
a = (numpy.arange(n * n, dtype=numpy.float32) % 17 * 0.1 - 0.8).reshape(n, n)
b = (numpy.arange(n * n, dtype=numpy.float32) % 13 * 0.1 - 0.6).reshape(n, n)
c, best, start = a @ b, float("inf"), time.perf_counter()
while time.perf_counter() - start < seconds:
    run = time.perf_counter()
    numpy.matmul(a, b, out=c)
    best = min(best, time.perf_counter() - run)
blas = [x for x in threadpoolctl.threadpool_info() if x["user_api"] == "blas"][0]
name = f"{blas['internal_api']} {blas['version']} {blas['architecture']}, {blas['num_threads']} threads"
print(json.dumps({"gflops": 2 * n**3 / best / 1e9, "name": name}))
"""


def run(command: list, **options) -> dict:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def install() -> None:
    if not (VENV / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "-q", *PACKAGES], check=True)
    manifest = HERE / "gemm/Cargo.toml"
    subprocess.run(["cargo", "build", "-q", "--release", "--locked", "--manifest-path", manifest,
                    "--target-dir", GEMM], check=True)


def gradwerk(work: str, threads: int, seconds: float) -> tuple:
    """Median and best of five measurements."""
    result = run([GRADWERK, "bench", work, "--threads", threads, "--seconds", seconds / 5,
                  "--repeats", 5, "--json", "--quiet"])["works"][0]
    return result["median"], result["max"]


def openblas(threads: int, seconds: float) -> dict:
    """OpenBLAS as it comes: the variables that choose its kernel by hand are not handed on."""
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    env["OPENBLAS_NUM_THREADS"] = str(threads)
    return run([VENV / "bin/python", "-c", OPENBLAS, seconds], env=env)


def measure(threads: int, options) -> tuple:
    peaks = {"gradwerk": [], "gemm": [], "OpenBLAS": []}
    works, name = {work: [] for work in WORKS}, ""
    for _ in range(options.rounds):
        peaks["gradwerk"].append(gradwerk("kernels/sgemm-2048", threads, options.seconds)[1])
        command = [GEMM / "release/gemm-peak", threads, options.seconds]
        peaks["gemm"].append(run(command)["gflops"])
        blas = openblas(threads, options.seconds)
        name = blas["name"]
        peaks["OpenBLAS"].append(blas["gflops"])
        for work in WORKS:
            works[work].append(gradwerk(work, threads, options.seconds)[0])
    return peaks, works, name


def table(threads: int, options) -> list:
    peaks, works, name = measure(threads, options)
    peak = max(statistics.median(values) for values in peaks.values())
    lines = ["", f"{threads} thread{'s' if threads > 1 else ''} ({name}):", "",
             "| | GFLOP/s, median (minimum to maximum) | share of the peak |", "|---|---|---|"]
    named = {f"sgemm 2048, {name}": values for name, values in peaks.items()} | works
    for what, values in named.items():
        median = statistics.median(values)
        lines.append(f"| {what} | {median:.0f} ({min(values):.0f} to {max(values):.0f}) "
                     f"| {median / peak:.0%} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    install()
    cpu = run([GRADWERK, "bench", "kernels/4-64-64-b64", "--seconds", 0.05, "--repeats", 1,
               "--json", "--quiet"])["cpu"]
    lines = ["# Training kernels and the sgemm peak", "",
             f"`python3 benchmarks/peers/sgemm.py --rounds {options.rounds} --seconds "
             f"{options.seconds:g}`, {date.today()}, {cpu}, {os.cpu_count()} cores. The peak is the "
             "best median of the three sgemm; every round measures all of them in turn."]
    for threads in (1, 2):
        lines += table(threads, options)
    RESULT.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
