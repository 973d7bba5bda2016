#!/usr/bin/env python3
"""Instructions per work, counted by valgrind and compared with the committed counts.

    python3 benchmarks/instructions.py            # fails if a count left its bounds
    python3 benchmarks/instructions.py --update   # after a wanted change, or a new compiler

Noise does not touch a count: it depends on the source, the compiler and the C library alone. Each
is the difference of two runs, so that start-up does not enter. With another rustc than the
committed counts were made with, differences are shown and are no failure.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / "benchmarks/results/instructions.json"
PROGRAM = ROOT / "target/release/examples/instructions"
TOLERANCE = 0.02
# Work and the repeats of its two runs.
WORKS = {
    "forward-4-64-64": (20, 120),
    "forward-and-vjp-4-64-64": (20, 120),
    "adam-9155": (20, 120),
    "cartpole-1024-steps": (20, 120),
    "update-cartpole-8x128": (2, 6),
}


def kernels() -> list:
    """Valgrind has no AVX-512; AVX2 only where the processor has it."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        flags = []
    return ["portable"] + (["avx2"] if {"avx2", "fma"} <= set(flags) else [])


def instructions(work: str, kernel: str, repeats: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               PROGRAM, work, kernel, str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{work} on {kernel}: valgrind failed\n{done.stderr}")
    return int(found[1])


def count(work: str, kernel: str) -> int:
    few, many = WORKS[work]
    difference = instructions(work, kernel, many) - instructions(work, kernel, few)
    return difference // (many - few)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the counts to the store")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing (Debian: apt-get install valgrind)")
    build = ["cargo", "build", "--release", "--locked", "-q", "-p", "gradwerk", "--example",
             "instructions"]
    subprocess.run(build, check=True, cwd=ROOT)
    rustc = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True)
    rustc = rustc.stdout.strip()
    store = json.loads(STORE.read_text()) if STORE.exists() else {"rustc": None, "counts": {}}
    counts, failed = {}, []
    print(f"{'work':28} {'kernel':9} {'committed':>12} {'now':>12}  change")
    for work in WORKS:
        for kernel in kernels():
            name = f"{work} {kernel}"
            counts[name], before = count(work, kernel), store["counts"].get(name)
            change = counts[name] / before - 1.0 if before else float("nan")
            print(f"{work:28} {kernel:9} {before or '-':>12} {counts[name]:>12}  {change:+.2%}",
                  flush=True)
            if not abs(change) <= TOLERANCE:
                failed.append(name)
    if options.update:
        text = json.dumps({"rustc": rustc, "tolerance": TOLERANCE, "counts": counts}, indent=1)
        STORE.write_text(text + "\n")
    elif store["rustc"] != rustc:
        print(f"the committed counts are of {store['rustc']}, this is {rustc}: not compared;"
              " --update makes new ones")
    elif failed:
        sys.exit(f"more than {TOLERANCE:.0%} away from {STORE.relative_to(ROOT)}: "
                 f"{', '.join(failed)}\nIf the change is wanted: benchmarks/instructions.py --update")


if __name__ == "__main__":
    main()
