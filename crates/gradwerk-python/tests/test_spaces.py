"""Every space both ways."""

import gymnasium as gym
import numpy as np
import pytest
from conftest import Mixed
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv

import gradwerk as gw

SMALL = {"steps": 1000, "seed": 2, "rollout__steps": 16, "algo__minibatch": 16}


@pytest.mark.parametrize("batch", [False, True])
def test_every_space_at_once(batch, tmp_path):
    envs = SyncVectorEnv([Mixed] * 3)
    env = envs if batch else Mixed
    trainer = gw.make(env, **SMALL, **({} if batch else {"num_envs": 3}))
    assert trainer.update()["steps"] > 0
    path = tmp_path / "policy.safetensors"
    trainer.policy.save(path)
    for policy in (trainer.policy, gw.load(path)):
        one = envs.single_observation_space.sample()
        for deterministic in (True, False):
            action = policy.predict(one, deterministic)
            assert envs.single_action_space.contains(action), action
        many, _ = envs.reset(seed=0)
        actions = policy.predict(many)
        assert envs.action_space.contains(actions), actions
        assert policy.value(many).shape == (3,)
        assert np.isfinite(policy.log_prob(many, actions)).all()


def test_every_space_is_stacked_and_indices_are_embedded():
    seen = {"env__frame_stack": 3, "network__kind": "small-cnn", "network__embedding": 4}
    trainer = gw.make(Mixed, **SMALL, num_envs=2, **seen)
    assert trainer.update()["steps"] > 0


def test_a_batch_is_its_rows():
    policy = gw.make(Mixed, **SMALL, num_envs=1).policy
    envs = SyncVectorEnv([Mixed] * 3)
    many, _ = envs.reset(seed=0)
    rows = list(gym.vector.utils.iterate(envs.observation_space, many))
    actions = policy.predict(many)
    for i, row in enumerate(rows):
        action = policy.predict(row)
        for name, part in action.items():
            np.testing.assert_array_equal(part, actions[name][i])


class Shown(gym.Env):
    """Shows one observation for ever."""

    def __init__(self, space, obs):
        self.observation_space, self.action_space = space, spaces.Discrete(2)
        self.obs = obs

    def reset(self, *, seed=None, options=None):
        return self.obs, {}

    def step(self, action):
        return self.obs, 0.0, False, False, {}


def test_channels_of_an_image_may_come_first_or_last():
    rng = np.random.default_rng(0)
    last = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
    first = np.ascontiguousarray(np.moveaxis(last, -1, 0))
    shas = []
    for image in (last, first):
        space = spaces.Box(0, 255, image.shape, np.uint8)
        trainer = gw.make(lambda: Shown(space, image), **SMALL, num_envs=2)
        trainer.update()
        shas.append(trainer.params_sha256)
    assert shas[0] == shas[1]


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32])
def test_types_of_numbers(dtype):
    space = spaces.Box(-5, 5, (2,), dtype)
    trainer = gw.make(lambda: Shown(space, np.array([1, -3], dtype)), **SMALL, num_envs=1)
    trainer.update()
    assert trainer.policy.predict(np.array([1, -3], dtype)) in (0, 1)


def test_a_continuous_action_has_the_shape_and_type_of_its_space():
    class Continuous(Mixed):
        def __init__(self):
            super().__init__()
            self.action_space = spaces.Box(-2, 2, (2, 1), np.float64)

        def step(self, action):
            assert self.action_space.contains(action) and action.dtype == np.float64
            return self.observe(), 0.0, False, False, {}

    trainer = gw.make(Continuous, **SMALL, num_envs=2)
    trainer.update()


def test_unsupported_spaces_are_named():
    text = spaces.Text(5)
    with pytest.raises(TypeError, match=r"Text\(.*expected one of Box, Discrete"):
        gw.make(lambda: Shown(text, "a"))

    inside = spaces.Dict({"a": spaces.Discrete(2), "b": text})
    with pytest.raises(TypeError, match=r"entry `b`: the space Text"):
        gw.make(lambda: Shown(inside, {}))

    class Whole(Mixed):
        def __init__(self):
            super().__init__()
            self.action_space = spaces.Box(0, 5, (2,), np.int64)

    with pytest.raises(TypeError, match="Box of int64, expected a floating-point type"):
        gw.make(Whole)


@pytest.mark.parametrize(
    ("obs", "text"),
    [
        ([0.0, 1.0], r"shape \[2\], expected \[4\]"),
        ([0.0, np.nan, 0.0, 0.0], r"observation\[1\] of row 0 is NaN"),
        ("left", "expected numbers, found 'left'"),
    ],
)
def test_predict_refuses_what_is_no_observation(obs, text):
    policy = gw.make("CartPole-v1").policy
    with pytest.raises((ValueError, TypeError), match=text):
        policy.predict(obs)


def test_a_policy_with_memory_takes_and_returns_its_state():
    memory = {"kind": "gru", "units": 6, "segment": 8}
    trainer = gw.make("CartPole-v1", memory=memory, **SMALL, num_envs=4)
    trainer.update()
    policy = trainer.policy
    assert policy.state_width >= 6
    obs = np.random.default_rng(0).normal(size=(5, 3, 4))
    state, seen = None, []
    for rows in obs:
        seen.append(policy.value(rows, state=state))
        actions, state = policy.predict(rows, state=state)
        assert actions.shape == (3,) and state.shape == (3, policy.state_width)
    # Row by row the same, and without the memory something else.
    alone = None
    for k, rows in enumerate(obs):
        assert policy.value(rows[1], state=alone) == seen[k][1]
        _, alone = policy.predict(rows[1], state=alone)
    np.testing.assert_array_equal(alone, state[1])
    assert policy.value(obs[4, 1]) != seen[4][1]
    with pytest.raises(ValueError, match=r"state: an array of shape \[2\], expected \[\d+\]"):
        policy.predict(obs[0, 0], state=np.zeros(2))
