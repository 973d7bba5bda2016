"""Environments in worker processes, whose columns of numbers lie in shared memory.

The leading process writes actions, wakes every worker with one byte per step of the batch, and
reads what they wrote. A worker plays its share of the slots as the leading process would: the same
numbers, bit for bit. Workers are fresh interpreters, never forks, and need no ``__main__`` guard;
the memory has no name, so that nothing is left behind however a process ends.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradwerk._core import Environment, Slots

#: Seconds that a worker may take for a step or a reset of its environments.
TIMEOUT = 300.0
#: A worker that was replaced so often within so many steps is given up.
RESTARTS, WITHIN = 3, 1000

#: Commands: begin the episodes of the columns, step.
BEGIN, STEP = b"b", b"s"
#: Answers: done; an exception follows.
DONE, RAISED = b".", b"!"

#: Seconds between two looks at the memory of workers.
LOOK = 0.05
#: Seconds for workers to close their environments.
GRACE = 2.0

PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from gradwerk._workers import serve
serve(int(sys.argv[2]))
"""


class Lost(Exception):
    """A worker process is gone, or was ended; the text says why."""


class WorkerTraceback(Exception):
    """Where in a worker process an exception was raised."""

    def __str__(self) -> str:
        return f"in a worker process:\n{self.args[0]}"


@dataclass
class Workers:
    """Worker processes to be: what they make, how many, and how they are watched."""

    make: Callable[[], Any]
    count: int
    timeout: float = TIMEOUT
    #: Most bytes of memory of one worker.
    memory: int | None = None

    def start(
        self, id: str, share: dict[str, Any], widths: Sequence[int], manner: dict[str, Any]
    ) -> Crew:
        """Start them. ``share`` says which slots of which run, see ``Slots``; ``manner`` how
        environments are treated, see ``Environment``."""
        return Crew(self, id, share, widths, manner)


def columns(file: int, count: int, widths: Sequence[int]) -> dict[str, np.ndarray]:
    """The columns of ``count`` slots in a file; the widths are those of observations, discrete
    and continuous actions, and masks."""
    obs, discrete, continuous, masks = widths
    layout = {
        "reward": (np.float64, ()),
        "episode": (np.uint64, ()),
        "steps": (np.uint64, ()),
        "obs": (np.float32, (obs,)),
        "final_obs": (np.float32, (obs,)),
        "continuous": (np.float32, (continuous,)),
        "discrete": (np.uint32, (discrete,)),
        "end": (np.uint8, ()),
        "active": (np.bool_, ()),
        "lost": (np.bool_, ()),
        "masks": (np.bool_, (masks,)),
    }
    sizes = {
        name: count * int(np.prod(row, initial=1)) * np.dtype(dtype).itemsize
        for name, (dtype, row) in layout.items()
    }
    # Every column begins on a cache line of its own.
    rooms = {name: -(-size // 64) * 64 for name, size in sizes.items()}
    total = sum(rooms.values())
    if os.fstat(file).st_size < total:
        os.truncate(file, total)
    memory = mmap.mmap(file, total)
    found, offset = {}, 0
    for name, (dtype, row) in layout.items():
        found[name] = np.ndarray((count, *row), dtype, memory, offset)
        offset += rooms[name]
    return found


def nameless_file() -> int:
    """The descriptor of a file that ends with the last process that has it open."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("gradwerk", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Worker:
    """A worker process and what it needs to start again."""

    def __init__(self, number: int, rows: range, setup: bytes, file: int, crew: Workers) -> None:
        self.number, self.rows = number, rows
        self.setup, self.file, self.crew = setup, file, crew
        self.process: subprocess.Popen[bytes] | None = None
        self.socket: socket.socket | None = None
        #: The steps in which it was replaced.
        self.replaced: deque[int] = deque(maxlen=RESTARTS)

    def start(self) -> None:
        """Start a process and tell it what to play."""
        own, other = socket.socketpair()
        with other:
            path = json.dumps(sys.path)
            command = [sys.executable, "-c", PROGRAM, path, str(other.fileno())]
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=(other.fileno(), self.file),
                # Ctrl-C is the business of the leading process.
                start_new_session=True,
            )
        self.socket = own
        own.settimeout(None)
        self.send(len(self.setup).to_bytes(8, "little") + self.setup)
        own.settimeout(LOOK if self.crew.memory else self.crew.timeout)

    def send(self, data: bytes) -> None:
        """Send it; whether anybody is there shows when it answers."""
        assert self.socket is not None
        with suppress(ConnectionError):
            self.socket.sendall(data)

    def wait(self) -> None:
        """Wait for the answer to a command.

        Raises:
            Lost: there is no answer.

        Whatever the worker raised is raised.
        """
        answer = self._receive(1)
        if answer == DONE:
            return
        size = int.from_bytes(self._receive(8), "little")
        raise _unpack(self._receive(size))

    def _receive(self, size: int) -> bytes:
        assert self.socket is not None
        data = bytearray()
        deadline = time.monotonic() + self.crew.timeout
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except TimeoutError:
                self.check_memory()
                if time.monotonic() >= deadline:
                    raise Lost(f"did not answer for {self.crew.timeout:g} s") from None
                continue
            except ConnectionError:
                part = b""
            if not part:
                raise Lost(self._how_it_ended())
            data += part
        return bytes(data)

    def _how_it_ended(self) -> str:
        assert self.process is not None
        try:
            code = self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code >= 0:
            return f"exited with status {code}"
        if code == -signal.SIGKILL:
            return "was killed by signal 9 (SIGKILL), perhaps for want of memory,"
        with suppress(ValueError):
            return f"was killed by signal {-code} ({signal.Signals(-code).name})"
        return f"was killed by signal {-code}"

    def check_memory(self) -> None:
        """Raise `Lost` if it has more memory than it may have."""
        if self.crew.memory is None or self.process is None:
            return
        try:
            with open(f"/proc/{self.process.pid}/statm") as file:
                pages = int(file.read().split()[1])
        except (OSError, IndexError):
            return  # It has ended: the connection says so.
        used = pages * mmap.PAGESIZE
        if used > self.crew.memory:
            mib = 1 << 20
            raise Lost(
                f"used {used // mib} MiB of memory (worker_memory={self.crew.memory / mib:g})"
            )

    def end(self, grace: float = 0.0) -> None:
        """End the process, and whatever it started."""
        if self.socket is not None:
            self.socket.close()
        if self.process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            if grace > 0.0:
                self.process.wait(grace)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def __str__(self) -> str:
        first, last = self.rows[0], self.rows[-1]
        which = f"environment {first}" if first == last else f"environments {first} to {last}"
        return f"worker {self.number} ({which})"


class Crew:
    """Worker processes that play the slots of a batch."""

    def __init__(
        self,
        workers: Workers,
        id: str,
        share: dict[str, Any],
        widths: Sequence[int],
        manner: dict[str, Any],
    ) -> None:
        self.id, self.share = id, share
        self.steps = 0
        self.looked = time.monotonic()
        count = share["count"]
        make, names = _pickle_maker(workers.make), _pickle_names()
        file = nameless_file()
        self.shared = SimpleNamespace(**columns(file, count, widths))
        number = min(workers.count, count)
        bounds = [k * count // number for k in range(number + 1)]
        self.members = []
        for k in range(number):
            rows = range(bounds[k], bounds[k + 1])
            setup = {
                "id": id,
                "make": make,
                "names": names,
                "manner": manner,
                "share": share,
                "widths": tuple(widths),
                "rows": (rows.start, rows.stop),
                "file": file,
            }
            own = range(share["first"] + rows.start, share["first"] + rows.stop)
            worker = Worker(k, own, pickle.dumps(setup), file, workers)
            self.members.append(worker)
        self._end = weakref.finalize(self, _end, self.members, file)
        try:
            for worker in self.members:
                worker.start()
            for worker in self.members:
                self._greet(worker)
        except BaseException:
            self.close()
            raise

    def _greet(self, worker: Worker) -> None:
        """Wait until the environments of a worker are made."""
        try:
            worker.wait()
        except Lost as why:
            raise RuntimeError(
                f"{worker} of {self.id} {why} while it made its environments: see what it wrote; "
                "does it work with workers=None?"
            ) from None

    def reset(self) -> None:
        """Begin the episodes whose numbers are in the columns."""
        self.shared.lost[:] = False
        self._command(self.members, BEGIN)

    def step(self) -> None:
        """Step the active slots with the actions in the columns."""
        shared = self.shared
        shared.lost[:] = False
        self._command([w for w in self.members if shared.active[self._slots(w)].any()], STEP)
        ended = shared.active & (shared.end != 0) & ~shared.lost
        shared.episode += ended
        shared.steps += shared.active & ~shared.lost
        self.steps += 1

    def close(self) -> None:
        """End all workers."""
        self._end()

    def _slots(self, worker: Worker) -> slice:
        first = self.share["first"]
        return slice(worker.rows.start - first, worker.rows.stop - first)

    def _command(self, workers: Sequence[Worker], command: bytes) -> None:
        for worker in workers:
            worker.send(command)
        for worker in workers:
            try:
                worker.wait()
            except Lost as why:
                self._replace(worker, str(why), command)
        if time.monotonic() - self.looked > LOOK:
            self._look_at_memory(workers, command)

    def _look_at_memory(self, workers: Sequence[Worker], command: bytes) -> None:
        """End workers that have answered, but have grown too large."""
        self.looked = time.monotonic()
        for worker in workers:
            try:
                worker.check_memory()
            except Lost as why:
                self._replace(worker, str(why), command)

    def _replace(self, worker: Worker, why: str, command: bytes) -> None:
        """Go on with another process in the place of a worker that is lost. Steps of its slots
        are lost; after them, in training, the episodes that follow are begun."""
        if command == STEP:
            slots = self._slots(worker)
            stepped = self.shared.active[slots]
            self.shared.lost[slots] = stepped
            if self.share["stride"] is None:
                self.shared.episode[slots] += stepped
        while True:
            worker.end()
            self._account(worker, why)
            try:
                worker.start()
                worker.wait()
                worker.send(BEGIN)
                return worker.wait()
            except Lost as again:
                why = str(again)

    def _account(self, worker: Worker, why: str) -> None:
        """Say that a worker is replaced, or that it was too often."""
        step = int(self.shared.steps[self._slots(worker)].max())
        what = f"{worker} of {self.id} {why} after {step} steps of an environment"
        seldom = len(worker.replaced) < RESTARTS or self.steps - worker.replaced[0] > WITHIN
        if not seldom:
            raise RuntimeError(
                f"{what}, and had been replaced {RESTARTS} times in its last "
                f"{self.steps - worker.replaced[0]} steps: the run is given up; play the "
                "environment with workers=None, or with one worker per environment, to find out "
                "what is wrong with it"
            )
        worker.replaced.append(self.steps)
        warnings.warn(
            f"{what}: another process takes its place; that step was lost, its episodes are cut "
            f"before it and new ones begin (more than {RESTARTS} times in {WITHIN} steps end the "
            "run)",
            RuntimeWarning,
            stacklevel=2,
        )


def _end(members: Sequence[Worker], file: int) -> None:
    """End workers; all of them close their environments at once."""
    for worker in members:
        if worker.socket is not None:
            worker.socket.close()
    deadline = time.monotonic() + GRACE
    for worker in members:
        worker.end(max(deadline - time.monotonic(), 0.01))
    os.close(file)


def _pickle_maker(make: Callable[[], Any]) -> bytes:
    # Gymnasium stands on cloudpickle, which takes functions of notebooks and lambdas as well.
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(make)
    except Exception as error:
        raise TypeError(
            f"workers: the function that makes environments cannot be sent to worker processes "
            f"({type(error).__name__}: {error}): let it make all that it needs by itself"
        ) from error
    return data


def _pickle_names() -> dict[str, bytes]:
    """The names that others registered with Gymnasium: a fresh interpreter does not know them."""
    import cloudpickle
    import gymnasium

    names = {}
    for name, spec in gymnasium.registry.items():
        if not str(spec.entry_point).startswith("gymnasium."):
            # One that cannot be sent is missing only where it is asked for.
            with suppress(Exception):
                names[name] = cloudpickle.dumps(spec)
    return names


def _register(names: dict[str, bytes]) -> None:
    import gymnasium

    for name, spec in names.items():
        if name not in gymnasium.registry:
            with suppress(Exception):
                gymnasium.registry[name] = pickle.loads(spec)


def _pack(error: BaseException) -> bytes:
    """An exception for another process."""
    import cloudpickle

    text = "".join(traceback.format_exception(error))
    try:
        data = cloudpickle.dumps(error)
    except Exception:
        data = b""
    return pickle.dumps((data, text))


def _unpack(packed: bytes) -> BaseException:
    data, text = pickle.loads(packed)
    try:
        error: BaseException = pickle.loads(data)
    except Exception:
        # An exception that cannot travel: its text does.
        return RuntimeError(f"in a worker process:\n{text}")
    error.__cause__ = WorkerTraceback(text)
    return error


def serve(connection: int) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Processes that an environment starts must not keep the connection open.
    os.set_inheritable(connection, False)
    made: list[Any] = []
    with socket.socket(fileno=connection) as leader:
        try:
            _serve(leader, made)
        finally:
            for env in made:
                with suppress(Exception):
                    env.close()


def _serve(leader: socket.socket, made: list[Any]) -> None:
    size = int.from_bytes(leader.recv(8, socket.MSG_WAITALL), "little")
    setup = leader.recv(size, socket.MSG_WAITALL)
    if len(setup) < size:
        return
    commands: dict[bytes, Callable[[], None]] = {}

    def prepare() -> None:
        slots = _slots(pickle.loads(setup), made)
        commands.update({BEGIN: slots.begin, STEP: slots.step})

    command: Callable[[], None] | None = prepare
    while command is not None:
        try:
            command()
            answer = DONE
        except BaseException as error:
            packed = _pack(error)
            answer = RAISED + len(packed).to_bytes(8, "little") + packed
        try:
            leader.sendall(answer)
            command = commands.get(leader.recv(1))
        except ConnectionError:
            return


def _slots(setup: dict[str, Any], made: list[Any]) -> Slots:
    _register(setup["names"])
    source = pickle.loads(setup["make"])

    def make() -> Any:
        made.append(source())
        return made[-1]

    environment = Environment(setup["id"], ("factory", make, make()), None, setup["manner"])
    share, (start, stop) = setup["share"], setup["rows"]
    os.set_inheritable(setup["file"], False)
    found = columns(setup["file"], share["count"], setup["widths"])
    own = SimpleNamespace(**{name: column[start:stop] for name, column in found.items()})
    share = {**share, "first": share["first"] + start, "count": stop - start}
    return Slots(environment, share, own)
