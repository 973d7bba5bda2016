"""The tasks of MuJoCo in Rust, behind the same names as Gymnasium's."""

import os
import subprocess
import sys

import numpy as np
import pytest

import gradwerk as gw

pytest.importorskip("mujoco")

SMALL = {"steps": 600, "seed": 1, "num_envs": 2, "rollout__steps": 64, "algo__minibatch": 32}


def test_a_name_means_the_native_task():
    trainer = gw.make("HalfCheetah-v5", **SMALL)
    trainer.update()
    assert trainer.exact_resume and 'id = "HalfCheetah-v5"' in trainer.config
    assert gw.evaluate(trainer.policy, episodes=1)["mean_length"] == 1000


def test_gymnasium_has_its_own():
    trainer = gw.make("gymnasium:Hopper-v5", **SMALL)
    trainer.update()
    assert not trainer.exact_resume
    # The tasks are the same: what one trains, the other plays.
    result = gw.evaluate(trainer.policy, "Hopper-v5", 2)
    assert result["mean_length"] > 1


def test_a_vector_environment():
    envs = gw.native.make_vec("Hopper-v5", num_envs=3, seed=1)
    assert "Hopper-v5" in gw.native.ids()
    obs, _ = envs.reset()
    assert obs.shape == (3, 11)
    for _ in range(100):
        obs, reward, *_ = envs.step(envs.action_space.sample())
    assert np.isfinite(obs).all() and np.isfinite(reward).all()


def test_without_mujoco_the_name_is_gymnasium_s():
    code = """
import gradwerk as gw
try:
    print(gw.make("Hopper-v5", num_envs=1).exact_resume)
except Exception as error:
    print(type(error).__name__)
"""
    environment = {**os.environ, "GRADWERK_MUJOCO": "/nowhere/libmujoco.so"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
