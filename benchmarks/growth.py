#!/usr/bin/env python3
"""How training speed grows with environments, minibatch, width, depth and threads.

    cargo build --release && python3 benchmarks/growth.py [--repeats N] [--seconds S]

PPO on CartPole, 4 epochs; each series changes one setting and leaves the others. Writes
benchmarks/results/growth.json and growth.svg. About two minutes on two cores.
"""

import argparse
import json
import math
import os
import subprocess
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GRADWERK = ROOT / "target/release/gradwerk"
RESULTS = ROOT / "benchmarks/results"
BATCH = 16_384


def rollout(envs: int, steps: int, minibatch: int) -> list:
    return [f"env.num_envs={envs}", f"rollout.steps={steps}", f"algo.minibatch={minibatch}"]


def layers(widths: list) -> list:
    return [*rollout(8, 128, 256), f"network.hidden={widths}"]


# Series: what it is about, and the settings at each of its points.
SERIES = {
    "environments": (
        f"environments ({BATCH:,} steps per update, minibatch 4,096)",
        {n: rollout(n, BATCH // n, 4096) for n in (1, 4, 16, 64, 256, 1024, 4096, BATCH)}),
    "minibatch": (
        "minibatch (1,024 environments x 16 steps)",
        {n: rollout(1024, 16, n) for n in (16, 64, 256, 1024, 4096, BATCH)}),
    "width": (
        "width of two hidden layers (8 x 128, minibatch 256)",
        {n: layers([n, n]) for n in (16, 32, 64, 128, 256, 512, 1024)}),
    "depth": (
        "hidden layers of 64 (8 x 128, minibatch 256)",
        {n: layers([64] * n) for n in (1, 2, 3, 4, 6, 8)}),
}
THREADS = "threads (1,024 x 16, minibatch 4,096)"


def measure(settings: list, threads: int, options) -> dict:
    command = [GRADWERK, "bench", "train/cartpole-8x128", "--threads", str(threads), "--repeats",
               str(options.repeats), "--seconds", str(options.seconds), "--json", "--quiet"]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    work = json.loads(done.stdout)["works"][0]
    return {key: work[key] for key in ("median", "min", "max")}


def measured(options) -> dict:
    """Series by name: lines by number of threads, points by x."""
    cores = os.cpu_count()
    series = {}
    for name, (title, points) in SERIES.items():
        lines = {}
        for threads in sorted({1, cores}):
            lines[f"{threads} threads"] = {
                x: measure(settings, threads, options) for x, settings in points.items()}
            print(name, threads, {x: round(p["median"]) for x, p in
                                  lines[f"{threads} threads"].items()}, flush=True)
        series[name] = {"title": title, "lines": lines}
    counts = sorted({1, 2, cores, 2 * cores})
    points = {n: measure(rollout(1024, 16, 4096), n, options) for n in counts}
    series["threads"] = {"title": THREADS, "lines": {"all": points}}
    return series


def ticks(low: float, high: float) -> list:
    """1, 2 and 5 times powers of ten within the bounds."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**e for e in exponents for m in (1, 2, 5) if low <= m * 10.0**e <= high]


def short(x: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if x >= size:
            return f"{x / size:g} {letter}"
    return f"{x:g}"


WIDTH, HEIGHT, LEFT, TOP = 420, 260, 60, 34
COLOURS = ("#1f6fb4", "#d1601f")


def panel(series: dict, x0: int, y0: int) -> list:
    """One series, both axes logarithmic."""
    lines = {name: [(float(x), p["median"], p["min"], p["max"]) for x, p in points.items()]
             for name, points in series["lines"].items()}
    every = [point for line in lines.values() for point in line]
    low, high = min(p[2] for p in every) / 1.3, max(p[3] for p in every) * 1.3
    first, last = min(p[0] for p in every), max(p[0] for p in every)

    def px(x: float) -> float:
        return x0 + LEFT + math.log(x / first) / math.log(last / first) * (WIDTH - LEFT - 30)

    def py(y: float) -> float:
        return y0 + TOP + (1 - math.log(y / low) / math.log(high / low)) * (HEIGHT - TOP - 40)

    out = [f'<text x="{x0 + LEFT}" y="{y0 + 20}" font-weight="bold">{series["title"]}</text>']
    for y in ticks(low, high):
        out.append(f'<line x1="{px(first)}" x2="{px(last)}" y1="{py(y):.1f}" y2="{py(y):.1f}" '
                   f'stroke="#ddd"/><text x="{x0 + LEFT - 6}" y="{py(y) + 4:.1f}" '
                   f'text-anchor="end">{short(y)}</text>')
    for x in sorted({p[0] for p in every}):
        out.append(f'<text x="{px(x):.1f}" y="{y0 + HEIGHT - 22}" text-anchor="middle">'
                   f"{x:g}</text>")
    for k, (name, line) in enumerate(lines.items()):
        colour = COLOURS[k % len(COLOURS)]
        path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y, _, _ in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, least, most in line:
            out.append(f'<line x1="{px(x):.1f}" x2="{px(x):.1f}" y1="{py(least):.1f}" '
                       f'y2="{py(most):.1f}" stroke="{colour}"/>'
                       f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>')
        if len(lines) > 1:
            out.append(f'<text x="{x0 + WIDTH - 30}" y="{y0 + TOP + 12 + 15 * k}" '
                       f'text-anchor="end" fill="{colour}">{name}</text>')
    return out


def picture(series: dict) -> str:
    rows = (len(series) + 1) // 2
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" '
           f'height="{rows * HEIGHT}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>']
    for k, one in enumerate(series.values()):
        out += panel(one, (k % 2) * WIDTH, (k // 2) * HEIGHT)
    return "\n".join([*out, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2)
    options = parser.parse_args()
    series = measured(options)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "unknown")
    result = {"unit": "steps/s", "date": str(date.today()), "cpu": cpu, "cores": os.cpu_count(),
              "series": series}
    (RESULTS / "growth.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "growth.svg").write_text(picture(series))


if __name__ == "__main__":
    main()
