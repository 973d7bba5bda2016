"""What the examples of the Rust crates print."""

import functools
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def folder():
    """Where the examples are, built as the Rust tests build them: after those nothing is left to do."""
    build = ["cargo", "build", "-q", "--workspace", "--examples", "--profile", "test"]
    subprocess.run(build, cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples"


def output(name, *arguments, environment=None):
    """Standard output of an example, with further variables in its environment."""
    command = [folder() / name, *map(str, arguments)]
    variables = os.environ | (environment or {})
    return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout
