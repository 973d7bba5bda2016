"""Runs with a directory."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradwerk import _atari as atari
from gradwerk import _core
from gradwerk._callbacks import AnyCallback, Hooks, interruptible
from gradwerk._core import Config, Flag, Policy
from gradwerk._environments import AnyEnv, Found, Processes, Reward, again, find
from gradwerk._progress import AnyProgress

if TYPE_CHECKING:
    import numpy as np
    from typing_extensions import Unpack

    from gradwerk._settings import Settings

AnyPath = str | os.PathLike[str]

#: An algorithm's name, or its settings with the name as ``kind``.
Algo = str | Mapping[str, Any] | None


class Run:
    """A run on the disk: ``Run("runs/CartPole-v1-ppo-s1-1")`` opens one.

    Attributes:
        dir: its directory.
        summary: what :func:`train` or :func:`resume` came to: ``steps``, ``episodes``,
            ``mean_return_100``, ``steps_per_s``, ``params_sha256``, ``exact_resume``, ... as
            ``gradwerk train --json`` prints it, and ``outcome``: ``finished``, ``solved``,
            ``stopped`` or ``interrupted``. None of a run that was only opened.
    """

    def __init__(self, dir: AnyPath, summary: dict[str, Any] | None = None) -> None:
        self.dir = Path(dir)
        self.summary = summary
        _core.env_id(self.dir)  # It is a run, or this says why not.

    @cached_property
    def policy(self) -> Policy:
        """The last policy."""
        return _core.load(self.dir)

    @cached_property
    def best_policy(self) -> Policy:
        """The best policy of the periodic evaluations (``eval__every``)."""
        return _core.load(self.dir / "best.safetensors")

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """The columns of ``metrics.jsonl``, a row per update; NaN where a row has no value."""
        return _core.metrics(self.dir)

    @property
    def config(self) -> str:
        """All settings, as TOML."""
        return (self.dir / "config.toml").read_text()

    @property
    def manifest(self) -> dict[str, Any]:
        """Versions, machine, seed, command, ``exact_resume``."""
        manifest: dict[str, Any] = json.loads((self.dir / "manifest.json").read_text())
        return manifest

    def plot(self, metric: str = "mean_return_100") -> Any:
        """A matplotlib figure of a metric over the steps."""
        from matplotlib.figure import Figure

        columns = self.metrics
        if metric not in columns:
            raise ValueError(f"no metric {metric!r}, expected one of {', '.join(columns)}")
        figure = Figure()
        axes = figure.add_subplot(xlabel="steps", ylabel=metric, title=self.dir.name)
        axes.plot(columns["steps"], columns[metric])
        return figure

    def __repr__(self) -> str:
        return f"<gradwerk.Run in {str(self.dir)!r}>"


def policy_of(policy: Policy | Run | AnyPath) -> Policy:
    """A policy, that of a run, or that of a path."""
    if isinstance(policy, Run):
        return policy.policy
    return policy if isinstance(policy, Policy) else _core.load(Path(policy))


def configure(
    found: Found,
    algo: Algo,
    config: AnyPath | None,
    settings: Mapping[str, object],
    **flags: Any,
) -> Config:
    """The settings of a run, lowest layer first: defaults, preset, file, arguments."""
    given: dict[str, Any] = dict(settings)
    for key, value in flags.items():
        if value is None:
            continue
        if key in given:
            raise ValueError(f"{key.replace('__', '.')} is given twice: {given[key]} and {value}")
        given[key] = value
    if isinstance(algo, Mapping):
        given["algo"] = {key: value for key, value in algo.items() if key != "kind"}
        algo = algo.get("kind")
    if algo is None and config is None:
        algo = "ppo"
    if found.reward is not None:
        given["env__options"] = {**given.get("env__options", {}), "reward": found.reward}
    _check_number(found, given.get("env__num_envs"))
    file = None if config is None else os.fspath(config)

    def resolve() -> Config:
        return _core.resolve(
            found.id, algo, file, given, found.twin, found.num_envs, found.defaults
        )

    resolved = resolve()
    found.open(resolved.options)
    agents = found.num_agents
    if resolved.num_envs % agents and file is None and not _says(given, "env", "num_envs"):
        given["env__num_envs"] = -(-resolved.num_envs // agents) * agents
        resolved = resolve()
    _check_number(found, resolved.num_envs)
    if resolved.eval_every > 0 and resolved.eval_episodes % agents:
        raise ValueError(
            f"eval.episodes = {resolved.eval_episodes}, expected a multiple of {agents}: each "
            f"episode of {found.id} is one of each of its agents"
        )
    if resolved.eval_every > 0 and found.python is not None and not found.python.has_evaluation:
        raise ValueError(
            f"eval.every = {resolved.eval_every}: evaluating in the environment that is trained "
            "on would disturb its episodes; give eval_env, or pass a function that makes one"
        )
    return resolved


def _says(given: Mapping[str, Any], section: str, key: str) -> bool:
    """Whether the user set a setting, flat or in a dictionary."""
    nested = given.get(section)
    return f"{section}__{key}" in given or isinstance(nested, Mapping) and key in nested


def _check_number(found: Found, num_envs: int | None) -> None:
    if num_envs is not None and found.num_envs not in (None, num_envs):
        raise ValueError(
            f"env.num_envs = {num_envs}, but the number of environments is {found.num_envs}: "
            "pass a function that makes one to choose"
        )
    if num_envs is not None and num_envs % found.num_agents:
        raise ValueError(
            f"env.num_envs = {num_envs}, expected a multiple of {found.num_agents}: each copy of "
            f"{found.id} has {found.num_agents} agents, which count as environments"
        )
    if num_envs is not None and found.workers is not None and found.workers > num_envs:
        raise ValueError(
            f"workers={found.workers}, but there are {num_envs} environments (env.num_envs): "
            "expected at most one worker for each"
        )


def train(
    env: AnyEnv,
    algo: Algo = None,
    *,
    steps: int | None = None,
    seed: int | None = None,
    num_envs: int | None = None,
    reward: Reward | None = None,
    callback: AnyCallback = None,
    eval_env: AnyEnv = None,
    masks: bool | None = None,
    check_bounds: bool | None = None,
    config: AnyPath | None = None,
    run_dir: AnyPath | None = None,
    until: float | None = None,
    stop_at: int | None = None,
    init: AnyPath | Run | None = None,
    threads: int | None = None,
    kernel: str | None = None,
    progress: AnyProgress = None,
    workers: int | None = None,
    worker_timeout: float | None = None,
    worker_memory: float | None = None,
    **settings: Unpack[Settings],
) -> Run:
    """Train a policy in a new run directory.

    Args:
        env: the name of a native environment (``gradwerk.native.ids()``) or of one that Gymnasium
            knows (``"gymnasium:CartPole-v1"`` is Gymnasium's own where both have one), a function
            that makes an environment, an environment, a vector environment, or a parallel
            environment of PettingZoo, whose agents share the policy.
        algo: the algorithm, ``"ppo"`` by default; with settings of its own as a dictionary,
            ``{"kind": "ppo", "clip": 0.1}``.
        steps: length of the run in environment steps; all schedules end there.
        seed: seed of everything random, environments included.
        num_envs: copies of the environment that are stepped side by side.
        reward: a function that gives the rewards of a native environment, above all of a model of
            your own (``*.mjcf.toml``): ``reward(t)`` takes a batch of :class:`Transitions` and
            returns an array with a number for each. It must be pure: what it returns depends on
            ``t`` alone.
        callback: a function that is called with a dictionary of numbers after every update, or a
            :class:`Callback`; whatever returns ``False`` stops the run.
        eval_env: where periodic evaluations (``eval__every``) are played, if ``env`` cannot be
            made a second time.
        masks: whether actions are masked by ``env.action_masks()`` or ``info["action_mask"]``;
            by default if there is either.
        check_bounds: whether an observation outside the bounds of its own space is an error; by
            default one warning if ``env`` is a name, otherwise an error.
        config: a file of settings below those given here.
        run_dir: the directory of the run; by default ``runs/ENV-ALGO-sSEED-N``.
        until: stop when the mean return of the last 100 episodes is at least this.
        stop_at: stop at the first update at or after so many steps; :func:`resume` goes on.
        init: a run or policy file to start the parameters from.
        threads: threads of the learner (and of native environments); all cores by default.
        kernel: ``"portable"`` for the same bits on every machine.
        progress: whether a line shows how far the run is, or with what: ``"tqdm"``, ``"rich"``,
            ``"plain"``; by default on terminals and in notebooks, with what is installed.
        workers: play the environments in so many processes, for slow ones: the same results, bit
            for bit. A process that crashes or hangs is replaced, with a warning.
        worker_timeout: seconds that a worker may take for one step of its environments before it
            counts as hung; 300 by default.
        worker_memory: MiB of memory that a worker may use before it is replaced.
        settings: every other setting of ``config.toml``; a dot is written as two underscores
            (``algo__clip=0.1``) or as a dictionary (``network={"kind": "linear"}``).

    Raises:
        ValueError: a setting that cannot be used; the text names it and what is valid.
        KeyboardInterrupt: after Ctrl-C, when the checkpoint is written.

    Whatever the environment raises arrives as it is, with a note about where.
    """
    processes = Processes(workers, worker_timeout, worker_memory)
    found = find(env, eval_env, masks, check_bounds, processes, reward)
    try:
        resolved = configure(
            found, algo, config, settings, steps=steps, seed=seed, env__num_envs=num_envs
        )
        options = _options(run_dir, until, stop_at, init, threads, kernel)

        def go(hooks: Hooks, flag: Flag) -> tuple[str, str]:
            return _core.train(resolved, found.python, options, hooks, flag)

        return _carry_out(go, callback, progress)
    finally:
        found.close()


def resume(
    run: Run | AnyPath,
    env: AnyEnv = None,
    *,
    steps: int | None = None,
    stop_at: int | None = None,
    reward: Reward | None = None,
    callback: AnyCallback = None,
    eval_env: AnyEnv = None,
    masks: bool | None = None,
    check_bounds: bool | None = None,
    threads: int | None = None,
    progress: AnyProgress = None,
    workers: int | None = None,
    worker_timeout: float | None = None,
    worker_memory: float | None = None,
) -> Run:
    """Go on with a run.

    With native environments the result is, bit for bit, that of a run which never stopped. Python
    environments cannot be brought back to where they stood: new episodes begin.

    Args:
        run: the run or its directory.
        env: its environment again, unless it is native or Gymnasium knows its name.
        reward: its reward function again, if it had one; a warning says if its name is another.
        steps: go on to so many steps instead; schedules hold the value they ended with.

    The other arguments are those of :func:`train`.
    """
    run_dir = run.dir if isinstance(run, Run) else Path(run)
    processes = Processes(workers, worker_timeout, worker_memory)
    begun = _core.env_options(run_dir)
    env = again(_core.env_id(run_dir), env, begun, reward)
    found = find(env, eval_env, masks, check_bounds, processes, reward)
    _check_reward(found, begun)
    try:
        found.open(begun)
        options = _options(None, None, stop_at, None, threads, None)

        def go(hooks: Hooks, flag: Flag) -> tuple[str, str]:
            return _core.resume(run_dir, found.python, steps, options, hooks, flag)

        return _carry_out(go, callback, progress)
    finally:
        found.close()


def _check_reward(found: Found, begun: Mapping[str, Any]) -> None:
    """A run goes on with the rewards that it began with."""
    if found.reward is None:
        return
    if "reward" not in begun:
        raise ValueError(
            f"reward={found.reward}: the run began with {found.id}'s own rewards, expected None"
        )
    if begun["reward"] != found.reward:
        warnings.warn(
            f"the run began with the rewards of {begun['reward']} and goes on with those of "
            f"{found.reward}: unless they are the same, so is nothing that follows",
            RuntimeWarning,
            stacklevel=3,
        )


def evaluate(
    policy: Policy | Run | AnyPath,
    env: AnyEnv = None,
    episodes: int = 100,
    *,
    reward: Reward | None = None,
    seed: int = 0,
    deterministic: bool = True,
    masks: bool | None = None,
    check_bounds: bool | None = None,
    threads: int | None = None,
    workers: int | None = None,
    worker_timeout: float | None = None,
    worker_memory: float | None = None,
) -> dict[str, Any]:
    """Play episodes with a policy and measure the return.

    Episode i is keyed by (seed, i), and exactly the first ``episodes`` count; in a vector
    environment, which begins its episodes itself, every copy plays its share.

    Args:
        policy: a policy, a run, or the path of either.
        env: where; by default the environment that it was trained on, if that has a name. Of a
            name, the options (``env.options``) are those of the training.
        episodes: how many.
        reward: the function that gives the rewards, needed if the policy was trained with one.
        seed: seed of the episodes and of sampled actions.
        deterministic: take the most probable actions instead of sampling.
        masks, check_bounds: as in :func:`train`.
        threads: threads, of native environments.
        workers, worker_timeout, worker_memory: as in :func:`train`; an episode that is lost with
            its process is played again.

    Returns:
        ``mean_return``, ``std_return``, ``ci95`` (half the width of the 95 % interval of the
        mean), ``min``, ``max``, ``mean_length``, ``returns`` (an array) and more; of an Atari
        game also ``human_normalized_score``.
    """
    policy = policy_of(policy)
    processes = Processes(workers, worker_timeout, worker_memory)
    env = again(policy.env_id, env, policy.env_options, reward)
    found = find(env, None, masks, check_bounds, processes, reward)
    flag = Flag()
    asked = {
        "episodes": episodes,
        "seed": seed,
        "stochastic": not deterministic,
        "threads": threads,
    }
    try:
        found.open(policy.env_options if found.id == policy.env_id else found.defaults)
        if episodes % found.num_agents:
            raise ValueError(
                f"episodes = {episodes}, expected a multiple of {found.num_agents}: each episode "
                f"of {found.id} is one of each of its {found.num_agents} agents"
            )
        with interruptible(flag):
            result = _core.evaluate(policy, found.id, found.python, asked, flag)
        return result | atari.human_normalized(found.id, result["mean_return"])
    finally:
        found.close()


def _options(
    run_dir: AnyPath | None,
    until: float | None,
    stop_at: int | None,
    init: AnyPath | Run | None,
    threads: int | None,
    kernel: str | None,
) -> dict[str, Any]:
    return {
        "run_dir": run_dir,
        "until": until,
        "stop_at": stop_at,
        "init": init.dir if isinstance(init, Run) else init,
        "threads": threads,
        "kernel": kernel,
        "command": list(sys.orig_argv),
    }


def _carry_out(go: Any, callback: AnyCallback, progress: AnyProgress) -> Run:
    flag = Flag()
    hooks = Hooks(callback, flag, progress)
    with interruptible(flag):
        text, outcome = go(hooks, flag)
    summary = json.loads(text)
    if outcome == "interrupted" and hooks.stopped:
        outcome = "stopped"
    summary["outcome"] = outcome
    if outcome == "interrupted":
        where = summary["run_dir"]
        raise KeyboardInterrupt(
            f"stopped after {summary['steps']} steps with a checkpoint: "
            f"gradwerk.resume({where!r}) goes on"
        )
    return Run(summary["run_dir"], summary)
