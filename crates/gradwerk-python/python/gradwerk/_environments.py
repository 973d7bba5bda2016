"""From what users call an environment to what the extension takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradwerk import _atari as atari
from gradwerk._core import Environment, check_native

#: Whatever :func:`gradwerk.train` takes as an environment.
AnyEnv = Any

#: How an environment is treated: ``masks``, ``check_bounds``, whether it is made of a name and
#: options, and the simulator that it stands on.
Manner = dict[str, Any]

#: Names of environments that were passed as objects: they must be passed again.
OBJECT = "python:"
#: Names that are Gymnasium's, also where a native environment has the same.
GYMNASIUM = "gymnasium:"


@dataclass
class Found:
    """An environment: its name, and the Python behind it (None of a native one)."""

    id: str
    python: Environment | None = None
    #: The name under which there may be a preset, if it is not the environment's own.
    twin: str | None = None
    #: Makes the Python behind a name once its options are known.
    maker: Callable[[Mapping[str, Any]], Environment] | None = None
    #: Options of the maker where nothing is said of them.
    defaults: dict[str, Any] = field(default_factory=dict)

    @property
    def num_envs(self) -> int | None:
        """Its number of environments, None if it is the user's choice."""
        return None if self.python is None else self.python.num_envs

    def open(self, options: Mapping[str, Any]) -> None:
        """Make what is behind the name.

        Raises:
            ValueError: if nobody knows the name, or its spaces have no counterpart.
        """
        if self.maker is not None:
            self.python = self.maker(options)

    def close(self) -> None:
        """Close what was made for it."""
        if self.python is not None:
            self.python.close()


def find(
    env: AnyEnv,
    eval_env: AnyEnv = None,
    masks: bool | None = None,
    check_bounds: bool = True,
) -> Found:
    """Find out what ``env`` is.

    Raises:
        TypeError: if it is nothing that can be trained on.
    """
    env = os.fspath(env) if isinstance(env, os.PathLike) else env
    manner = {"masks": masks, "check_bounds": check_bounds, "named": True, "simulator": None}
    if not isinstance(env, str):
        opened = _open(env, "env")
        name = _name(opened[2])
        made = _environment(OBJECT + name, opened, eval_env, {**manner, "named": False})
        return Found(OBJECT + name, made, name)
    if env.startswith(atari.PREFIX):
        return _atari(env, eval_env, manner)
    if _native_error(env) is not None:
        return _named(env, eval_env, manner)
    for argument, value, usual in (("eval_env", eval_env, None), ("masks", masks, None), ("check_bounds", check_bounds, True)):
        if value is not usual:
            raise ValueError(f"{argument}={value!r}: {env} is native, expected {usual}")
    return Found(env)


def _named(env: str, eval_env: AnyEnv, manner: Manner) -> Found:
    """A name that Gymnasium may know."""
    id = env if ":" in env else GYMNASIUM + env

    def maker(options: Mapping[str, Any]) -> Environment:
        source = _Make(env, dict(options))
        return _environment(id, ("factory", source, source()), eval_env, manner)

    return Found(id, twin=id.partition(":")[2], maker=maker)


def _atari(env: str, eval_env: AnyEnv, manner: Manner) -> Found:
    """A game of ``ale-py``, in its own vector environment."""

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
    training: tuple[str, Any, Any],
    eval_env: AnyEnv,
    manner: Manner,
) -> Environment:
    evaluation = None if eval_env is None else _open(eval_env, "eval_env")[:2]
    return Environment(id, training, evaluation, manner)


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
    if not callable(env):
        raise TypeError(
            f"{argument} is a {type(env).__name__}, expected a name, a gymnasium.Env, a "
            "gymnasium.vector.VectorEnv or a function that makes an environment"
        )
    made = env()
    if isinstance(made, gymnasium.vector.VectorEnv):
        return "vector", made, made
    if not isinstance(made, gymnasium.Env):
        raise TypeError(
            f"{argument} made a {type(made).__name__}, expected a gymnasium.Env (or a "
            "gymnasium.vector.VectorEnv)"
        )
    return "factory", env, made


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
