"""Estimators on arrays, verify, native environments for others."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import gradwerk as gw


def arrays(rng, shape=(12, 3)):
    reward, value, next_value = rng.normal(size=(3, *shape))
    terminated = rng.random(shape) < 0.15
    truncated = ~terminated & (rng.random(shape) < 0.15)
    return reward, value, next_value, terminated, truncated


def by_definition(reward, value, next_value, terminated, truncated, gamma, lam):
    """The recursion of the definition, one environment at a time."""
    advantage = np.zeros_like(reward)
    for i in range(reward.shape[1]):
        following = 0.0
        for t in reversed(range(len(reward))):
            discount = 0.0 if terminated[t, i] else gamma
            carry = 0.0 if terminated[t, i] or truncated[t, i] else 1.0
            delta = reward[t, i] + discount * next_value[t, i] - value[t, i]
            following = delta + discount * lam * carry * following
            advantage[t, i] = following
    return advantage


def test_gae_is_its_definition():
    columns = arrays(np.random.default_rng(0))
    advantage, target = gw.gae(*columns, gamma=0.9, lam=0.8)
    np.testing.assert_allclose(advantage, by_definition(*columns, 0.9, 0.8), rtol=1e-12)
    np.testing.assert_allclose(target, advantage + columns[1], rtol=1e-12)
    # One environment may be without its axis, in any type.
    first = [column[:, 0].tolist() for column in columns]
    np.testing.assert_allclose(gw.gae(*first, gamma=0.9, lam=0.8)[0], advantage[:, 0])


def test_vtrace_on_policy_is_gae_with_lambda_1():
    reward, value, next_value, terminated, truncated = arrays(np.random.default_rng(1))
    goes_on = ~(terminated | truncated)[:-1]
    # V-trace takes V(s_{t+1}) of the next row where the episode goes on.
    next_value[:-1][goes_on] = value[1:][goes_on]
    columns = (reward, value, next_value, terminated, truncated)
    advantage, vs = gw.vtrace(*columns, gamma=0.9)
    expected, target = gw.gae(*columns, gamma=0.9, lam=1.0)
    np.testing.assert_allclose(advantage, expected, atol=1e-12)
    np.testing.assert_allclose(vs, target, atol=1e-12)
    clipped, _ = gw.vtrace(*columns, log_ratio=np.full_like(reward, -np.log(2)), gamma=0.9)
    one_step = reward + 0.9 * np.where(terminated, 0, next_value) - value
    np.testing.assert_allclose(clipped[-1], 0.5 * one_step[-1], atol=1e-12)


def test_returns():
    reward = np.array([1.0, 2.0, 4.0, 8.0])
    end = np.array([False, True, False, False])
    # gamma 1/2: 1 + 2/2, 2 | 4 + 8/2, 8.
    np.testing.assert_allclose(gw.reward_to_go(reward, end, gamma=0.5), [2, 2, 8, 8])
    np.testing.assert_allclose(gw.total_return(reward, end, gamma=0.5), [2, 2, 8, 8])
    cut = gw.reward_to_go(reward, end, gamma=0.5, next_value=np.full(4, 16.0))
    # The last row goes on with 16 / 2.
    np.testing.assert_allclose(cut, [2, 2, 12, 16])
    n_step = gw.n_step_return(reward, np.full(4, 16.0), end, n=1, gamma=0.5)
    np.testing.assert_allclose(n_step, [9, 2, 12, 16])
    valid = np.array([True, True, False, True])
    np.testing.assert_allclose(gw.reward_to_go(reward, end, gamma=0.5, valid=valid), [2, 2, 0, 8])


def test_estimators_name_what_is_wrong():
    ones = np.ones((4, 2))
    flags = np.zeros((4, 2), bool)
    with pytest.raises(ValueError, match=r"value has the shape \[4\], expected \[4, 2\]"):
        gw.gae(ones, np.ones(4), ones, flags)
    with pytest.raises(ValueError, match=r"reward has the shape \[4, 2, 1\]"):
        gw.reward_to_go(ones[..., None], flags)
    with pytest.raises(ValueError, match=r"gamma = 2"):
        gw.reward_to_go(ones, flags, gamma=2)
    with pytest.raises(ValueError, match="only 0 and 1, found 0.5"):
        gw.reward_to_go(ones, flags + 0.5)
    with pytest.raises(ValueError, match="n = 0"):
        gw.n_step_return(ones, ones, flags, n=0)


def test_verify_returns_rows():
    rows = gw.verify("fork gae", batches=[1, 2])
    assert len(rows) > 3
    assert {row["verdict"] for row in rows} <= {"ok", "reported"}
    assert all(batch["n"] in (1, 2) for row in rows if row["method"] == "exact" for batch in row["batches"])
    with pytest.raises(ValueError, match="no row matches `nothing of the kind`"):
        gw.verify("nothing of the kind")


@pytest.mark.parametrize("id", ["CartPole-v1", "Pendulum-v1", "cards/pyramid", "games/bricks"])
def test_native_environments_for_others(id):
    if id not in gw.native.ids():
        pytest.skip(f"{id} is not in the list")
    envs = gw.native.make_vec(id, 5, seed=1)
    assert envs.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    obs, info = envs.reset()
    assert obs in envs.observation_space
    envs.action_space.seed(0)
    ended = 0
    for _ in range(600):
        actions = envs.action_space.sample()
        if "action_mask" in info:
            actions = np.array([np.flatnonzero(row)[0] for row in info["action_mask"]])
        obs, reward, terminated, truncated, info = envs.step(actions)
        assert obs in envs.observation_space and reward.shape == (5,)
        for i in np.flatnonzero(terminated | truncated):
            assert info["final_obs"][i] in envs.single_observation_space
            ended += 1
    assert ended > 0
    with pytest.raises(ValueError, match="expected"):
        envs.step(np.zeros(3))


def test_native_episodes_are_those_of_training():
    first, _ = gw.native.make_vec("CartPole-v1", 3, seed=4).reset()
    other = gw.native.make_vec("CartPole-v1", 3)
    np.testing.assert_array_equal(other.reset(seed=4)[0], first)
    # They can be wrapped like any other, and trained on through Gymnasium's interface.
    wrapped = gym.wrappers.vector.RecordEpisodeStatistics(gw.native.make_vec("CartPole-v1", 4))
    trainer = gw.make(wrapped, steps=2000, seed=1)
    assert trainer.update()["steps"] > 0


def test_a_normal_distribution():
    space = gym.spaces.Box(-9, 9, (2,), np.float32)
    dist = gw.Distribution(space, "gaussian")
    assert (dist.kind, dist.params) == ("gaussian", 4)
    mean, log_std = np.array([[0.5, -1.0], [0.0, 2.0]]), np.array([[0.0, 0.5], [-1.0, 0.2]])
    y = np.concatenate([mean, log_std], axis=1)
    action = np.array([[1.0, 0.0], [0.25, 2.5]], np.float32)
    z = (action - mean) / np.exp(log_std)
    expected = (-0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    np.testing.assert_allclose(dist.log_prob(y, action), expected, rtol=1e-12)
    entropy = (log_std + 0.5 * np.log(2 * np.pi * np.e)).sum(axis=1)
    np.testing.assert_allclose(dist.entropy(y), entropy, rtol=1e-12)
    np.testing.assert_allclose(dist.kl(y, y), 0, atol=1e-15)
    np.testing.assert_allclose(dist.mode(y), mean)
    many = dist.sample(np.repeat(y[:1], 20_000, axis=0), seed=1)
    np.testing.assert_allclose(many.mean(axis=0), mean[0], atol=0.05)
    np.testing.assert_allclose(many.std(axis=0), np.exp(log_std[0]), rtol=0.05)


def gsde_rows():
    """Three rows of means [3, 2], log deviations [4, 2] (the same in all) and features [3, 4]."""
    rng = np.random.default_rng(3)
    mean, h = rng.normal(size=(3, 2)), rng.normal(size=(3, 4))
    log_std = rng.normal(-1, 0.5, size=(4, 2))
    y = np.concatenate([mean, np.tile(log_std.ravel(), (3, 1)), h], axis=1)
    return y, mean, 1e-6 + h**2 @ np.exp(2 * log_std)


def test_state_dependent_exploration():
    space = gym.spaces.Box(-9, 9, (2,), np.float32)
    dist = gw.Distribution(space, "gsde", features=4)
    assert (dist.kind, dist.params) == ("gsde", 2 + 4 * 2 + 4)
    y, mean, v = gsde_rows()
    action = np.random.default_rng(4).normal(size=(3, 2)).astype(np.float32)
    log_prob = -0.5 * ((action - mean) ** 2 / v + np.log(2 * np.pi * v)).sum(axis=1)
    np.testing.assert_allclose(dist.log_prob(y, action), log_prob, rtol=1e-12)
    entropy = 0.5 * np.log(2 * np.pi * np.e * v).sum(axis=1)
    np.testing.assert_allclose(dist.entropy(y), entropy, rtol=1e-12)
    other, w = mean[::-1], v[::-1]
    kl = 0.5 * (np.log(w / v) + (v + (mean - other) ** 2) / w - 1).sum(axis=1)
    np.testing.assert_allclose(dist.kl(y, y[::-1]), kl, rtol=1e-12)
    np.testing.assert_allclose(dist.mode(y), mean.astype(np.float32))
    many = dist.sample(np.repeat(y[:1], 20_000, axis=0), seed=1)
    deviation = np.sqrt(v[0])
    np.testing.assert_allclose(many.mean(axis=0), mean[0], atol=0.05 * deviation.max())
    np.testing.assert_allclose(many.std(axis=0), deviation, rtol=0.05)
    np.testing.assert_array_equal(dist.sample(y, seed=7), dist.sample(y, seed=7))


def test_features_of_distributions():
    space = gym.spaces.Box(-9, 9, (2,), np.float32)
    with pytest.raises(ValueError, match="a gsde distribution needs the number of hidden features"):
        gw.Distribution(space, "gsde")
    with pytest.raises(ValueError, match="features = 0: must be at least 1"):
        gw.Distribution(space, "gsde", features=0)
    with pytest.raises(ValueError, match="features = 3: a gaussian distribution reads no hidden"):
        gw.Distribution(space, "gaussian", features=3)
    settings = {"redraw_every": 8, "learn_features": True, "log_std_init": -1}
    assert gw.Distribution(space, "gsde", features=3, **settings).params == 2 + 3 * 2 + 3


def test_a_masked_choice():
    dist = gw.Distribution(gym.spaces.Discrete(3, start=5))
    y, mask = np.log([[0.5, 0.3, 0.2]]), [[1, 0, 1]]
    np.testing.assert_allclose(dist.log_prob(y, [7]), np.log(0.2), rtol=1e-12)
    np.testing.assert_allclose(dist.log_prob(y, [7], mask), np.log(0.2 / 0.7), rtol=1e-12)
    assert set(dist.sample(np.repeat(y, 500, 0), mask=mask * 500)) == {5, 7}
    with pytest.raises(ValueError, match=r"y has the shape \[3\], expected \[n, 3\]"):
        dist.entropy(y[0])
    with pytest.raises(ValueError, match="row 0 allows no value"):
        dist.entropy(y, [[0, 0, 0]])
    with pytest.raises(ValueError, match="unknown distribution `normal`"):
        gw.Distribution(gym.spaces.Discrete(3), "normal")
    with pytest.raises(ValueError, match=r"gaussian policy on Discrete\(3\): expected one of"):
        gw.Distribution(gym.spaces.Discrete(3), "gaussian")
