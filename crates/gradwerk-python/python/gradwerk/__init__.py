"""Train explicit, differentiable policies by policy gradients; the work is done in Rust.

>>> import gradwerk as gw
>>> run = gw.train("CartPole-v1", algo="ppo", seed=1)       # doctest: +SKIP
>>> run.policy.predict([0.0, 0.1, 0.0, 0.1])                # doctest: +SKIP
0

- :func:`train`, :func:`resume`: runs with a directory, checkpoints and metrics, as the command
  line makes them; :class:`Run` opens one;
- :func:`make`: a :class:`Trainer` to be updated by hand;
- :func:`load`, :func:`evaluate`, :func:`record`: act, measure how well, and film it;
- :func:`gae`, :func:`vtrace`, :func:`reward_to_go`, ...: the estimators as functions on arrays;
- :class:`Distribution`: log-probabilities, entropies, divergences and samples;
- :func:`verify`: every estimator against the exact gradient;
- :mod:`gradwerk.native`: native environments as a Gymnasium vector environment.

An environment is the name of a native one, a name that Gymnasium knows, a function that makes
one, an environment, a vector environment or a parallel environment of PettingZoo.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gradwerk._callbacks import Callback
from gradwerk._core import (
    VERSION as __version__,
    Distribution,
    Policy,
    Transitions,
    gae,
    load,
    n_step_return,
    reward_to_go,
    total_return,
    vtrace,
)
from gradwerk._record import record
from gradwerk._run import Run, evaluate, resume, train
from gradwerk._trainer import Trainer, make
from gradwerk._verify import verify

if TYPE_CHECKING:
    from gradwerk import native as native

__all__ = [
    "Callback",
    "Distribution",
    "Policy",
    "Run",
    "Trainer",
    "Transitions",
    "__version__",
    "evaluate",
    "gae",
    "load",
    "make",
    "n_step_return",
    "native",
    "record",
    "resume",
    "reward_to_go",
    "total_return",
    "train",
    "verify",
    "vtrace",
]


def __getattr__(name: str) -> Any:
    # Gymnasium takes longer to import than everything else together.
    if name == "native":
        return importlib.import_module("gradwerk.native")
    raise AttributeError(f"module 'gradwerk' has no attribute {name!r}")
