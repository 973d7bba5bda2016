"""From what users call an environment to what the extension takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from gradwerk._core import Environment, check_native

#: Whatever :func:`gradwerk.train` takes as an environment.
AnyEnv = Any

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

    @property
    def num_envs(self) -> int | None:
        """Its number of environments, None if it is the user's choice."""
        return None if self.python is None else self.python.num_envs

    def close(self) -> None:
        """Close what was made for it."""
        if self.python is not None:
            self.python.close()


def find(env: AnyEnv, eval_env: AnyEnv = None, masks: bool | None = None) -> Found:
    """Find out what ``env`` is.

    Raises:
        TypeError: if it is nothing that can be trained on.
        ValueError: if it is a name that nobody knows, or its spaces have no counterpart.
    """
    env = os.fspath(env) if isinstance(env, os.PathLike) else env
    if isinstance(env, str) and _native_error(env) is None:
        for name, value in (("eval_env", eval_env), ("masks", masks)):
            if value is not None:
                raise ValueError(f"{name}={value!r}: {env} is native, expected None")
        return Found(env)
    kind, source, probe = _open(env, "env")
    evaluation = None if eval_env is None else _open(eval_env, "eval_env")[:2]
    spec = getattr(probe, "spec", None)
    name = spec.id if spec is not None else _class_name(probe)
    if isinstance(env, str):
        id = env if ":" in env else GYMNASIUM + env
    else:
        id = OBJECT + name
    return Found(id, Environment(id, (kind, source), probe, evaluation, masks), name)


def _open(env: AnyEnv, argument: str) -> tuple[str, Any, Any]:
    """Kind, source, and an environment to ask about itself."""
    gymnasium = _gymnasium(env)
    if isinstance(env, str):
        source = _Make(env)
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

    def __call__(self) -> Any:
        gymnasium = _gymnasium(self.id)
        try:
            # What the checker warns of is an error here, found at every reset and step.
            return gymnasium.make(self.id, disable_env_checker=True)
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


def _class_name(env: Any) -> str:
    """Module and class of the innermost environment."""
    kind = type(getattr(env, "unwrapped", env))
    return f"{kind.__module__}.{kind.__qualname__}"
