"""Native environments as a Gymnasium vector environment, for whichever trainer."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from gradwerk._core import NativeEnvs, native_ids
from gradwerk._environments import Reward, rewarded_by
from gradwerk._rows import single, value

__all__ = ["NativeVectorEnv", "ids", "make_vec"]


def ids() -> list[str]:
    """Names of the native environments."""
    return native_ids()


def make_vec(
    id: str,
    num_envs: int,
    seed: int = 0,
    *,
    time_limit: int | None = None,
    frame_skip: int = 1,
    reward: Reward | None = None,
) -> NativeVectorEnv:
    """Copies of a native environment, stepped together in Rust.

    Args:
        id: its name, one of :func:`ids`.
        num_envs: copies.
        seed: seed of the episodes, until ``reset(seed=...)`` gives another.
        time_limit: steps after which episodes are truncated; the usual ones by default.
        frame_skip: times that an action is repeated.
        reward: a function that gives the rewards, as in :func:`gradwerk.train`.
    """
    return NativeVectorEnv(
        id, num_envs, seed, time_limit=time_limit, frame_skip=frame_skip, reward=reward
    )


class NativeVectorEnv(VectorEnv[Any, Any, np.ndarray]):
    """Made by :func:`make_vec`.

    The autoreset mode is SAME_STEP: final observations are in ``info["final_obs"]``. Where the
    environment masks actions, ``info["action_mask"]`` has a row per copy.
    """

    def __init__(
        self,
        id: str,
        num_envs: int,
        seed: int = 0,
        *,
        time_limit: int | None = None,
        frame_skip: int = 1,
        reward: Reward | None = None,
    ) -> None:
        rewarded = None if reward is None else rewarded_by(id, reward)
        self._envs = NativeEnvs(id, num_envs, seed, time_limit, frame_skip, None, rewarded)
        self._observation = self._envs.observation_space
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = _space(self._observation)
        self.single_action_space = _space(self._envs.action_space)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin new episodes in all copies; ``seed`` is one whole number for all of them."""
        if isinstance(seed, list):
            raise ValueError("seed is a list, expected one whole number for all copies or None")
        if options:
            raise ValueError(f"options = {options}: a native environment has none")
        return value(self._observation, self._envs.reset(seed)), self._info()

    def step(
        self, actions: Any
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of every copy; where an episode ended, the observation is the next one's."""
        rows, reward, terminated, truncated, last = self._envs.step(actions)
        info = self._info()
        ended = terminated | truncated
        if ended.any():
            final = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(ended):
                final[i] = single(value(self._observation, last[i : i + 1]))
            info["final_obs"], info["_final_obs"] = final, ended
        return value(self._observation, rows), reward, terminated, truncated, info

    def _info(self) -> dict[str, Any]:
        masks = self._envs.masks()
        return {} if masks is None else {"action_mask": masks.astype(np.int8)}


def _space(space: dict[str, Any]) -> gymnasium.Space[Any]:
    kind = space["kind"]
    if kind == "discrete":
        return spaces.Discrete(space["n"])
    if kind == "box":
        return spaces.Box(space["low"], space["high"], dtype=np.float32)
    if kind == "image":
        return spaces.Box(0, 255, space["shape"], dtype=np.uint8)
    if kind == "multi-discrete":
        return spaces.MultiDiscrete(space["n"])
    if kind == "multi-binary":
        return spaces.MultiBinary(space["n"])
    entries = {name: _space(entry) for name, entry in space["entries"].items()}
    return spaces.Dict(entries) if kind == "dict" else spaces.Tuple(tuple(entries.values()))
