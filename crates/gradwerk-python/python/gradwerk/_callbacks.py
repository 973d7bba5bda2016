"""Following a run."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gradwerk._core import Flag
from gradwerk._progress import AnyProgress, Line, choose


class Callback:
    """Hooks of a run; override those you need.

    They are called between updates, on the thread that trains. A hook that returns ``False``
    stops the run at this update, with a checkpoint; an exception does, too, and is then raised.
    """

    def on_start(self, run: dict[str, Any]) -> bool | None:
        """The run begins or goes on: ``run_dir``, ``steps`` done before, ``limit``."""

    def on_update(self, progress: dict[str, Any]) -> bool | None:
        """An update was made: its numbers under the keys of ``metrics.jsonl``, and ``limit``."""

    def on_evaluation(self, evaluation: dict[str, Any]) -> bool | None:
        """The policy was evaluated (``eval__every``): as :func:`evaluate`, ``steps``, ``best``."""

    def on_end(self) -> None:
        """The run ended, for whichever reason."""


class _Function(Callback):
    """A function that is called after every update."""

    def __init__(self, function: Callable[[dict[str, Any]], bool | None]) -> None:
        self.function = function

    def on_update(self, progress: dict[str, Any]) -> bool | None:
        return self.function(progress)


AnyCallback = Callback | Callable[[dict[str, Any]], "bool | None"] | None


class Hooks:
    """What the extension calls."""

    def __init__(self, callback: AnyCallback, flag: Flag, progress: AnyProgress = False) -> None:
        if callback is not None and not isinstance(callback, Callback):
            if not callable(callback):
                kind = type(callback).__name__
                raise TypeError(f"callback is a {kind}, expected a function or a gradwerk.Callback")
            callback = _Function(callback)
        self.callback = callback
        self.flag = flag
        kind = choose(progress)
        self.line = None if kind is None else Line(kind)
        self.stopped = False

    @property
    def wants_updates(self) -> bool:
        return self.callback is not None or self.line is not None

    def _after(self, verdict: bool | None) -> None:
        if verdict is False:
            self.stopped = True
            self.flag.set()

    def begun(self, run: dict[str, Any]) -> None:
        if self.line is not None:
            self.line.begun(run)
        if self.callback is not None:
            self._after(self.callback.on_start(run))

    def updated(self, progress: dict[str, Any]) -> None:
        if self.line is not None:
            self.line.updated(progress)
        if self.callback is not None:
            self._after(self.callback.on_update(progress))

    def evaluated(self, evaluation: dict[str, Any]) -> None:
        if self.callback is not None:
            self._after(self.callback.on_evaluation(evaluation))

    def warning(self, text: str) -> None:
        warnings.warn(text, RuntimeWarning, stacklevel=2)

    def ended(self) -> None:
        if self.line is not None:
            self.line.ended()
        if self.callback is not None:
            self.callback.on_end()


@contextmanager
def interruptible(flag: Flag) -> Iterator[None]:
    """The first Ctrl-C sets the flag, the second raises ``KeyboardInterrupt`` at once.

    Signal handlers belong to the main thread, and one that is not Python's own stays: what it
    raises then stops the run.
    """
    own = threading.current_thread() is threading.main_thread()
    if not own or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def ask(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        flag.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
