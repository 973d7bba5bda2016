"""The MuJoCo tasks do, step by step, what Gymnasium's do on the same release of MuJoCo.

Builds and runs the example `mujoco_trace` of gradwerk-mujoco, which opens the library of the Python
that runs this file, puts Gymnasium's environment into the start of each episode, replays the
actions and compares: spaces, resets, observations (bit by bit in single precision), rewards, ends
and the simulator's final state (bit by bit in double precision).
"""

import json
import pathlib

import examples
import gymnasium
import mujoco
import numpy as np
import pytest

STEPS = 1000
REWARD_TOLERANCE = 1e-12
TASKS = [
    "HalfCheetah-v5",
    "Hopper-v5",
    "Walker2d-v5",
    "Ant-v5",
    "Humanoid-v5",
    "Swimmer-v5",
    "Reacher-v5",
    "Pusher-v5",
    "InvertedPendulum-v5",
    "InvertedDoublePendulum-v5",
]
LIBRARY = pathlib.Path(mujoco.__file__).parent
MODELS = pathlib.Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
ENVIRONMENT = {"GRADWERK_MUJOCO": str(LIBRARY), "GRADWERK_MUJOCO_MODELS": str(MODELS)}


def play(env_id, seed):
    return json.loads(examples.output("mujoco_trace", env_id, seed, STEPS, environment=ENVIRONMENT))


def start(env, state):
    """Begin an episode from the positions and velocities of a native state."""
    env.reset(seed=0)
    inner = env.unwrapped
    nq, nv = inner.model.nq, inner.model.nv
    mujoco.mj_resetData(inner.model, inner.data)
    inner.set_state(np.array(state[1 : 1 + nq]), np.array(state[1 + nq : 1 + nq + nv]))
    return inner._get_obs()


def state_of(env):
    """The simulator's state, as the native one is saved."""
    inner = env.unwrapped
    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    state = np.empty(mujoco.mj_stateSize(inner.model, kind))
    mujoco.mj_getState(inner.model, inner.data, state, kind)
    return state


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """MuJoCo's warnings go to a file in the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("env_id", TASKS)
def test_parity(env_id):
    env = gymnasium.make(env_id)
    native = play(env_id, 1)
    assert native["simulator"] == f"MuJoCo {mujoco.mj_versionString()}"
    assert sum(len(e["rewards"]) for e in native["episodes"]) == STEPS
    worst = 0.0
    for number, episode in enumerate(native["episodes"]):
        place = f"{env_id} episode {number}"
        obs = start(env, episode["initial_state"])
        assert state_of(env).tolist() == episode["initial_state"], place
        same(episode["initial_obs"], obs, f"{place} reset")
        terminated = truncated = False
        for t, action in enumerate(episode["actions"]):
            assert not (terminated or truncated), f"{place} goes on after step {t - 1}"
            obs, reward, terminated, truncated, _ = env.step(np.array(action, dtype=np.float32))
            same(episode["obs"][t], obs, f"{place} step {t}")
            worst = max(worst, abs(float(reward) - episode["rewards"][t]))
        assert terminated == episode["terminated"], place
        assert (truncated and not terminated) == episode["truncated"], place
        if not (terminated or truncated):
            assert state_of(env).tolist() == episode["final_state"], place
    print(f"{env_id}: {len(native['episodes'])} episodes, worst reward difference {worst:g}")
    assert worst <= REWARD_TOLERANCE
    env.close()


def same(native, theirs, place):
    native, theirs = np.array(native, dtype=np.float32), np.asarray(theirs)
    assert native.shape == theirs.shape, place
    np.testing.assert_array_equal(native, theirs.astype(np.float32), err_msg=place)
