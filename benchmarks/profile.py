#!/usr/bin/env python3
"""Where the time of training goes: the profile in docs/performance.md.

    cargo build --release && python3 benchmarks/profile.py

Shares of time per phase from `gradwerk bench`. Writes benchmarks/results/profile.json and the part of
docs/performance.md between its markers. A few seconds.
"""

import json
import subprocess
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


def phases() -> dict:
    command = [GRADWERK, "bench", *WORKS, "--threads", "1", "--seconds", "0.5", "--json",
               "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {work["work"]: {"steps_per_s": work["median"]}
            | {phase: work["detail"][phase] for phase in PHASES}
            for work in json.loads(done.stdout)["works"]}


def text(result: dict) -> str:
    rows = [f"| {work} | {row['steps_per_s']:,.0f} | "
            + " | ".join(f"{row[phase]:.0%}" for phase in PHASES) + " |"
            for work, row in result["phases"].items()]
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
        END,
    ])


def main() -> None:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "unknown")
    result = {"date": str(date.today()), "cpu": cpu, "phases": phases()}
    STORE.write_text(json.dumps(result, indent=1) + "\n")
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + text(result) + rest.split(END)[1])


if __name__ == "__main__":
    main()
