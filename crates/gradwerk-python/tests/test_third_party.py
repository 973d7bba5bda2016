"""Environments of others, where they are installed:
``pip install minatar minigrid highway-env pettingzoo``.
"""

import gymnasium as gym
import numpy as np
import pytest

import gradwerk as gw

SMALL = {"steps": 300, "seed": 1, "num_envs": 2, "rollout__steps": 32, "algo__minibatch": 32}


def trained(env, **settings):
    trainer = gw.make(env, **{**SMALL, **settings})
    while not trainer.finished:
        trainer.update()
    policy = trainer.policy
    assert np.isfinite(gw.evaluate(policy, env, 2, workers=settings.get("workers"))["mean_return"])
    return trainer.params_sha256


@pytest.mark.parametrize("game", ["Breakout", "SpaceInvaders"])
def test_minatar(game):
    pytest.importorskip("minatar")
    from minatar.gym import register_envs

    register_envs()
    name = f"MinAtar/{game}-v1"
    assert trained(name) == trained(name, workers=2)


def test_minigrid():
    minigrid = pytest.importorskip("minigrid")
    name = "MiniGrid-Empty-5x5-v0"
    # The mission is a text.
    with pytest.raises(TypeError, match="entry `mission`: the space .*FilterObservation"):
        gw.make(name, **SMALL)

    def make():
        return minigrid.wrappers.ImgObsWrapper(gym.make(name))

    trained(make)

    def both():
        return gym.wrappers.FilterObservation(gym.make(name), ["image", "direction"])

    assert trained(both) == trained(both, workers=2)


def test_highway():
    pytest.importorskip("highway_env")

    def make(**keywords):
        config = {"duration": 8, "vehicles_count": 5}
        return gym.make("highway-fast-v0", config=config, **keywords)

    assert trained(make) == trained(make, workers=2)


def test_highway_film(tmp_path):
    pytest.importorskip("highway_env")
    config = {"duration": 4, "vehicles_count": 5}
    make = lambda: gym.make("highway-fast-v0", config=config, render_mode="rgb_array")
    policy = gw.make(make, **SMALL).policy
    film = gw.record(policy, tmp_path / "film.gif", make)
    assert film["frames"] == film["lengths"][0] + 1


def test_pettingzoo():
    """An environment of the package's own base class."""
    pytest.importorskip("pettingzoo")
    from pettingzoo.utils.env import ParallelEnv
    from test_parallel import Crowd

    class Real(Crowd, ParallelEnv):
        pass

    trainer = gw.make(Real, **{**SMALL, "num_envs": 3})
    assert trainer.update()["steps"] > 0
