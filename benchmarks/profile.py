#!/usr/bin/env python3
"""Where the time of training goes: the profile in docs/performance.md.

    cargo build --release && python3 benchmarks/profile.py

Shares of time per phase from `gradwerk bench`, shares of instructions per function from valgrind's
callgrind over updates of PPO on CartPole. Writes benchmarks/results/profile.json and the part of
docs/performance.md between its markers. About two minutes.
"""

import json
import os
import re
import subprocess
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GRADWERK = ROOT / "target/release/gradwerk"
STORE = ROOT / "benchmarks/results/profile.json"
PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- BEGIN profile -->", "<!-- END profile -->"
WORKS = ("train/cartpole-8x128", "train/cartpole-1024x32", "train/cartpole-a2c-8x5",
         "train/pendulum-1x2048", "train/pendulum-4x1024")
PHASES = ("share_sample", "share_estimate", "share_update")
# Functions of less are summed up.
SMALLEST = 0.01


def phases() -> dict:
    command = [GRADWERK, "bench", *WORKS, "--threads", "1", "--seconds", "0.5", "--json",
               "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {work["work"]: {"steps_per_s": work["median"]}
            | {phase: work["detail"][phase] for phase in PHASES}
            for work in json.loads(done.stdout)["works"]}


def callgrind(program: Path, repeats: int) -> dict:
    """Instructions by function, of that many updates and of start-up."""
    with tempfile.NamedTemporaryFile() as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program,
                   "update-cartpole-8x128", "auto", str(repeats)]
        subprocess.run(command, check=True, capture_output=True)
        annotate = ["callgrind_annotate", "--threshold=100", out.name]
        done = subprocess.run(annotate, check=True, capture_output=True, text=True)
    counts = {}
    for line in done.stdout.splitlines():
        found = re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+\S*?:(.+?) \[", line)
        if found:
            name = simple(found[2])
            counts[name] = counts.get(name, 0) + int(found[1].replace(",", ""))
    return counts


def simple(name: str) -> str:
    """A function's name without paths, hashes and the vector type it was compiled for."""
    name = re.sub(r"\[[0-9a-f]{16}\]", "", name.replace("'2", ""))
    job = re.search(r"run_(?:avx2|avx512)::<(.+)>$", name)
    name = job[1] if job else name
    return re.sub(r"(?:[A-Za-z_]\w*::)+(?=[A-Za-z_<{])", "", name).strip("<>")


def functions() -> dict:
    """Shares of the instructions of an update."""
    build = ["cargo", "build", "--release", "--locked", "-q", "-p", "gradwerk", "--example",
             "instructions", "--target-dir", "target/profile"]
    settings = {"CARGO_PROFILE_RELEASE_STRIP": "none", "CARGO_PROFILE_RELEASE_DEBUG": "1",
                "RUSTFLAGS": "-C symbol-mangling-version=v0"}
    subprocess.run(build, check=True, cwd=ROOT, env={**os.environ, **settings})
    program = ROOT / "target/profile/release/examples/instructions"
    few, many = callgrind(program, 2), callgrind(program, 6)
    counts = {name: many[name] - few.get(name, 0) for name in many}
    total = sum(counts.values())
    shares = {name: n / total for name, n in sorted(counts.items(), key=lambda x: -x[1])
              if n / total >= SMALLEST}
    return shares | {"everything else": 1.0 - sum(shares.values())}


def text(result: dict) -> str:
    rows = [f"| {work} | {row['steps_per_s']:,.0f} | "
            + " | ".join(f"{row[phase]:.0%}" for phase in PHASES) + " |"
            for work, row in result["phases"].items()]
    shares = [f"| `{name}` | {share:.1%} |" for name, share in result["functions"].items()]
    return "\n".join([
        BEGIN,
        "",
        f"{result['date']}, {result['cpu']}, one thread "
        "([profile.json](../benchmarks/results/profile.json)). Share of the time of each phase:",
        "",
        "| work | steps/s | sample | estimate | update |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "Share of the instructions of each function in an update of `train/cartpole-8x128`,"
        " rollout included:",
        "",
        "| function | instructions |",
        "|---|---|",
        *shares,
        "",
        END,
    ])


def main() -> None:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "unknown")
    result = {"date": str(date.today()), "cpu": cpu, "phases": phases(), "functions": functions()}
    STORE.write_text(json.dumps(result, indent=1) + "\n")
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + text(result) + rest.split(END)[1])


if __name__ == "__main__":
    main()
