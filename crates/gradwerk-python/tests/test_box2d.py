"""The walker moves as Gymnasium's does, whose engine is Box2D 2.3."""

import itertools

import gymnasium
import numpy as np

import gradwerk as gw

STEPS = 8
HULL_AND_LEGS = 14
# All motors at full power, in all ways.
MOTORS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), dtype=np.float32)


def native() -> np.ndarray:
    env = gw.native.make_vec("BipedalWalker-v3", num_envs=len(MOTORS))
    rows = [np.array(env.reset(seed=1)[0])]
    rows += [np.array(env.step(MOTORS)[0]) for _ in range(STEPS)]
    return np.array(rows)


def theirs() -> np.ndarray:
    env = gymnasium.make("BipedalWalker-v3")

    def episode(seed: int, motors: np.ndarray) -> list:
        first, _ = env.reset(seed=seed)
        return [first] + [env.step(motors)[0] for _ in range(STEPS)]

    return np.array([episode(*each) for each in enumerate(MOTORS)]).swapaxes(0, 1)


def test_the_first_steps_are_gymnasiums() -> None:
    """Ground is level there. A small random push begins an episode, which explains the rest."""
    gaps = np.abs(native() - theirs())[:, :, :HULL_AND_LEGS].max(axis=2)
    for step, row in enumerate(np.sort(gaps)):
        print(f"step {step}: {row.round(4)}")
        assert np.median(row) < 0.005, step
        assert row.max() < 0.02, step
