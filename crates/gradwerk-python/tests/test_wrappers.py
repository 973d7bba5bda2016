"""Wrappers of Gymnasium around environments."""

import gymnasium as gym
import numpy as np
import pytest
from conftest import Chain
from gymnasium import wrappers

import gradwerk as gw

SMALL = {"steps": 2000, "seed": 5, "num_envs": 2, "rollout__steps": 32, "algo__minibatch": 32}


class Log(gym.Wrapper):
    """Notes what goes through it."""

    calls: list

    def step(self, action):
        result = super().step(action)
        self.calls.append(result[3])
        return result


def cut(make, **settings):
    """Lengths of the episodes of a run, as the trainer counts them."""
    trainer = gw.make(make, **{**SMALL, **settings})
    progress = trainer.update()
    return progress["steps"], progress["episodes"], progress["mean_length_100"]


@pytest.mark.parametrize("limit", [2, 3, 8])
def test_a_time_limit_cuts_at_the_same_step_wherever_it_is(limit):
    inner = lambda: wrappers.TimeLimit(Chain(), limit)
    outer = lambda: wrappers.OrderEnforcing(inner())
    hidden = lambda: wrappers.RecordEpisodeStatistics(outer())
    twice = lambda: wrappers.TimeLimit(outer(), 5)
    expected = cut(hidden)
    # The environment itself cuts after three steps.
    assert expected[2] == min(limit, 3)
    assert cut(inner) == cut(outer) == cut(twice) == expected


def test_a_limit_of_the_run_comes_on_top():
    make = lambda: wrappers.TimeLimit(Chain(), 3)
    assert cut(make, env__time_limit=2)[2] == 2
    assert cut(make, env__time_limit=50)[2] == 3
    # Inner steps count: one action of two, one of one.
    assert cut(make, env__frame_skip=2)[2] == 2


def test_other_wrappers_are_stepped():
    calls = []

    def make():
        env = Log(wrappers.TimeLimit(Chain(), 2))
        env.calls = calls
        return wrappers.TimeLimit(env, 50)

    steps, *_ = cut(make)
    assert len(calls) == steps and any(calls)

    class Mine(wrappers.TimeLimit):
        def step(self, action):
            calls.append("mine")
            return super().step(action)

    cut(lambda: Mine(Chain(), 2))
    assert calls.count("mine") == steps


def test_values_bootstrap_where_a_limit_cuts():
    class Endless(Chain):
        def step(self, action):
            obs, reward, _, _, info = super().step(action)
            return obs, reward, False, False, info

    trainer = gw.make(
        lambda: wrappers.TimeLimit(Endless(), 3),
        "a2c",
        seed=1,
        steps=40_000,
        num_envs=8,
        gamma=0.9,
        network={"kind": "linear"},
        rollout__steps=30,
        lr={"start": 0.3, "end": 0.0, "schedule": "linear"},
        optimizer={"kind": "adam"},
    )
    while not trainer.finished:
        trainer.update()
    np.testing.assert_allclose(trainer.policy.value(np.arange(4)), Chain.VALUES, rtol=0.05)
