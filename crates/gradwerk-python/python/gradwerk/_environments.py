"""From what users call an environment to what the extension takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradwerk import _atari as atari
from gradwerk._core import Environment, Rewarded, Transitions, check_native

#: Whatever :func:`gradwerk.train` takes as an environment.
AnyEnv = Any

#: A function that gives the rewards of a batch of transitions, an array ``(len(t),)``.
Reward = Callable[[Transitions], Any]

#: How an environment is treated: ``masks``, ``check_bounds``, whether it is made of a name and
#: options, and the simulator that it stands on.
Manner = dict[str, Any]

#: Names of environments that were passed as objects: they must be passed again.
OBJECT = "python:"
#: How the names of files end that describe an environment.
DESCRIPTIONS = (".mjcf.toml", ".mdp.toml", ".mdp.json")
#: Names that are Gymnasium's, also where a native environment has the same.
GYMNASIUM = "gymnasium:"


@dataclass
class Found:
    """An environment: its name, and the Python behind it (None of a native one)."""

    id: str
    python: Environment | Rewarded | None = None
    #: The name under which there may be a preset, if it is not the environment's own.
    twin: str | None = None
    #: Worker processes that play it, None if this process does.
    workers: int | None = None
    #: Makes the Python behind a name once its options are known.
    maker: Callable[[Mapping[str, Any]], Environment | Rewarded] | None = None
    #: Options of the maker where nothing is said of them.
    defaults: dict[str, Any] = field(default_factory=dict)
    #: Name of the function that gives its rewards, if they are not its own.
    reward: str | None = None

    @property
    def num_envs(self) -> int | None:
        """Its number of environments, None if it is the user's choice."""
        return None if self.python is None else self.python.num_envs

    def open(self, options: Mapping[str, Any]) -> None:
        """Make what is behind the name.

        Raises:
            ValueError: if nobody knows the name, or its spaces have no counterpart.
        """
        if self.maker is None and self.python is None:
            _check_given(self.id, options)
        if self.maker is not None:
            self.python = self.maker(options)

    @property
    def num_agents(self) -> int:
        """Agents that share the policy in each of its environments."""
        return 1 if self.python is None else self.python.num_agents

    def close(self) -> None:
        """Close what was made for it."""
        if self.python is not None:
            self.python.close()


@dataclass
class Processes:
    """What users say about worker processes."""

    workers: int | None = None
    worker_timeout: float | None = None
    worker_memory: float | None = None

    def check(self) -> None:
        """Raise a `ValueError` for what cannot be carried out."""
        if self.workers is None:
            for name in ("worker_timeout", "worker_memory"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name}={getattr(self, name)!r} without workers=...")
            return
        if isinstance(self.workers, bool) or not isinstance(self.workers, int):
            raise TypeError(f"workers={self.workers!r}, expected a whole number or None")
        if self.workers < 1:
            raise ValueError(f"workers={self.workers}, expected at least 1, or None for none")
        for name in ("worker_timeout", "worker_memory"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value!r}, expected more than 0")
        if os.name != "posix":
            raise ValueError(f"workers={self.workers}: worker processes need Linux or macOS")
        if self.worker_memory is not None and not os.path.exists("/proc/self/statm"):
            raise ValueError(f"worker_memory={self.worker_memory}: it is read from /proc (Linux)")

    def source(self, kind: str, make: Any) -> tuple[str, Any]:
        """The source of environments that workers make; others stay what they are."""
        if self.workers is None or kind != "factory":
            return kind, make
        from gradwerk._workers import TIMEOUT, Workers

        memory = None if self.worker_memory is None else int(self.worker_memory * (1 << 20))
        return "workers", Workers(make, self.workers, self.worker_timeout or TIMEOUT, memory)


def find(
    env: AnyEnv,
    eval_env: AnyEnv = None,
    masks: bool | None = None,
    check_bounds: bool | None = None,
    processes: Processes | None = None,
    reward: Reward | None = None,
) -> Found:
    """Find out what ``env`` is.

    Raises:
        TypeError: if it is nothing that can be trained on.
    """
    processes = processes or Processes()
    processes.check()
    env = os.fspath(env) if isinstance(env, os.PathLike) else env
    if reward is not None:
        _check_rewarded(env, reward)
    manner = {"masks": masks, "check_bounds": check_bounds, "named": True, "simulator": None}
    if not isinstance(env, str):
        opened = _open(env, "env")
        name = _name(opened[2])
        made = _environment(
            OBJECT + name, opened, eval_env, processes, {**manner, "named": False}
        )
        return Found(OBJECT + name, made, name, processes.workers)
    if env.startswith(atari.PREFIX):
        return _atari(env, eval_env, processes, manner)
    if reward is None and not is_native(env):
        if env.endswith(DESCRIPTIONS):
            check_native(env)  # Gymnasium knows no files: this says what is wrong with it.
        return _named(env, eval_env, processes, manner)
    for argument, value, usual, hint in (
        ("eval_env", eval_env, None, ""),
        ("masks", masks, None, ""),
        ("check_bounds", check_bounds, None, ""),
        ("workers", processes.workers, None, " (threads=... is for native ones)"),
    ):
        if value is not usual:
            raise ValueError(f"{argument}={value!r}: {env} is native, expected {usual}{hint}")
    return Found(env) if reward is None else _rewarded(env, reward)


def _check_rewarded(env: AnyEnv, reward: Reward) -> None:
    """Raise what is wrong with a function that is to give the rewards of an environment."""
    if not callable(reward):
        kind = type(reward).__name__
        raise TypeError(f"reward is a {kind}, expected a function: reward(transitions) -> array")
    native = isinstance(env, str) and not env.startswith((atari.PREFIX, GYMNASIUM))
    if not native:
        raise ValueError(
            f"reward={name_of(reward)}: {env!r} is not native; give another reward in a wrapper "
            "(gymnasium.wrappers.TransformReward, gymnasium.Wrapper)"
        )


def _rewarded(id: str, reward: Reward) -> Found:
    """A native environment whose rewards a function gives."""
    python = rewarded_by(id, reward)

    def maker(options: Mapping[str, Any]) -> Rewarded:
        for key, value in options.items():
            if key != "reward":
                raise ValueError(f"env.options.{key} = {value!r}: {id} takes no options")
        return python

    return Found(id, maker=maker, reward=name_of(reward))


def rewarded_by(env: AnyEnv, reward: Reward) -> Rewarded:
    """The native environment of this name, with the rewards of a function."""
    _check_rewarded(env, reward)
    return Rewarded(env, reward, name_of(reward))


def name_of(function: Any) -> str:
    """Module and qualified name of a function, or those of an object's class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _named(env: str, eval_env: AnyEnv, processes: Processes, manner: Manner) -> Found:
    """A name that Gymnasium may know."""
    id = env if ":" in env else GYMNASIUM + env

    def maker(options: Mapping[str, Any]) -> Environment:
        source = _Make(env, dict(options))
        opened = "factory", source, source()
        return _environment(id, opened, eval_env, processes, manner)

    return Found(id, twin=id.partition(":")[2], workers=processes.workers, maker=maker)


def _atari(env: str, eval_env: AnyEnv, processes: Processes, manner: Manner) -> Found:
    """A game of ``ale-py``, in its own vector environment."""
    if processes.workers is not None:
        raise ValueError(
            f"workers={processes.workers}: {env} is stepped by threads of its own, expected None "
            '(env__options={"num_threads": ...} says how many)'
        )

    def maker(options: Mapping[str, Any]) -> Environment:
        training, evaluation = atari.makers(env, options)
        return Environment(
            env,
            ("vectors", training, training(1)),
            ("vectors", evaluation) if eval_env is None else _open(eval_env, "eval_env")[:2],
            {**manner, "simulator": atari.release()},
        )

    return Found(env, twin=atari.PRESET, maker=maker, defaults=atari.DEFAULTS)


def _environment(
    id: str,
    opened: tuple[str, Any, Any],
    eval_env: AnyEnv,
    processes: Processes,
    manner: Manner,
) -> Environment:
    kind, source, probe = opened
    if processes.workers is not None and kind != "factory":
        raise ValueError(
            f"workers={processes.workers}: {_KINDS[kind]} cannot be played by worker processes, "
            "expected a name or a function that makes a gymnasium.Env"
        )
    evaluation = None
    if eval_env is not None:
        evaluation = processes.source(*_open(eval_env, "eval_env")[:2])
    made = Environment(id, (*processes.source(kind, source), probe), evaluation, manner)
    if processes.workers is not None:
        # The workers make their own.
        probe.close()
    return made


#: Kinds of environments for messages.
_KINDS = {
    "instance": "an environment",
    "vector": "a vector environment",
    "parallel": "a parallel environment",
    "parallel-factory": "a parallel environment",
}


def _name(env: Any) -> str:
    """The name in Gymnasium's registry, or module and class of the innermost environment."""
    spec = getattr(env, "spec", None)
    if spec is not None:
        return str(spec.id)
    kind = type(getattr(env, "unwrapped", env))
    return f"{kind.__module__}.{kind.__qualname__}"


def _open(env: AnyEnv, argument: str) -> tuple[str, Any, Any]:
    """Kind, source, and an environment to ask about itself."""
    gymnasium = _gymnasium(env)
    if isinstance(env, str):
        source = _Make(env, {})
        return "factory", source, source()
    if isinstance(env, gymnasium.vector.VectorEnv):
        return "vector", env, env
    if isinstance(env, gymnasium.Env):
        return "instance", env, env
    if _is_parallel(env):
        return "parallel", env, env
    if not callable(env):
        raise TypeError(
            f"{argument} is a {type(env).__name__}, expected a name, a gymnasium.Env, a "
            "gymnasium.vector.VectorEnv, a parallel environment of PettingZoo or a function that "
            f"makes an environment{_turns(env)}"
        )
    made = env()
    if isinstance(made, gymnasium.vector.VectorEnv):
        return "vector", made, made
    if _is_parallel(made):
        return "parallel-factory", env, made
    if not isinstance(made, gymnasium.Env):
        raise TypeError(
            f"{argument} made a {type(made).__name__}, expected a gymnasium.Env (or a "
            "gymnasium.vector.VectorEnv, or a parallel environment of PettingZoo)"
            f"{_turns(made)}"
        )
    return "factory", env, made


def _is_parallel(env: Any) -> bool:
    """Whether it is a parallel environment of PettingZoo, by what it has: PettingZoo itself need
    not be there."""
    return (
        not isinstance(env, type)
        and hasattr(env, "possible_agents")
        and callable(getattr(env, "observation_space", None))
        and not hasattr(env, "agent_iter")
    )


def _turns(env: Any) -> str:
    """What to do with an environment of PettingZoo whose agents take turns."""
    if isinstance(env, type) or not hasattr(env, "agent_iter"):
        return ""
    return "; its agents take turns: pettingzoo.utils.aec_to_parallel makes it parallel, if it can"


@dataclass
class _Make:
    """Makes an environment of a name."""

    id: str
    options: dict[str, Any]

    def __call__(self) -> Any:
        gymnasium = _gymnasium(self.id)
        try:
            # What the checker warns of is an error here, found at every reset and step.
            return gymnasium.make(self.id, disable_env_checker=True, **self.options)
        except gymnasium.error.UnregisteredEnv as error:
            native = _native_error(self.id)
            raise ValueError(f"{native}; Gymnasium does not know it either: {error}") from error


def again(id: str, env: AnyEnv, options: Mapping[str, Any], reward: Reward | None) -> AnyEnv:
    """The environment that is given, or the one of this name, with these options."""
    if env is not None and env != id:
        return env
    if id.startswith(OBJECT):
        raise ValueError(f"the environment was passed as an object ({id}): pass it again, env=...")
    if reward is None and ":" not in id:
        _check_given(id, options)
    return id


def _check_given(id: str, options: Mapping[str, Any]) -> None:
    """Nobody gave the reward function of a native environment: there must be none."""
    if "reward" in options:
        raise ValueError(
            f"the rewards in {id} come from the function {options['reward']} (env.options.reward): "
            "pass it again, reward=..."
        )


def is_native(id: str) -> bool:
    """Whether there is a native environment of this name."""
    return _native_error(id) is None


def _native_error(id: str) -> str | None:
    """Why there is no native environment of this name; None if there is one."""
    try:
        check_native(id)
    except ValueError as error:
        return str(error)
    return None


def _gymnasium(env: AnyEnv) -> Any:
    try:
        import gymnasium
    except ImportError as error:
        why = _native_error(env) if isinstance(env, str) else f"{env!r} is no native environment"
        raise ImportError(
            f"{why} (for others, Gymnasium must be installed: pip install gradwerk[gymnasium])"
        ) from error
    return gymnasium
