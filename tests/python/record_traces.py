"""Record what Gymnasium does into conformance/traces/, which the Rust tests replay.

Run `python tests/python/record_traces.py` after installing requirements.txt. The format is that of
the example `trace` of gradwerk-env: `initial_state` holds the numbers of a native snapshot.
"""

import json
import pathlib

import gymnasium
import numpy as np

from gym_replay import STATE_SIZE, native, start

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "conformance" / "traces"
STEPS = 320
SEED = 20
# Native snapshots of this one say whether a step was taken since the reset.
EXTRA_STATE = {"MountainCarContinuous-v0": [0.0]}
# Further starts from which a few steps reach every bound: walls, speed limits, wrapped angles.
CORNERS = {
    "CartPole-v1": [[2.37, 1, 0, 0], [-2.37, -1, 0, 0], [0, 0, 0.19, 1], [0, 0, -0.19, -1]],
    "MountainCar-v0": [[-1.15, -0.06], [0.1, 0.07], [0.2, -0.07], [0.48, 0.03]],
    "MountainCarContinuous-v0": [[-1.15, -0.06], [0.1, 0.07], [0.2, -0.07], [0.4, 0.05]],
    "Acrobot-v1": [[1.5, 3.1, 12, 27], [-1.5, -3.1, -12, -27], [0.1, 3.1, 0, 3], [0.1, -3.1, 0, -3]],
    "Pendulum-v1": [[1.5, 7.9], [-1.5, -7.9], [50, 0], [-50, 0]],
}
CORNER_STEPS = 5


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


def record_episode(env, env_id, obs, rng, random, most):
    """Record from the current state, which shows `obs`, to the end or for `most` steps."""
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
    episode["final_state"] = [float(x) for x in env.unwrapped.state]
    return episode


def first_observation(env, env_id):
    """What the environment shows in a state that was set."""
    inner = env.unwrapped
    show = {"Acrobot-v1": "_get_ob", "Pendulum-v1": "_get_obs"}.get(env_id)
    return getattr(inner, show)() if show else inner.state


def record(env_id):
    env = gymnasium.make(env_id)
    rng = np.random.default_rng(SEED)
    episodes, left = [], STEPS
    while left > 0:
        k = len(episodes)
        obs, _ = env.reset(seed=SEED + k)
        episodes.append(record_episode(env, env_id, obs, rng, k % 2 == 1, left))
        left -= len(episodes[-1]["rewards"])
    for corner in CORNERS[env_id]:
        start(env, env_id, corner)
        obs = np.array(first_observation(env, env_id), dtype=np.float32)
        episodes.append(record_episode(env, env_id, obs, rng, True, CORNER_STEPS))
    env.close()
    source = f"gymnasium {gymnasium.__version__}, numpy {np.__version__}"
    return {"env": env_id, "seed": SEED, "source": source, "episodes": episodes}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in STATE_SIZE:
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(record(name), separators=(",", ":")) + "\n")
        print(path.name, path.stat().st_size, "bytes")
