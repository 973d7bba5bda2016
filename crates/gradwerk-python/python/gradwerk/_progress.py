"""A line that shows how far a run is: of tqdm, of rich, or our own."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

#: What users may say: whether, or with what; None shows one on terminals and in notebooks.
AnyProgress = bool | str | None

KINDS = ("tqdm", "rich", "plain")
#: Seconds between two looks at the line.
PAUSE = 0.1


class Bar(Protocol):
    """A line on the screen."""

    def show(self, steps: int, text: str) -> None:
        """Show that so many steps are done."""

    def close(self) -> None:
        """Leave it as it is."""


class Tqdm:
    """tqdm's, which becomes a widget in notebooks."""

    def __init__(self, done: int, limit: int) -> None:
        from tqdm.auto import tqdm

        self.bar = tqdm(total=limit, initial=done, unit=" steps", unit_scale=True)

    def show(self, steps: int, text: str) -> None:
        self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(steps - self.bar.n)

    def close(self) -> None:
        self.bar.close()


class Rich:
    """rich's."""

    def __init__(self, done: int, limit: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        self.progress = Progress(*columns, console=Console(stderr=True))
        self.task = self.progress.add_task("", total=limit, completed=done)
        self.progress.start()

    def show(self, steps: int, text: str) -> None:
        self.progress.update(self.task, completed=steps, description=text)

    def close(self) -> None:
        self.progress.stop()


class Plain:
    """A line that is written over, without any package."""

    WIDTH = 24

    def __init__(self, done: int, limit: int) -> None:
        self.limit = limit

    def show(self, steps: int, text: str) -> None:
        share = min(steps / max(self.limit, 1), 1.0)
        full = int(share * self.WIDTH)
        bar = "#" * full + "-" * (self.WIDTH - full)
        print(f"\r[{bar}] {100 * share:3.0f} %  {text:<50}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        print(file=sys.stderr, flush=True)


MAKE: dict[str, Callable[[int, int], Bar]] = {"tqdm": Tqdm, "rich": Rich, "plain": Plain}


def choose(progress: AnyProgress) -> str | None:
    """The kind of line, None for none.

    Raises:
        ValueError: if there is no such kind.
        ImportError: if the package that was asked for is not installed.
    """
    if isinstance(progress, str):
        if progress not in KINDS:
            kinds = ", ".join(map(repr, KINDS))
            raise ValueError(f"progress={progress!r}, expected True, False, None, {kinds}")
        if progress != "plain" and not _installed(progress):
            raise ImportError(f"progress={progress!r}: install it with pip install {progress}")
        return progress
    if progress is None:
        progress = sys.stderr.isatty() or _in_notebook()
    if not progress:
        return None
    return next((kind for kind in KINDS if kind == "plain" or _installed(kind)), None)


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _in_notebook() -> bool:
    """Whether this is a kernel of Jupyter."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class Line:
    """Shows a run as it goes on."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.bar: Bar | None = None
        self.last: tuple[int, str] | None = None
        self.shown = 0.0

    def begun(self, run: dict[str, Any]) -> None:
        self.bar = MAKE[self.kind](run["steps"], run["limit"])

    def updated(self, progress: dict[str, Any]) -> None:
        mean = progress["mean_return_100"]
        text = "" if mean is None else f"return {mean:.2f}, "
        self.last = progress["steps"], f"{text}{progress['steps_per_s']:,.0f} steps/s"
        if time.monotonic() - self.shown >= PAUSE:
            self._show()

    def _show(self) -> None:
        if self.bar is not None and self.last is not None:
            self.shown = time.monotonic()
            self.bar.show(*self.last)

    def ended(self) -> None:
        self._show()
        if self.bar is not None:
            self.bar.close()
            self.bar = None
