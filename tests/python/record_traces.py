"""Record what Gymnasium does into conformance/traces/, which the Rust tests replay.

Run `python tests/python/record_traces.py` after installing requirements.txt. The format is that of
the example `trace` of gradwerk-env: `initial_state` holds the numbers of a native snapshot.
"""

import json
import pathlib

import gymnasium
import numpy as np

from gym_replay import STATE_SIZE, native

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "conformance" / "traces"
STEPS = 320
SEED = 20
# Native snapshots of this one say whether a step was taken since the reset.
EXTRA_STATE = {"MountainCarContinuous-v0": [0.0]}


def push(env_id, obs):
    """Which way a simple rule pushes: it follows the pole and swings the rest."""
    entry, sign = {"CartPole-v1": (2, 1), "Acrobot-v1": (4, -1)}.get(env_id, (-1, 1))
    return 1.0 if sign * obs[entry] >= 0 else -1.0


def choose(env, env_id, obs, rng, random):
    """Random in odd episodes (continuous actions up to twice beyond their bounds)."""
    space = env.action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(rng.integers(space.n)) if random else (space.n - 1) * (push(env_id, obs) > 0)
    scale = rng.uniform(-2, 2) if random else push(env_id, obs)
    return [float(np.float32(scale * high)) for high in space.high]


def record_episode(env, env_id, seed, rng, random, most):
    obs, _ = env.reset(seed=seed)
    state = [float(x) for x in env.unwrapped.state] + EXTRA_STATE.get(env_id, [])
    episode = {"initial_state": state, "initial_obs": obs.tolist()}
    columns = ("actions", "obs", "rewards", "terminated", "truncated")
    episode.update({name: [] for name in columns})
    done = False
    while not done and len(episode["rewards"]) < most:
        action = choose(env, env_id, obs, rng, random)
        obs, reward, terminated, truncated, _ = env.step(native(env, action))
        done = bool(terminated or truncated)
        row = (int(action) if isinstance(action, (int, np.integer)) else action, obs.tolist())
        row += (float(reward), bool(terminated), bool(truncated))
        for name, value in zip(columns, row):
            episode[name].append(value)
    return episode


def record(env_id):
    env = gymnasium.make(env_id)
    rng = np.random.default_rng(SEED)
    episodes, left = [], STEPS
    while left > 0:
        k = len(episodes)
        episodes.append(record_episode(env, env_id, SEED + k, rng, k % 2 == 1, left))
        left -= len(episodes[-1]["rewards"])
    env.close()
    source = f"gymnasium {gymnasium.__version__}, numpy {np.__version__}"
    return {"env": env_id, "seed": SEED, "source": source, "episodes": episodes}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in STATE_SIZE:
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(record(name), separators=(",", ":")) + "\n")
        print(path.name, path.stat().st_size, "bytes")
