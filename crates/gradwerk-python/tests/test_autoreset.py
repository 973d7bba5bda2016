"""Vector environments in their three ways to begin the next episode, and single ones."""

import gymnasium as gym
import numpy as np
import pytest
from conftest import Chain
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import gradwerk as gw

MODES = list(AutoresetMode)
LEARN = {
    "algo": "a2c",
    "gamma": 0.9,
    "network": {"kind": "linear"},
    "rollout__steps": 30,
    "lr": {"start": 0.3, "end": 0.0, "schedule": "linear"},
    "optimizer": {"kind": "adam"},
}


def vector(mode, n=4, make=Chain):
    return SyncVectorEnv([make] * n, autoreset_mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_the_transitions_are_the_same_in_every_mode(mode):
    envs = vector(mode)
    trainer = gw.make(envs, seed=3, steps=10_000, **LEARN)
    progress = trainer.update()
    logs = [env.log for env in envs.envs]
    # Only what the environments did counts, not the rows in which they were reset.
    assert progress["steps"] == sum(len(log) for log in logs)
    assert progress["episodes"] == sum(cut for log in logs for *_, cut in log)
    rows = 30 * 4
    if mode == AutoresetMode.NEXT_STEP:
        # Of four rows one is a reset.
        assert rows * 0.7 < progress["steps"] < rows * 0.8
    else:
        assert progress["steps"] == rows
    expected = vector(AutoresetMode.SAME_STEP)
    gw.make(expected, seed=3, steps=10_000, **LEARN).update()
    for log, other in zip(logs, (env.log for env in expected.envs), strict=True):
        assert log == other[: len(log)]


@pytest.mark.parametrize("mode", [*MODES, None])
def test_values_bootstrap_from_the_final_observation(mode):
    env = Chain if mode is None else vector(mode, 8)
    extra = {"num_envs": 8} if mode is None else {}
    trainer = gw.make(env, seed=1, steps=40_000, **extra, **LEARN)
    while not trainer.finished:
        trainer.update()
    values = trainer.policy.value(np.arange(4))
    np.testing.assert_allclose(values, Chain.VALUES, rtol=0.05)


@pytest.mark.parametrize("mode", MODES)
def test_whole_episodes(mode):
    def make():
        return gym.wrappers.TimeLimit(Chain(), 3)

    envs = vector(mode, 3, make)
    trainer = gw.make(
        envs, "reinforce", seed=1, steps=1000, env__time_limit=3, rollout__episodes=12
    )
    for k in range(1, 4):
        progress = trainer.update()
        assert (progress["episodes"], progress["steps"]) == (12 * k, 36 * k)


@pytest.mark.parametrize("mode", MODES)
def test_evaluation_in_a_vector_environment(mode):
    trainer = gw.make(Chain, seed=1, steps=100, num_envs=2, **LEARN)
    # Three copies play 2, 2 and 1 of five episodes; two copies of the last one are not needed.
    for n, episodes in ((3, 5), (4, 2)):
        envs = vector(mode, n)
        result = gw.evaluate(trainer.policy, envs, episodes)
        assert (result["episodes"], result["mean_length"]) == (episodes, 3.0)
        assert len(result["returns"]) == episodes


def test_gymnasium_cart_pole_learns():
    envs = gym.make_vec("CartPole-v1", num_envs=16, vectorization_mode="vector_entry_point")
    assert envs.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    trainer = gw.make(envs, seed=1, steps=60_000)
    while not trainer.finished:
        trainer.update()
    make = lambda: gym.make("CartPole-v1")
    assert gw.evaluate(trainer.policy, make, 20)["mean_return"] > 300


def test_an_unknown_mode_is_an_error():
    envs = vector(AutoresetMode.NEXT_STEP)
    envs.metadata = {"autoreset_mode": "sometimes"}
    with pytest.raises(ValueError, match="sometimes, expected AutoresetMode.NEXT_STEP, SAME_STEP"):
        gw.make(envs)
    envs.metadata = {}
    with pytest.raises(ValueError, match="None, expected"):
        gw.make(envs)


def test_a_truncation_without_a_final_observation_is_an_error():
    class Forgetful(SyncVectorEnv):
        def step(self, actions):
            *rest, info = super().step(actions)
            return *rest, {}

    envs = Forgetful([Chain] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(RuntimeError, match="environment 0 was truncated, but info"):
        gw.make(envs, **LEARN).update()


def test_what_a_vector_environment_cannot_do_is_an_error():
    with pytest.raises(ValueError, match=r"env.num_envs = 3, but the number of environments is 4"):
        gw.make(vector(AutoresetMode.NEXT_STEP), num_envs=3)
    with pytest.raises(ValueError, match=r"env.frame_skip = 2: a vector environment steps"):
        gw.make(vector(AutoresetMode.NEXT_STEP), env__frame_skip=2)
    with pytest.raises(ValueError, match=r"eval.every = 100: .* give eval_env"):
        gw.train(vector(AutoresetMode.NEXT_STEP), eval__every=100)
