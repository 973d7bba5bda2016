"""The native environments do, step by step, what Gymnasium's do.

Builds and runs the example `trace` of gradwerk-env, puts Gymnasium's environment into the initial
state of each episode, replays the actions and compares. Run with
`pytest tests/python/test_parity.py` after `pip install -r tests/python/requirements.txt`.
"""

import json

import examples
import numpy as np
import pytest

from gym_replay import STATE_SIZE, replay

STEPS = 3000
# Bit-exact f32 observations where the dynamics do not amplify the last bit of a sine.
OBS_TOLERANCE = {"CartPole-v1": 0.0, "MountainCar-v0": 0.0, "MountainCarContinuous-v0": 0.0}
ENDS = {  # the ends that the episodes must show
    "CartPole-v1": {"terminated", "truncated"},
    "MountainCar-v0": {"terminated", "truncated"},
    "MountainCarContinuous-v0": {"terminated", "truncated"},
    "Acrobot-v1": {"terminated", "truncated"},
    "Pendulum-v1": {"truncated"},
}


def native_trace(env_id, seed):
    return json.loads(examples.output("trace", env_id, seed, STEPS))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("env_id", STATE_SIZE)
def test_parity(env_id, seed):
    trace = native_trace(env_id, seed)
    assert sum(len(e["rewards"]) for e in trace["episodes"]) == STEPS
    assert len(trace["episodes"]) >= 3
    tolerance = OBS_TOLERANCE.get(env_id, 1e-6)
    ends, worst = set(), 0.0
    for number, episode in enumerate(trace["episodes"]):
        steps = replay(env_id, episode["initial_state"], episode["actions"])
        for t, (obs, reward, terminated, truncated) in enumerate(steps):
            place = f"{env_id} seed {seed} episode {number} step {t}"
            native = np.array(episode["obs"][t], dtype=np.float32)
            worst = max(worst, float(np.abs(native.astype(float) - obs.astype(float)).max()))
            np.testing.assert_allclose(native, obs, rtol=0, atol=tolerance, err_msg=place)
            assert episode["rewards"][t] == pytest.approx(reward, rel=1e-6, abs=1e-9), place
            assert episode["terminated"][t] == terminated, place
            # Gymnasium's limit also marks a step that terminates; here termination wins.
            assert episode["truncated"][t] == (truncated and not terminated), place
            ends |= {"terminated"} if terminated else {"truncated"} if truncated else set()
    print(f"{env_id} seed {seed}: worst observation difference {worst:g}")
    assert ends == ENDS[env_id]
