"""Training on Gymnasium's CartPole from Python, beside the environment alone.

``python3 benchmarks/python_env.py`` in an environment with the packages ``gradwerk`` and
``gymnasium``. The environment alone and the trainings take turns, an update of 1,024 steps each, so
that what else the machine does strikes all of them; printed are medians. The settings are those that
Stable-Baselines3 is measured with in benchmarks/peers: 8 environments, 128 steps, minibatch 256,
4 epochs, separate 64-64 tanh networks.
"""

import statistics
import time
import warnings

import gymnasium as gym
import numpy as np

import gradwerk as gw

NAME, COPIES, STEPS, ROUNDS = "CartPole-v1", 8, 1024, 400
SETTINGS = {"rollout__steps": 128, "algo__minibatch": 256, "algo__epochs": 4, "preset": "none"}


class Alone:
    """Random actions, and each episode begun with a seed, as gradwerk begins it."""

    def __init__(self):
        self.envs = [gym.make(NAME, disable_env_checker=True) for _ in range(COPIES)]
        for env in self.envs:
            env.reset(seed=0)
        self.random = np.random.default_rng(0)

    def __call__(self):
        actions = self.random.integers(0, 2, STEPS).tolist()
        start = time.perf_counter()
        for k, action in enumerate(actions):
            env = self.envs[k % COPIES]
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset(seed=k)
        return STEPS / (time.perf_counter() - start)


class Trained:
    """ppo after its first update."""

    def __init__(self, threads):
        own = {"num_envs": COPIES, "threads": threads, **SETTINGS}
        self.trainer = gw.make(f"gymnasium:{NAME}", steps=2 * ROUNDS * STEPS, seed=1, **own)
        self.trainer.update()

    def __call__(self):
        before, start = self.trainer.steps, time.perf_counter()
        self.trainer.update()
        return (self.trainer.steps - before) / (time.perf_counter() - start)


def main():
    warnings.simplefilter("ignore")
    works = [Alone(), Trained(1), Trained(2)]
    rounds = [[work() for work in works] for _ in range(ROUNDS)]
    names = [f"{NAME} alone", "ppo, 8 x 128, 4 epochs, 1 thread", "ppo, 8 x 128, 4 epochs, 2 threads"]
    for name, speeds in zip(names, zip(*rounds)):
        share = statistics.median(s / alone[0] for s, alone in zip(speeds, rounds))
        print(f"{name:<34} {statistics.median(speeds):8,.0f} steps/s  {share:4.0%} of the environment alone")


if __name__ == "__main__":
    main()
