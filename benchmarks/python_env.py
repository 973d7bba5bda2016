"""Training on Gymnasium's CartPole from Python, beside the environment alone.

``python3 benchmarks/python_env.py`` in an environment with the packages ``gradwerk`` and
``gymnasium``; prints steps per second, the best of three. The settings are those that
Stable-Baselines3 is measured with in benchmarks/peers: 8 environments, 128 steps, minibatch 256,
4 epochs, separate 64-64 tanh networks.
"""

import time
import warnings

import gymnasium as gym
import numpy as np

import gradwerk as gw

NAME, COPIES, STEPS = "CartPole-v1", 8, 60_000
SETTINGS = {"rollout__steps": 128, "algo__minibatch": 256, "algo__epochs": 4, "preset": "none"}


def alone():
    """Random actions, and each episode begun with a seed, as gradwerk begins it."""
    envs = [gym.make(NAME, disable_env_checker=True) for _ in range(COPIES)]
    for env in envs:
        env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 2, STEPS).tolist()
    start = time.perf_counter()
    for k, action in enumerate(actions):
        env = envs[k % COPIES]
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset(seed=k)
    return STEPS / (time.perf_counter() - start)


def trained(**settings):
    """ppo after its first update."""
    trainer = gw.make(f"gymnasium:{NAME}", steps=STEPS, seed=1, **settings)
    trainer.update()
    first, start = trainer.steps, time.perf_counter()
    while not trainer.finished:
        trainer.update()
    return (trainer.steps - first) / (time.perf_counter() - start)


def best(measure, **settings):
    return max(measure(**settings) for _ in range(3))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(f"{NAME} alone                     {best(alone):8,.0f} steps/s")
    for threads in (1, 2):
        own = {"num_envs": COPIES, "threads": threads, **SETTINGS}
        print(f"ppo, 8 x 128, 4 epochs, {threads} threads    {best(trained, **own):8,.0f} steps/s")
    print(f"ppo, preset, 1 thread               {best(trained, threads=1):8,.0f} steps/s")
