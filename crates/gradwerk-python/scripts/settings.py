"""Write python/gradwerk/_settings.py: the settings as typed keywords, from their schema in Rust.

Run it in an environment in which the package is installed, after a setting has changed:
``python scripts/settings.py``. The test ``test_settings_are_up_to_date`` says when.
"""

import pathlib
import textwrap

from gradwerk._core import setting_keys

FILE = pathlib.Path(__file__).resolve().parents[1] / "python" / "gradwerk" / "_settings.py"

#: Arguments of their own.
ARGUMENTS = {"seed", "steps", "algo", "env", "env__id", "env__num_envs"}

PRESET = ("preset", "str", "``auto``, ``none`` or the name of the preset below the settings.")

HEAD = '''"""The settings as typed keywords. Written by scripts/settings.py; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict


class Settings(TypedDict, total=False):
    """Every setting of ``config.toml``, a dot written as two underscores."""
'''


def entry(key: str, type: str, help: str) -> str:
    """The field with its help below it, where editors look for it."""
    text = textwrap.fill(" ".join(help.split()), 92)
    below = textwrap.indent(f'"""{text}"""\n', "    ") if text else ""
    return f"\n    {key}: {type}\n{below}"


def text() -> str:
    """The whole file."""
    keys = [key for key in setting_keys() if key[0] not in ARGUMENTS]
    return HEAD + "".join(entry(*key) for key in [*keys, PRESET])


if __name__ == "__main__":
    FILE.write_text(text())
