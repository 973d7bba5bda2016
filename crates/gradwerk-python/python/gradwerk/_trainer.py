"""Training update by update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradwerk._core import Trainer as _Trainer
from gradwerk._environments import AnyEnv, Processes, Reward, find
from gradwerk._run import Algo, AnyPath, configure

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradwerk._settings import Settings

#: A run in memory, made by :func:`make`.
Trainer = _Trainer


def make(
    env: AnyEnv,
    algo: Algo = None,
    *,
    steps: int | None = None,
    seed: int | None = None,
    num_envs: int | None = None,
    reward: Reward | None = None,
    masks: bool | None = None,
    check_bounds: bool | None = None,
    config: AnyPath | None = None,
    threads: int | None = None,
    kernel: str | None = None,
    workers: int | None = None,
    worker_timeout: float | None = None,
    worker_memory: float | None = None,
    **settings: Unpack[Settings],
) -> Trainer:
    """A trainer in memory: no directory, no checkpoints, one :meth:`Trainer.update` at a time.

    >>> trainer = make("CartPole-v1", steps=20_000, seed=1)
    >>> while not trainer.finished:
    ...     progress = trainer.update()
    >>> trainer.policy.save("policy.safetensors")           # doctest: +SKIP

    The arguments are those of :func:`gradwerk.train`; periodic evaluation is left to you.
    """
    processes = Processes(workers, worker_timeout, worker_memory)
    found = find(env, None, masks, check_bounds, processes, reward)
    resolved = configure(
        found,
        algo,
        config,
        {"eval__every": 0, **settings},
        steps=steps,
        seed=seed,
        env__num_envs=num_envs,
    )
    return _Trainer(resolved, found.python, threads, kernel)
