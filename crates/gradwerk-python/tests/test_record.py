"""Films of episodes."""

import struct
import sys

import gymnasium as gym
import numpy as np
import pytest
from conftest import Masked

import gradwerk as gw

SMALL = {"steps": 1000, "seed": 5, "num_envs": 2, "rollout__steps": 32, "algo__minibatch": 32}


class Drawn(gym.Env):
    """Counts, and shows its count as a colour."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(self, render_mode=None):
        self.observation_space = gym.spaces.Box(0, 100, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.render_mode, self.closed = render_mode, False

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count, self.seed = 0, seed
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.count += 1
        return np.full(1, self.count, np.float32), 1.0, self.count == 9, False, {}

    def render(self):
        picture = np.zeros((8, 10, 3), np.uint8)
        picture[:, : self.count] = (25 * self.count, 0, 255)
        return picture

    def close(self):
        self.closed = True


def size_of(path):
    """Width and height of a GIF or PNG."""
    data = path.read_bytes()
    if path.suffix == ".gif":
        assert data[:6] == b"GIF89a"
        return struct.unpack("<HH", data[6:10])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_a_native_environment_is_filmed(tmp_path):
    trainer = gw.make("CartPole-v1", **SMALL)
    trainer.update()
    path = tmp_path / "film.gif"
    film = gw.record(trainer.policy, path, episodes=2, seed=3, max_frames=30)
    evaluation = gw.evaluate(trainer.policy, episodes=2, seed=3)
    # The same episodes, whatever fits into the file.
    np.testing.assert_array_equal(film["returns"], evaluation["returns"])
    assert film["lengths"] == [int(x) for x in film["returns"]]
    assert film["frames"] == min(30, sum(film["lengths"]) + 2)
    assert max(size_of(path)) == 400
    strip = tmp_path / "strip.png"
    assert gw.record(trainer.policy, strip, side=100)["frames"] == 6
    width, height = size_of(strip)
    assert width > 5 * height


def test_an_environment_of_gymnasium_is_filmed(tmp_path):
    trainer = gw.make(Drawn, **SMALL)
    path = tmp_path / "film.gif"
    film = gw.record(trainer.policy, path, lambda: Drawn("rgb_array"), episodes=2)
    assert (film["returns"], film["lengths"], film["frames"]) == ([9.0, 9.0], [9, 9], 20)
    assert size_of(path) == (10, 8)
    imageio = pytest.importorskip("imageio")
    pictures = imageio.mimread(path, memtest=False)
    assert len(pictures) == 20
    env = Drawn("rgb_array")
    env.reset()
    for picture in pictures[:10]:
        np.testing.assert_array_equal(picture[..., :3], env.render())
        env.step(0)
    assert imageio.get_reader(path).get_meta_data()["duration"] in (0.05, 50)
    film = gw.record(trainer.policy, tmp_path / "strip.png", env, max_frames=4)
    assert film["frames"] == 4
    assert size_of(tmp_path / "strip.png") == (4 * 10 + 3 * 6, 8)
    # What the user brought stays open, what was made here does not.
    assert not env.closed


def test_the_episodes_are_those_of_an_evaluation(tmp_path):
    policy = gw.make("CartPole-v1", **SMALL).policy
    env = gym.make("CartPole-v1", render_mode="rgb_array")
    env.render = lambda: np.zeros((4, 4, 3), np.uint8)  # Without pygame.
    film = gw.record(policy, tmp_path / "film.gif", env, episodes=3, seed=2)
    evaluation = gw.evaluate(policy, "gymnasium:CartPole-v1", 3, seed=2)
    np.testing.assert_array_equal(film["returns"], evaluation["returns"])


def test_masks_memory_and_frame_skip(tmp_path):
    class Seen(Masked):
        metadata = {}
        render_mode = "rgb_array"

        def render(self):
            return np.zeros((4, 4, 3), np.uint8)

    settings = {"memory": {"kind": "gru", "units": 4, "segment": 8}, **SMALL}
    for method in (False, True):
        policy = gw.make(lambda: Seen(method), **settings).policy
        film = gw.record(policy, tmp_path / "film.gif", lambda: Seen(method), deterministic=False)
        assert 4 <= film["lengths"][0] <= 8
    policy = gw.make(Drawn, env__frame_skip=2, **SMALL).policy
    film = gw.record(policy, tmp_path / "film.gif", lambda: Drawn("rgb_array"))
    assert (film["lengths"], film["returns"]) == ([5], [9.0])


def test_a_long_film_becomes_an_even_strip(tmp_path):
    from gradwerk._record import _spread

    frames = (np.full(1, k) for k in range(10_000))
    places = [int(frame[0]) for frame in _spread(frames, 5)]
    assert (places[0], places[-1], len(places)) == (0, 9999, 5)
    np.testing.assert_allclose(places, [0, 2500, 5000, 7500, 9999], atol=100)


def test_what_cannot_be_filmed(tmp_path, monkeypatch):
    policy = gw.make("CartPole-v1", **SMALL).policy
    path = tmp_path / "film.gif"
    for bad, text in [
        ({"path": tmp_path / "film.avi"}, "unknown file ending, expected .gif, .png, .mp4"),
        ({"episodes": 0}, "episodes=0, expected at least 1"),
        ({"max_frames": 0}, "max_frames=0, expected"),
        ({"fps": 100}, "fps=100: a GIF can show 0.1 to 50"),
        ({"env": Drawn()}, "render_mode=None, expected 'rgb_array'"),
    ]:
        with pytest.raises(ValueError, match=text):
            gw.record(policy, **{"path": path, **bad})
    with pytest.raises(TypeError, match="env is a int, expected a name"):
        gw.record(policy, path, 7)
    probe = gw.make("probe/constant-reward", **SMALL).policy
    with pytest.raises(ValueError, match="probe/constant-reward has no picture to film"):
        gw.record(probe, path)
    told = gw.make("CartPole-v1", env__previous_action=True, **SMALL).policy
    with pytest.raises(ValueError, match="sees its previous action"):
        gw.record(told, path)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ImportError, match=r"imageio\[ffmpeg\]"):
        gw.record(policy, tmp_path / "film.mp4")
    assert not list(tmp_path.iterdir())


def test_a_picture_of_another_kind_is_an_error(tmp_path):
    class Odd(Drawn):
        def render(self):
            return np.zeros((8, 10 + self.count, 3), np.uint8)

    class Grey(Drawn):
        def render(self):
            return np.zeros((8, 10), np.uint8)

    policy = gw.make(Drawn, **SMALL).policy
    with pytest.raises(ValueError, match="11 x 8 pixels in a film of 10 x 8"):
        gw.record(policy, tmp_path / "film.gif", lambda: Odd("rgb_array"))
    with pytest.raises(TypeError, match=r"expected a contiguous array \[height, width, 3\]"):
        gw.record(policy, tmp_path / "film.gif", lambda: Grey("rgb_array"))


def test_an_mp4(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    policy = gw.make(Drawn, **SMALL).policy
    film = gw.record(policy, tmp_path / "film.mp4", lambda: Drawn("rgb_array"))
    assert film["frames"] == 10 and (tmp_path / "film.mp4").stat().st_size > 0
