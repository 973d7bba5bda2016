"""Runs on the disk: train, resume, interrupt, follow."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import gymnasium as gym
import numpy as np
import pytest

import gradwerk as gw

SMALL = {"steps": 4096, "seed": 5, "num_envs": 4, "rollout__steps": 64}
BINARY = pathlib.Path(__file__).resolve().parents[3] / "target" / "release" / "gradwerk"


def test_a_native_run(run_dir):
    run = gw.train("CartPole-v1", run_dir=run_dir, **SMALL)
    assert run.dir == run_dir
    assert run.summary["outcome"] == "finished" and run.summary["exact_resume"]
    assert (run.summary["env"], run.summary["algo"]) == ("CartPole-v1", "ppo")
    assert run.manifest["exact_resume"] and "seed = 5" in run.config
    columns = run.metrics
    np.testing.assert_array_equal(columns["steps"], 256 * np.arange(1, 17))
    assert columns["mean_return_100"][-1] == run.summary["mean_return_100"]
    again = gw.Run(run_dir)
    assert again.policy.predict(np.zeros(4)) == run.policy.predict(np.zeros(4))
    with pytest.raises(ValueError, match="does not exist"):
        gw.Run(run_dir / "nowhere")


@pytest.mark.skipif(not BINARY.exists(), reason="the command line is not built")
def test_python_and_the_command_line_agree(run_dir, tmp_path):
    run = gw.train("CartPole-v1", "a2c", steps=5000, seed=7, run_dir=run_dir)
    line = [BINARY, "train", "CartPole-v1", "--algo", "a2c", "--steps", "5000", "--seed", "7"]
    line += ["--json", "--quiet", "--run-dir", tmp_path / "other"]
    result = json.loads(subprocess.run(line, capture_output=True, check=True).stdout)
    for key in ("params_sha256", "state_sha256", "mean_return_100"):
        assert run.summary[key] == result[key]


@pytest.mark.parametrize("env", ["CartPole-v1", "gymnasium:CartPole-v1"])
def test_threads_and_stepwise_training_change_nothing(env, run_dir):
    shas = set()
    for threads in (1, 2):
        trainer = gw.make(env, threads=threads, **SMALL)
        while not trainer.finished:
            trainer.update()
        shas.add(trainer.params_sha256)
    run = gw.train(env, run_dir=run_dir, **SMALL)
    assert shas == {run.summary["params_sha256"]}


def test_resuming_a_native_run_is_exact(run_dir, tmp_path):
    whole = gw.train("CartPole-v1", run_dir=run_dir, **SMALL)
    part = gw.train("CartPole-v1", run_dir=tmp_path / "part", stop_at=2000, **SMALL)
    assert part.summary["outcome"] == "stopped"
    part = gw.resume(part)
    assert part.summary["state_sha256"] == whole.summary["state_sha256"]


def test_a_python_environment_goes_on_with_new_episodes(run_dir):
    make = lambda: gym.make("CartPole-v1")
    with pytest.warns(RuntimeWarning, match="exact_resume: false"):
        run = gw.train(make, run_dir=run_dir, stop_at=2000, **SMALL)
    assert not run.summary["exact_resume"] and not run.manifest["exact_resume"]
    assert "python:CartPole-v1" in run.config
    with pytest.raises(ValueError, match="passed as an object.*pass it again"):
        gw.resume(run)
    resets = []

    class Noted(gym.Wrapper):
        def reset(self, **keywords):
            resets.append(keywords["seed"])
            return super().reset(**keywords)

    with pytest.warns(RuntimeWarning):
        run = gw.resume(run, lambda: Noted(make()))
    assert run.summary["steps"] == 4096 and run.summary["outcome"] == "finished"
    assert len(resets) > 8 and len(set(resets[4:])) == len(resets[4:])


def test_names_of_gymnasium_are_found_again(run_dir):
    with pytest.warns(RuntimeWarning):
        run = gw.train("gymnasium:CartPole-v1", run_dir=run_dir, stop_at=1000, **SMALL)
        run = gw.resume(run, steps=2000)
    assert run.summary["steps"] >= 2000
    assert gw.evaluate(run, episodes=5)["env"] == "gymnasium:CartPole-v1"


def test_evaluation_depends_on_the_keys_alone():
    trainer = gw.make("CartPole-v1", **SMALL)
    trainer.update()
    many = gw.evaluate(trainer.policy, "gymnasium:CartPole-v1", 20, seed=3)
    one = gw.evaluate(trainer.policy, gym.make("CartPole-v1"), 20, seed=3)
    np.testing.assert_array_equal(many["returns"], one["returns"])
    other = gw.evaluate(trainer.policy, gym.make("CartPole-v1"), 20, seed=4)
    assert list(other["returns"]) != list(one["returns"])


def test_periodic_evaluation_and_hooks(run_dir):
    calls = []

    class Follow(gw.Callback):
        def on_start(self, run):
            calls.append(("start", run["limit"]))

        def on_update(self, progress):
            calls.append(("update", progress["steps"]))

        def on_evaluation(self, evaluation):
            calls.append(("evaluation", evaluation["steps"]))

        def on_end(self):
            calls.append(("end", None))

    settings = {"eval__every": 1024, "eval__episodes": 3, **SMALL, "steps": 2048}
    with pytest.warns(RuntimeWarning):
        run = gw.train("gymnasium:CartPole-v1", run_dir=run_dir, callback=Follow(), **settings)
    assert calls[0] == ("start", 2048) and calls[-1] == ("end", None)
    assert [steps for kind, steps in calls if kind == "update"] == [256 * k for k in range(1, 9)]
    assert [steps for kind, steps in calls if kind == "evaluation"] == [1024, 2048]
    assert run.best_policy.predict(np.zeros(4)) in (0, 1)
    assert np.isfinite(run.metrics["eval_mean_return"]).sum() == 2


def test_a_callback_stops_the_run(run_dir):
    run = gw.train("CartPole-v1", run_dir=run_dir, callback=lambda p: p["steps"] < 1000, **SMALL)
    assert run.summary["outcome"] == "stopped" and run.summary["steps"] == 1024
    assert gw.resume(run).summary["steps"] == 4096


def test_an_exception_of_a_callback_leaves_a_checkpoint(run_dir):
    def callback(progress):
        raise KeyError(progress["steps"])

    with pytest.raises(KeyError, match="256"):
        gw.train("CartPole-v1", run_dir=run_dir, callback=callback, **SMALL)
    assert gw.resume(run_dir).summary["steps"] == 4096


@pytest.mark.parametrize("env", ["CartPole-v1", "gymnasium:CartPole-v1"])
@pytest.mark.filterwarnings("ignore:exact_resume")
def test_an_interrupt_leaves_a_checkpoint(env, run_dir):
    before = signal.getsignal(signal.SIGINT)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt, match="with a checkpoint: gradwerk.resume"):
        gw.train(env, run_dir=run_dir, **{**SMALL, "steps": 10**9})
    assert signal.getsignal(signal.SIGINT) is before
    steps = int(max(gw.Run(run_dir).metrics["steps"]))
    run = gw.resume(run_dir, steps=steps + 300)
    assert steps + 300 <= run.summary["steps"] < steps + 600


def test_other_threads_run_meanwhile(run_dir):
    ticks, done = [], threading.Event()

    def tick():
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    start = time.perf_counter()
    gw.train("Pendulum-v1", run_dir=run_dir, steps=100_000, seed=1)
    wall = time.perf_counter() - start
    done.set()
    thread.join()
    gaps = np.diff(ticks)
    assert gaps.max() < max(0.2, 0.5 * wall), (gaps.max(), wall)


def test_trainers_are_saved_and_restored(tmp_path):
    make = lambda: gw.make("CartPole-v1", **SMALL)
    whole = make()
    while not whole.finished:
        whole.update()
    part = make()
    for _ in range(5):
        part.update()
    part.save(tmp_path / "state")
    other = make()
    other.restore(tmp_path / "state")
    assert (other.steps, other.updates) == (part.steps, 5) and other.exact_resume
    while not other.finished:
        other.update()
    assert other.params_sha256 == whole.params_sha256


def test_an_environment_that_is_passed_is_stepped_alone():
    trainer = gw.make(gym.make("CartPole-v1"), "a2c", seed=1, steps=10_000)
    assert "num_envs = 1\n" in trainer.config
    many = gw.make("CartPole-v1", "a2c", seed=1, steps=10_000)
    # As many transitions per update as with the preset's number of environments.
    assert trainer.update()["steps"] == many.update()["steps"]


def test_settings_are_up_to_date():
    scripts = pathlib.Path(__file__).resolve().parents[1] / "scripts"
    sys.path.insert(0, str(scripts))
    import settings

    assert settings.FILE.read_text() == settings.text(), "run scripts/settings.py"


def test_an_evaluation_is_interrupted():
    policy = gw.make("Pendulum-v1").policy
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        gw.evaluate(policy, episodes=10**6)
    assert time.perf_counter() - start < 10


def test_an_algorithm_may_be_a_dictionary(run_dir):
    algo = {"kind": "a2c", "entropy_coef": 0.02}
    run = gw.train("CartPole-v1", algo, run_dir=run_dir, init=None, **SMALL)
    assert run.summary["algo"] == "a2c" and "entropy_coef = 0.02" in run.config
    other = gw.train("CartPole-v1", algo, run_dir=run_dir / "next", init=run, **SMALL)
    assert other.summary["params_sha256"] != run.summary["params_sha256"]


def test_the_import_is_light():
    code = "import sys, gradwerk; print([m for m in ('gymnasium', 'matplotlib') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_options_reach_gymnasium_and_stay_with_the_policy(run_dir):
    options = {"goal_velocity": 0.0, "render_mode": "rgb_array"}
    run = gw.train(
        "gymnasium:MountainCar-v0", run_dir=run_dir, env__options=options, preset="none", **SMALL
    )
    assert 'render_mode = "rgb_array"' in run.config
    assert run.policy.env_options == options
    assert gw.resume(run, steps=4352).summary["steps"] == 4352
    assert gw.evaluate(run, episodes=2)["mean_return"] == -200
    with pytest.raises(TypeError, match="size"):
        gw.make("gymnasium:MountainCar-v0", env__options={"size": 5}, preset="none", **SMALL)
    for env in ("CartPole-v1", lambda: gym.make("CartPole-v1")):
        with pytest.raises(ValueError, match=r"env.options.size = 5.*takes no options"):
            gw.make(env, env__options={"size": 5}, **SMALL)


def test_a_run_draws_its_curves(run_dir, tmp_path):
    pytest.importorskip("matplotlib")
    run = gw.train("CartPole-v1", run_dir=run_dir, **SMALL)
    axes = run.plot().axes[0]
    columns = run.metrics
    np.testing.assert_array_equal(axes.lines[0].get_xydata()[:, 0], columns["steps"])
    np.testing.assert_array_equal(axes.lines[0].get_xydata()[:, 1], columns["mean_return_100"])
    run.plot("entropy").savefig(tmp_path / "entropy.png")
    with pytest.raises(ValueError, match="no metric 'entropie', expected one of .*entropy"):
        run.plot("entropie")
