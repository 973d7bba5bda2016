#!/usr/bin/env python3
"""What driving a Gymnasium vector environment costs: the time from the return of one step to the
call of the next, in an environment that does nothing and under the smallest network.

    python3 benchmarks/python_driving.py

Needs the Python package of gradwerk and gymnasium. The time holds everything that gradwerk does for a
batch step: reading observations, rewards and ends, both networks, drawing and passing actions.
"""

import tempfile
import time
import warnings

import gradwerk as gw
import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

WIDTH = 4


class Idle(VectorEnv):
    """Returns the same arrays at every step, and notes when it is called and left."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs: int):
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Box(-1.0, 1.0, (WIDTH,), np.float32)
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.obs = np.zeros((num_envs, WIDTH), np.float32)
        ends = np.zeros(num_envs, bool)
        self.result = (self.obs, np.zeros(num_envs), ends, ends.copy(), {})
        self.gaps, self.left = [], None

    def reset(self, *, seed=None, options=None):
        return self.obs, {}

    def step(self, actions):
        now = time.perf_counter()
        if self.left is not None:
            self.gaps.append(now - self.left)
        self.left = time.perf_counter()
        return self.result


def main() -> None:
    warnings.simplefilter("ignore")  # it cannot save its state
    for num_envs in (1, 8, 64, 256):
        env = Idle(num_envs)
        with tempfile.TemporaryDirectory() as directory:
            network = {"kind": "mlp", "hidden": [1]}
            steps = 4096 * num_envs
            gw.train(env, "ppo", steps=steps, threads=1, network=network, run_dir=f"{directory}/run", progress=False)
        low, median, high = np.quantile(np.array(env.gaps) * 1e6, [0.25, 0.5, 0.75])
        print(f"{num_envs:4} copies: {median:.1f} microseconds (quartiles {low:.1f} and {high:.1f})")


if __name__ == "__main__":
    main()
