"""Put a Gymnasium environment into a given state and replay actions in it."""

import gymnasium
import numpy as np

# The type in which Gymnasium holds the state right after a reset.
STATE_DTYPE = {"Acrobot-v1": np.float32}
# Leading entries of a snapshot that are the state.
STATE_SIZE = {
    "CartPole-v1": 4,
    "MountainCar-v0": 2,
    "MountainCarContinuous-v0": 2,
    "Acrobot-v1": 4,
    "Pendulum-v1": 2,
}


def native(env, action):
    """The action as Gymnasium wants it."""
    if isinstance(env.action_space, gymnasium.spaces.Discrete):
        return int(action)
    return np.array(action, dtype=np.float32)


def start(env, env_id, state):
    """Begin an episode in this state."""
    env.reset(seed=0)
    dtype = STATE_DTYPE.get(env_id, np.float64)
    env.unwrapped.state = np.array(state[: STATE_SIZE[env_id]], dtype=dtype)


def replay(env_id, state, actions):
    """Yield (observation, reward, terminated, truncated) per action."""
    env = gymnasium.make(env_id)
    start(env, env_id, state)
    for action in actions:
        obs, reward, terminated, truncated, _ = env.step(native(env, action))
        yield obs, float(reward), bool(terminated), bool(truncated)
    env.close()
