"""Environments in worker processes: the same numbers, whatever happens to a process."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from conftest import Chain, Faulty, Masked, Mixed

import gradwerk as gw

SMALL = {"steps": 2000, "seed": 5, "num_envs": 4, "rollout__steps": 32, "algo__minibatch": 32}


def trained(env, **settings):
    trainer = gw.make(env, **{**SMALL, **settings})
    while not trainer.finished:
        progress = trainer.update()
    return trainer.params_sha256, trainer.episodes, progress["mean_return_100"]


class Walk(gym.Env):
    """Walks at random, and does what ``mishap`` does at its step ``at``.

    The marker is a file that the first mishap takes away, so that only one process has one.
    """

    def __init__(self, marker=None, mishap=None, again=False, at=20):
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.marker, self.mishap, self.again, self.at, self.steps = marker, mishap, again, at, 0

    def is_first(self):
        if self.again:
            return True
        try:
            Path(self.marker).unlink()
        except FileNotFoundError:
            return False
        return True

    def observe(self):
        return np.array([self.place, self.time], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.time = float(self.np_random.normal()), 0
        return self.observe(), {}

    def step(self, action):
        self.steps += 1
        self.time += 1
        if self.mishap is not None and self.steps == self.at and self.is_first():
            self.mishap()
        self.place += 0.1 * (2 * int(action) - 1)
        return self.observe(), self.place, self.time == 13, False, {}


def exit_at_once():
    os._exit(3)


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def starve():
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    time.sleep(1000)


HOARD = []


def hoard():
    for _ in range(1000):
        HOARD.append(np.ones(1 << 21))  # 16 MiB
        time.sleep(0.01)


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "marker"
    path.touch()
    return str(path)


@pytest.mark.parametrize("make", [Chain, Walk, Mixed, lambda: Masked(False), lambda: Masked(True)])
def test_the_same_bits_as_without(make):
    settings = {"steps": 400}
    alone = trained(make, **settings)
    assert trained(make, workers=1, **settings) == alone
    assert trained(make, workers=3, **settings) == alone


def test_whole_episodes_and_time_limits():
    settings = {"algo": "reinforce", "rollout__episodes": 6, "env__time_limit": 7, "num_envs": 3}
    settings = {**{"steps": 300, "seed": 5}, **settings, "env__frame_skip": 2}
    shas = set()
    for workers in (None, 2):
        trainer = gw.make(Walk, workers=workers, **settings)
        for _ in range(3):
            trainer.update()
        assert trainer.episodes == 18
        shas.add(trainer.params_sha256)
    assert len(shas) == 1


def test_a_run_with_evaluations_and_resume(tmp_path):
    shas = []
    for workers in (None, 2):
        settings = {"eval__every": 512, "eval__episodes": 5, "workers": workers, **SMALL}
        with pytest.warns(RuntimeWarning, match="exact_resume"):
            run = gw.train(Walk, run_dir=tmp_path / f"{workers}", stop_at=1000, **settings)
            run = gw.resume(run, Walk, workers=workers)
        evaluation = gw.evaluate(run, Walk, 7, workers=workers)
        shas.append((run.summary["params_sha256"], *evaluation["returns"]))
        assert run.best_policy is not None
    assert shas[0] == shas[1]


def test_names_that_were_registered_here():
    gym.register("test/Walk-v0", lambda: Walk(), max_episode_steps=9)
    try:
        settings = {"steps": 400}
        for env in ("test/Walk-v0", lambda: gym.make("test/Walk-v0")):
            assert trained(env, workers=2, **settings) == trained(env, **settings)
    finally:
        del gym.registry["test/Walk-v0"]


def test_names_of_gymnasium():
    settings = {"steps": 1000}
    alone = trained("gymnasium:CartPole-v1", **settings)
    assert trained("gymnasium:CartPole-v1", workers=2, **settings) == alone


@pytest.mark.parametrize(
    ("mishap", "said"),
    [
        (exit_at_once, "exited with status 3"),
        (crash, r"was killed by signal 11 \(SIGSEGV\)"),
        (starve, "by signal 9 .*want of memory, after"),
        (hang, "did not answer for 3 s"),
        (hoard, r"used \d+ MiB of memory \(worker_memory=400\)"),
    ],
)
def test_a_worker_that_is_lost_is_replaced(mishap, said, marker):
    limits = {"worker_timeout": 3}
    if mishap is hoard:
        limits = {"worker_memory": 400}
    trainer = gw.make(lambda: Walk(marker, mishap), workers=2, **limits, **SMALL)
    with pytest.warns(RuntimeWarning) as caught:
        progress = trainer.update()
    # Both environments of one worker lost the step.
    assert progress["steps"] == 4 * 32 - 2
    (warning,) = caught
    text = str(warning.message)
    assert re.match(r"worker (0 \(environments 0 to 1|1 \(environments 2 to 3)\) of python:", text)
    assert "after 19 steps of an environment: another process takes its place" in text
    with pytest.raises(RuntimeWarning, match=said):
        raise warning.message
    # Episodes have 13 steps: two in 32 steps, but one in 19 and none in the 12 after the loss.
    assert progress["episodes"] == 2 * 2 + 2 * 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while not trainer.finished:
            progress = trainer.update()
    assert np.isfinite(progress["mean_return_100"])


def test_a_lost_step_is_not_learned_from(marker):
    """The values of a chain are right only if a cut episode goes on with the value of where it
    was cut."""

    class Fragile(Chain):
        def step(self, action):
            self.count = getattr(self, "count", 0) + 1
            if self.count % 400 == 399:
                os._exit(1)
            return super().step(action)

    settings = {"gamma": 0.9, "network": {"kind": "linear"}, "rollout__steps": 30, "seed": 1}
    settings["lr"] = {"start": 0.3, "end": 0.0, "schedule": "linear"}
    trainer = gw.make(
        Fragile, "a2c", steps=20_000, num_envs=4, workers=2, optimizer={"kind": "adam"}, **settings
    )
    with pytest.warns(RuntimeWarning, match="another process takes its place"):
        while not trainer.finished:
            trainer.update()
    np.testing.assert_allclose(trainer.policy.value(np.arange(4)), Chain.VALUES, rtol=0.08)


def test_a_worker_that_is_lost_again_and_again_ends_the_run(marker):
    trainer = gw.make(lambda: Walk(marker, exit_at_once, again=True), workers=2, **SMALL)
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(RuntimeError, match=r"worker 0 .*exited with status 3.*replaced 3 times"),
    ):
        while True:
            trainer.update()


def test_an_episode_of_an_evaluation_that_is_lost_is_played_again(marker):
    policy = gw.make(Walk, **SMALL).policy
    alone = gw.evaluate(policy, Walk, 6)
    with pytest.warns(RuntimeWarning, match="exited with status 3"):
        result = gw.evaluate(policy, lambda: Walk(marker, exit_at_once, at=9), 6, workers=2)
    np.testing.assert_array_equal(result["returns"], alone["returns"])


def test_an_exception_arrives_as_it_is():
    class Mine(Exception):
        pass

    def fault(result):
        raise Mine("lost a wheel")

    with pytest.raises(Mine, match="lost a wheel") as caught:
        gw.make(lambda: Faulty(fault), workers=2, **SMALL).update()
    assert "gradwerk: environment 0, its step 9 (episode 0)" in caught.value.__notes__
    assert "in fault" in str(caught.value.__cause__)


def test_an_exception_that_cannot_travel_is_told():
    class Stiff(Exception):
        def __reduce__(self):
            raise TypeError("no")

    def fault(result):
        raise Stiff("lost a wheel")

    with pytest.raises(RuntimeError, match="lost a wheel"):
        gw.make(lambda: Faulty(fault), workers=2, **SMALL).update()


@pytest.mark.parametrize(("place", "value", "error", "text"), [
    (0, np.zeros(2), ValueError, r"shape \[2\], expected \[3\]"),
    (0, np.array([0, np.nan, 0]), FloatingPointError, "is NaN at environment 0, its step 9"),
    (1, None, TypeError, "the reward is None"),
])
def test_wrong_results(place, value, error, text):
    def fault(result):
        result[place] = value
        return tuple(result)

    with pytest.raises(error, match=text):
        gw.make(lambda: Faulty(fault), workers=4, **SMALL).update()


def test_a_worker_that_does_not_start_is_an_error():
    here = os.getpid()

    def make():
        if os.getpid() != here:
            os._exit(7)
        return Walk()

    with pytest.raises(RuntimeError, match="exited with status 7 while it made its environments"):
        gw.make(make, workers=2, **SMALL)

    def elsewhere():
        if os.getpid() != here:
            raise LookupError("no licence")
        return Walk()

    with pytest.raises(LookupError, match="no licence"):
        gw.make(elsewhere, workers=2, **SMALL)


def children():
    """Processes whose parent is this one."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    return len(listed.stdout.split()) - 1  # Without ps itself.


def test_nothing_is_left_behind():
    before, files = children(), len(os.listdir("/proc/self/fd"))
    trainer = gw.make(Walk, workers=3, **SMALL)
    trainer.update()
    assert children() == before + 3
    del trainer
    assert children() == before
    assert len(os.listdir("/proc/self/fd")) == files


def test_ctrl_c_ends_the_workers(tmp_path):
    """The whole process group gets the signal, as from a terminal."""
    code = """
import gradwerk as gw, test_workers
print("ready", flush=True)
gw.train(test_workers.Walk, workers=2, num_envs=4, steps=10**9, run_dir="run")
"""
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("run/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    # The pipes end only when no worker holds them any more.
    _, error = process.communicate(timeout=60)
    assert "KeyboardInterrupt: stopped after" in error and "Traceback" in error
    assert "worker" not in error
    assert list(tmp_path.glob("run/checkpoints/*"))


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"workers": 0}, ValueError, "workers=0, expected at least 1"),
        ({"workers": 1.5}, TypeError, "workers=1.5, expected a whole number"),
        ({"workers": 5}, ValueError, "workers=5, but there are 4 environments"),
        ({"worker_timeout": 5}, ValueError, "worker_timeout=5 without workers"),
        ({"workers": 1, "worker_memory": -1}, ValueError, "worker_memory=-1, expected more"),
    ],
)
def test_what_users_say_wrong(settings, error, text):
    with pytest.raises(error, match=text):
        gw.make(Walk, **{**SMALL, **settings})


def test_what_workers_cannot_play():
    with pytest.raises(ValueError, match="workers=2: CartPole-v1 is native.*threads"):
        gw.make("CartPole-v1", workers=2)
    with pytest.raises(ValueError, match="workers=2: an environment cannot be played"):
        gw.make(Walk(), workers=2)
    lock = threading.Lock()
    with pytest.raises(TypeError, match="cannot be sent to worker"):
        gw.make(lambda: (lock, Walk())[1], workers=2, **SMALL)
