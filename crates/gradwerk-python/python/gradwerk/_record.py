"""Films of episodes: GIF, MP4, or a PNG with a strip of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gradwerk import _atari as atari
from gradwerk import _core
from gradwerk._core import NativeEnvs, Policy, Rewarded
from gradwerk._environments import GYMNASIUM, AnyEnv, Reward, again, is_native, rewarded_by
from gradwerk._rows import value
from gradwerk._run import AnyPath, Run, policy_of

#: Most pictures of a file, by its ending; of a GIF and a video the first ones, of a strip evenly
#: spaced ones.
MOST = {".gif": 500, ".png": 6, ".mp4": 10_000}
#: Pictures per second of environments that do not say how fast they are.
FPS = 15.0
#: What GIFs can say: they count time in hundredths of a second, and viewers take less than two
#: of them as ten.
GIF_FPS = (0.1, 50.0)


def record(
    policy: Policy | Run | AnyPath,
    path: AnyPath,
    env: AnyEnv = None,
    *,
    reward: Reward | None = None,
    episodes: int = 1,
    seed: int = 0,
    deterministic: bool = True,
    fps: float | None = None,
    max_frames: int | None = None,
    side: int = 400,
) -> dict[str, Any]:
    """Play episodes with a policy and film them.

    The episodes are those of :func:`evaluate` with the same seed.

    Args:
        policy: a policy, a run, or the path of either.
        path: the file; its ending is its format: ``.gif``, ``.png`` (a strip of pictures) or
            ``.mp4`` (needs ``imageio`` and ``imageio-ffmpeg``).
        env: where; by default the environment that it was trained on, if that has a name. A
            function must make, or an environment be, one whose ``render_mode`` is ``rgb_array``.
        reward: the function that gives the rewards, needed if the policy was trained with one.
        episodes: how many, one after another.
        seed: seed of the episodes.
        deterministic: take the most probable actions instead of sampling.
        fps: pictures per second; by default what the environment says (``render_fps``), or 15.
        max_frames: most pictures in the file: 500 in a GIF, counted from the start, and 6 in a
            PNG, evenly spaced over all that was played.
        side: longer side of the pictures of a native environment.

    Returns:
        ``path``, ``frames`` (pictures in the file), ``returns`` and ``lengths`` of the episodes.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in MOST:
        raise ValueError(f"{path}: unknown file ending, expected {', '.join(MOST)}")
    if episodes < 1:
        raise ValueError(f"episodes={episodes}, expected at least 1")
    most = MOST[ending] if max_frames is None else max_frames
    if most < 1:
        raise ValueError(f"max_frames={max_frames}, expected at least 1")
    write = _mp4_writer() if ending == ".mp4" else None
    policy = policy_of(policy)
    if policy.sees_previous:
        raise ValueError(
            "the policy sees its previous action or reward (env.previous_action, "
            "env.previous_reward), which the environment does not show: `gradwerk play` films "
            "native ones"
        )
    env = again(policy.env_id, env, policy.env_options, reward)
    stage: Stage
    rewarded = None if reward is None else rewarded_by(env, reward)
    if rewarded is not None or isinstance(env, str) and is_native(env):
        stage = Native(env, policy, seed, side, rewarded)
    elif isinstance(env, str) and env.startswith(atari.PREFIX):
        stage = Atari(env, policy, seed)
    else:
        stage = Python(env, policy, seed)
    fps = stage.fps if fps is None else fps
    low, high = GIF_FPS
    if ending == ".gif" and not low <= fps <= high:
        raise ValueError(f"fps={fps}: a GIF can show {low:g} to {high:g} pictures per second")
    played: dict[str, Any] = {"returns": [], "lengths": []}
    try:
        frames = _play(policy, stage, episodes, deterministic, played)
        if write is not None:
            count = write(path, _first(frames, most), fps)
        elif ending == ".gif":
            counted = _Counted(_first(frames, most))
            path.write_bytes(_core.gif(counted, fps))
            count = counted.count
        else:
            strip = _spread(frames, most)
            path.write_bytes(_core.png_strip(strip))
            count = len(strip)
    finally:
        stage.close()
    return {"path": path, "frames": count, **played}


class Native:
    """A native environment, drawn by gradwerk."""

    fps = FPS

    def __init__(
        self, id: str, policy: Policy, seed: int, side: int, rewarded: Rewarded | None
    ) -> None:
        self.id, self.seed, self.side, self.rewarded = id, seed, side, rewarded
        limit, self.skip = policy.env_settings(NativeEnvs(id, 1, reward=rewarded).time_limit)
        self.limit = limit or policy.longest

    def begin(self, episode: int) -> Any:
        """Begin an episode; returns its first observation."""
        self.envs = NativeEnvs(
            self.id, 1, self.seed, self.limit, self.skip, episode, self.rewarded
        )
        return self._show(self.envs.reset())

    def _show(self, rows: np.ndarray) -> Any:
        self.obs = value(self.envs.observation_space, rows)
        return self.obs

    def mask(self) -> Any:
        """Which actions are valid, None if all are."""
        return self.envs.masks()

    def step(self, action: Any) -> tuple[Any, float, bool]:
        """Observation, reward, and whether the episode is over."""
        rows, reward, terminated, truncated, _ = self.envs.step(action)
        return self._show(rows), float(reward[0]), bool(terminated[0] or truncated[0])

    def picture(self) -> np.ndarray:
        """What it looks like now."""
        picture = self.envs.picture(0, self.side)
        if picture is None:
            raise ValueError(
                f"{self.id} has no picture to film (that of Gymnasium, if it knows one of this "
                f"name, is {GYMNASIUM + self.id!r})"
            )
        return picture

    def close(self) -> None:
        """Nothing is open."""


class Python:
    """An environment of Gymnasium, which renders itself."""

    def __init__(self, env: AnyEnv, policy: Policy, seed: int) -> None:
        import gymnasium

        self.policy, self.seed = policy, seed
        self.own = not isinstance(env, gymnasium.Env)
        if isinstance(env, str):
            options = policy.env_options if env == policy.env_id else {}
            how = {**options, "render_mode": "rgb_array", "disable_env_checker": True}
            env = gymnasium.make(env.removeprefix(GYMNASIUM), **how)
        elif self.own and callable(env):
            env = env()
        if not isinstance(env, gymnasium.Env):
            raise TypeError(
                f"env is a {type(env).__name__}, expected a name, a gymnasium.Env or a function "
                "that makes one"
            )
        self.env = env
        if env.render_mode != "rgb_array":
            if self.own:
                env.close()
            raise ValueError(
                f"the environment has render_mode={env.render_mode!r}, expected 'rgb_array': "
                "gymnasium.make(..., render_mode='rgb_array')"
            )
        fps = env.metadata.get("render_fps") or FPS
        self.fps = min(float(fps), GIF_FPS[1])
        usual = None if env.spec is None else env.spec.max_episode_steps
        limit, self.skip = policy.env_settings(usual)
        self.limit = limit or policy.longest

    def begin(self, episode: int) -> Any:
        """Begin an episode; returns its first observation."""
        obs, self.info = self.env.reset(seed=_core.episode_seed(self.seed, episode))
        self.time = 0
        return obs

    def mask(self) -> Any:
        """Which actions are valid, None if all are."""
        if "action_mask" in self.info:
            return self.info["action_mask"]
        try:
            return self.env.get_wrapper_attr("action_masks")()
        except AttributeError:
            return None

    def step(self, action: Any) -> tuple[Any, float, bool]:
        """Observation, reward, and whether the episode is over."""
        total, over = 0.0, False
        for _ in range(self.skip):
            obs, reward, terminated, truncated, self.info = self.env.step(action)
            self.time += 1
            total += float(reward)
            over = bool(terminated or truncated) or self.time >= self.limit
            if over:
                break
        return obs, total, over

    def picture(self) -> np.ndarray:
        """What it looks like now."""
        return np.ascontiguousarray(self.env.render())

    def close(self) -> None:
        """Close what was made here."""
        if self.own:
            self.env.close()


class Atari:
    """A game of ``ale-py``, played as evaluations play it, beside one that goes the same way and
    shows its whole screen in colour."""

    def __init__(self, id: str, policy: Policy, seed: int) -> None:
        options = policy.env_options if id == policy.env_id else atari.DEFAULTS
        self.seen = atari.makers(id, options)[1](1)
        self.shown = atari.pictures(id, options)(1)
        self.id, self.first = id, _core.episode_seed(seed, 0) >> 1
        self.fps = min(atari.FRAMES_PER_SECOND / options["frameskip"], GIF_FPS[1])
        self.limit = policy.env_settings(None)[0] or policy.longest

    def begin(self, episode: int) -> Any:
        """Begin an episode; returns its first observation."""
        # As the copies of a vector environment are seeded, of which an evaluation has one for each.
        (obs, _), (screen, _) = (env.reset(seed=self.first + episode) for env in self._both())
        self.screen, self.time = screen[0, 0], 0
        return obs[0]

    def _both(self) -> tuple[Any, Any]:
        return self.seen, self.shown

    def mask(self) -> None:
        """All actions are valid."""

    def step(self, action: Any) -> tuple[Any, float, bool]:
        """Observation, reward, and whether the episode is over."""
        actions = np.asarray(action)[None]
        seen, shown = (env.step(actions) for env in self._both())
        if any(a[0] != b[0] for a, b in zip(seen[1:4], shown[1:4])):
            raise RuntimeError(f"{self.id}: two games with the same seed and actions differ")
        self.screen, self.time = shown[0][0, 0], self.time + 1
        obs, reward, terminated, truncated, _ = seen
        over = bool(terminated[0] or truncated[0]) or self.time >= self.limit
        return obs[0], float(reward[0]), over

    def picture(self) -> np.ndarray:
        """The screen now."""
        return np.ascontiguousarray(self.screen)

    def close(self) -> None:
        """Close both games."""
        for env in self._both():
            env.close()


Stage = Native | Python | Atari


def _play(
    policy: Policy, stage: Stage, episodes: int, deterministic: bool, played: Any
) -> Iterator[np.ndarray]:
    """Play the episodes and yield a picture of every state."""
    for episode in range(episodes):
        obs, state = stage.begin(episode), None
        total, length, over = 0.0, 0, False
        yield stage.picture()
        while not over:
            if policy.state_width > 0:
                action, state = policy.predict(obs, deterministic, stage.mask(), state)
            else:
                action = policy.predict(obs, deterministic, stage.mask())
            obs, reward, over = stage.step(action)
            total, length = total + reward, length + 1
            yield stage.picture()
        played["returns"].append(total)
        played["lengths"].append(length)


class _Counted:
    """Counts what it passes on."""

    def __init__(self, frames: Iterator[np.ndarray]) -> None:
        self.frames, self.count = frames, 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for frame in self.frames:
            self.count += 1
            yield frame


def _first(frames: Iterator[np.ndarray], most: int) -> Iterator[np.ndarray]:
    """The first ones; what follows is played all the same."""
    for k, frame in enumerate(frames):
        if k < most:
            yield frame


def _spread(frames: Iterator[np.ndarray], most: int) -> list[np.ndarray]:
    """At most so many, evenly spaced, the first and the last among them. Of a long film only
    every second (fourth, ...) picture is kept while it goes on, some dozens for each one wanted."""
    kept: list[tuple[int, np.ndarray]] = []
    every, room = 1, 64 * most
    last = None
    for k, frame in enumerate(frames):
        last = k, frame
        if k % every == 0:
            kept.append(last)
        if len(kept) > room:
            kept, every = kept[::2], 2 * every
    if last is not None and kept[-1][0] != last[0]:
        kept.append(last)
    return [kept[i][1] for i in _core.spread(len(kept), most)]


def _mp4_writer() -> Callable[[Path, Iterator[np.ndarray], float], int]:
    """Writes a video; an `ImportError` where that is not possible."""
    try:
        import imageio
        import imageio_ffmpeg  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "an .mp4 needs imageio and ffmpeg: pip install 'imageio[ffmpeg]'; a .gif needs nothing"
        ) from error

    def write(path: Path, frames: Iterator[np.ndarray], fps: float) -> int:
        count = 0
        writer: Any = imageio.get_writer(path, fps=fps, macro_block_size=2)
        with writer:
            for frame in frames:
                writer.append_data(frame)
                count += 1
        return count

    return write
