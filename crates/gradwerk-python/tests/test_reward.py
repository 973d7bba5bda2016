"""Rewards that a function of Python gives, in environments of Rust."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import gradwerk as gw

SMALL = {"steps": 600, "seed": 1, "num_envs": 3, "rollout__steps": 50, "algo__minibatch": 30}

HOPPER = """
model = "gymnasium:hopper.xml"
frame_skip = 4
time_limit = 40
start = { qpos = { uniform = 5e-3 }, qvel = { uniform = 5e-3 } }
observe = [{ part = "qpos", from = 1 }, { part = "qvel", clip = 10 }]
healthy = [{ part = "qpos", of = "rootz", low = 0.7 }]
facts = [
  { name = "x", part = "qpos", of = "rootx" },
  { name = "torso", part = "xpos", of = "torso" },
]
"""
REWARD = """
reward = [
  { term = "velocity", part = "qpos", of = "rootx" },
  { term = "healthy" },
  { term = "control_cost", weight = 1e-3 },
]
"""
#: Seconds that an action lasts.
DT = 4 * 0.002


def forward(t):
    """The reward of REWARD, operation by operation."""
    velocity = (t.next_facts["x"] - t.facts["x"]) / DT
    squares = np.cumsum(t.action * t.action, axis=1, dtype=np.float32)[:, -1]
    cost = (np.float32(1e-3) * squares).astype(float)
    return velocity + ~t.terminated - cost


def own(t):
    return t.reward


def zero(t):
    return np.zeros(len(t))


@pytest.fixture
def hopper(tmp_path):
    pytest.importorskip("mujoco")
    files = []
    for name, reward in (("described", REWARD), ("bare", "")):
        files.append(tmp_path / f"{name}.mjcf.toml")
        files[-1].write_text(HOPPER + reward)
    return [str(file) for file in files]


def trained(env, updates=2, **settings):
    trainer = gw.make(env, **SMALL, **settings)
    for _ in range(updates):
        trainer.update()
    return trainer


def test_a_function_that_is_the_described_reward(hopper):
    described, bare = hopper
    expected = trained(described).params_sha256
    for threads in (1, 2):
        assert trained(bare, reward=forward, threads=threads).params_sha256 == expected
        assert trained(described, reward=own, threads=threads).params_sha256 == expected
    assert trained(bare, reward=zero).params_sha256 != expected


def test_a_run_is_resumed_with_its_function(hopper, tmp_path):
    _, bare = hopper
    whole = gw.train(bare, reward=forward, run_dir=tmp_path / "whole", **SMALL)
    assert whole.summary["exact_resume"] and whole.manifest["exact_resume"]
    assert f'reward = "{forward.__module__}.forward"' in whole.config
    run = gw.train(bare, reward=forward, run_dir=tmp_path / "run", stop_at=200, **SMALL)
    assert run.summary["steps"] < 600
    with pytest.raises(ValueError, match=r"come from the function \S*forward .*pass it again"):
        gw.resume(run)
    with pytest.warns(RuntimeWarning, match=r"rewards of \S*forward and goes on .*zero"):
        gw.resume(shutil.copytree(run.dir, tmp_path / "other"), reward=zero)
    run = gw.resume(run, reward=forward)
    assert run.summary["params_sha256"] == whole.summary["params_sha256"]
    assert run.summary["state_sha256"] == whole.summary["state_sha256"]


def test_a_run_with_its_own_rewards_keeps_them(tmp_path):
    run = gw.train("CartPole-v1", run_dir=tmp_path / "run", stop_at=200, **SMALL)
    with pytest.raises(ValueError, match="began with CartPole-v1's own rewards, expected None"):
        gw.resume(run, reward=own)


def test_evaluations_use_the_function(hopper, tmp_path):
    described, bare = hopper
    policy = trained(bare, reward=forward).policy
    assert policy.env_options == {"reward": f"{forward.__module__}.forward"}
    result = gw.evaluate(policy, episodes=70, reward=forward)
    same = gw.evaluate(policy, described, episodes=70)
    np.testing.assert_array_equal(result["returns"], same["returns"])
    assert not gw.evaluate(policy, episodes=3, reward=zero)["returns"].any()
    with pytest.raises(ValueError, match="pass it again"):
        gw.evaluate(policy, episodes=1)
    run = gw.train(bare, reward=zero, run_dir=tmp_path / "run", eval__every=300, **SMALL)
    assert np.nanmax(run.metrics["mean_return_100"]) == 0


def test_films_tell_the_returns_of_the_function(tmp_path):
    policy = trained("CartPole-v1", reward=lambda t: 2 * t.reward).policy
    film = gw.record(policy, tmp_path / "film.gif", reward=lambda t: 2 * t.reward)
    assert film["returns"] == [2.0 * film["lengths"][0]]
    with pytest.raises(ValueError, match="pass it again"):
        gw.record(policy, tmp_path / "film.gif")


def test_what_the_function_sees(hopper):
    _, bare = hopper
    seen = []

    def watch(t):
        seen.append(t)
        return np.arange(len(t), dtype=np.int32)

    envs = gw.native.make_vec(bare, num_envs=4, seed=3, reward=watch)
    obs, _ = envs.reset()
    rng, ended = np.random.default_rng(0), False
    facts = None
    for _ in range(60):
        action = rng.uniform(-1, 1, (4, 3)).astype(np.float32)
        after, reward, terminated, truncated, info = envs.step(action)
        t = seen[-1]
        np.testing.assert_array_equal(reward, [0, 1, 2, 3])
        np.testing.assert_array_equal(t.obs, obs)
        np.testing.assert_array_equal(t.action, action)
        np.testing.assert_array_equal(t.terminated, terminated)
        np.testing.assert_array_equal(t.truncated, truncated)
        assert len(t) == 4 and not t.reward.any()
        assert t.facts["x"].shape == (4,) and t.next_facts["torso"].shape == (4, 3)
        last = after.copy()
        for i in np.flatnonzero(terminated | truncated):
            last[i], ended = info["final_obs"][i], True
        np.testing.assert_array_equal(t.next_obs, last)
        if facts is not None:
            # They go on where an episode does, and begin anew where one ended.
            moved = facts[0] != t.facts["x"]
            np.testing.assert_array_equal(moved, facts[1])
        facts = t.next_facts["x"], terminated | truncated
        obs = after
    assert ended


def fault(returned, call=3):
    """A function whose ``call``-th call returns this."""
    calls = []

    def faulty(t):
        calls.append(t)
        return returned(t) if len(calls) == call else np.zeros(len(t))

    return faulty


def with_nan(t):
    rewards = np.zeros(len(t))
    rewards[1] = np.nan
    return rewards


@pytest.mark.parametrize(
    ("returned", "kind", "message"),
    [
        (lambda t: np.zeros((len(t), 1)), ValueError, r"shape \[3, 1\] .*expected the shape \[3\]"),
        (lambda t: 1.0, ValueError, r"returned 1.0 \(float\) .*expected the shape \[3\]"),
        (lambda t: None, TypeError, r"returned None .*expected 3 numbers"),
        (lambda t: ["a", "b", "c"], TypeError, r"expected 3 numbers"),
        (lambda t: [[0], [1, 2], 3], TypeError, r"expected 3 numbers"),
        (lambda t: np.zeros(3, complex), TypeError, r"complex128 .*expected 3 numbers"),
        (with_nan, FloatingPointError, r"returned NaN for environment 1, step 3 of its episode 0"),
        (lambda t: t.obs @ np.ones(2), ValueError, "matmul"),
    ],
)
def test_faults_name_function_environment_and_step(returned, kind, message):
    trainer = gw.make("CartPole-v1", reward=fault(returned), **SMALL)
    with pytest.raises(kind, match=message) as raised:
        trainer.update()
    place = "environment 1" if returned is with_nan else "the first of environment 0"
    text = "".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    assert "fault.<locals>.faulty" in text
    if sys.version_info >= (3, 11):
        assert f"{place}, step 3 of its episode 0" in text


def test_an_exception_of_the_function_arrives_as_it_is(tmp_path):
    class Own(Exception):
        pass

    def raises(t):
        raise Own("no reward today")

    with pytest.raises(Own, match="no reward today"):
        gw.train("CartPole-v1", reward=raises, run_dir=tmp_path / "run", **SMALL)
    envs = gw.native.make_vec("CartPole-v1", 2, reward=raises)
    envs.reset()
    with pytest.raises(Own, match="no reward today"):
        envs.step(np.zeros(2, np.int64))


def test_without_a_function_a_description_needs_a_reward(hopper):
    with pytest.raises(ValueError, match=r"lacks `reward`: .*list of .*function from Python"):
        gw.make(hopper[1], **SMALL)


@pytest.mark.parametrize(
    ("env", "settings", "kind", "message"),
    [
        ("gymnasium:CartPole-v1", {"reward": own}, ValueError, "test_reward.own: .*is not native"),
        ("ALE/Pong-v5", {"reward": own}, ValueError, "is not native"),
        (lambda: None, {"reward": own}, ValueError, "is not native; .*wrapper"),
        ("CartPole-v1", {"reward": 1.0}, TypeError, "reward is a float, expected a function"),
        ("CartPole-v1", {"reward": own, "workers": 2}, ValueError, "workers=2: .*native"),
        ("CartPole-v1", {"reward": own, "env__options": {"a": 1}}, ValueError, "takes no options"),
        ("Nowhere-v1", {"reward": own}, ValueError, "unknown environment `Nowhere-v1`"),
    ],
)
def test_only_native_environments_take_one(env, settings, kind, message):
    with pytest.raises(kind, match=message):
        gw.make(env, **SMALL, **settings)


def test_masks_memory_and_whole_episodes_go_with_it():
    settings = {"env__previous_reward": True, "memory__kind": "gru"}
    expected = trained("probe/masked", **settings).params_sha256
    assert trained("probe/masked", reward=own, **settings).params_sha256 == expected
    episodes = {"algo": "reinforce", "rollout__episodes": 6, "steps": 900, "num_envs": 3}
    shas = []
    for reward in (None, own):
        trainer = gw.make("CartPole-v1", reward=reward, seed=2, **episodes)
        trainer.update()
        shas.append(trainer.params_sha256)
    assert shas[0] == shas[1]


def test_functions_of_a_script_are_named():
    code = """
import gradwerk as gw
def double(t):
    return 2 * t.reward
class Scaled:
    def __call__(self, t):
        return 3 * t.reward
for reward in (double, Scaled()):
    print(gw.make("CartPole-v1", reward=reward).policy.env_options["reward"])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "__main__.double\n__main__.Scaled\n"
