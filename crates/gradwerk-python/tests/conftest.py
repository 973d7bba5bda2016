"""Small environments, each with one property that is looked at."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces


class Chain(gym.Env):
    """Four states in a row; the actions change nothing.

    ``s' = min(s + 1, 3)``, reward 1 for steps taken in state 3, uniform start, cut after three
    steps. With a discount of 0.9 and endless time, ``V(3) = 1 / (1 - 0.9) = 10``, and each state
    before is worth 0.9 times the next: 9, 8.1, 7.29.
    """

    VALUES = np.array([7.29, 8.1, 9.0, 10.0])

    def __init__(self):
        self.observation_space = spaces.Discrete(4)
        self.action_space = spaces.Discrete(2)
        self.log = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.time = int(self.np_random.integers(4)), 0
        return self.state, {}

    def step(self, action):
        reward = float(self.state == 3)
        before, self.state = self.state, min(self.state + 1, 3)
        self.time += 1
        truncated = self.time == 3
        self.log.append((before, int(action), reward, truncated))
        return self.state, reward, False, truncated, {}


class Mixed(gym.Env):
    """Every space at once. Checks the actions; its observations say what the agent must see."""

    def __init__(self):
        self.observation_space = spaces.Dict(
            {
                "image": spaces.Box(0, 255, (6, 5, 3), np.uint8),
                "level": spaces.Discrete(3, start=1),
                "pair": spaces.MultiDiscrete([2, 4]),
                "place": spaces.Box(-1, 1, (2, 2), np.float64),
                "switches": spaces.MultiBinary(3),
                "inner": spaces.Tuple([spaces.Box(-np.inf, np.inf, (1,), np.float32)]),
            }
        )
        self.action_space = spaces.Dict(
            {
                "move": spaces.Discrete(3, start=-1),
                "force": spaces.Box(-2, 2, (1, 2), np.float32),
                "keys": spaces.MultiBinary(2),
                "dial": spaces.MultiDiscrete([3, 2]),
            }
        )
        self.seen = []

    def observe(self):
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        return self.observation_space.sample()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observe(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.seen.append(action)
        return self.observe(), float(action["move"]), False, len(self.seen) % 7 == 0, {}


class Masked(gym.Env):
    """Only ``time % 5`` and the value after it are valid actions; anything else is an error."""

    def __init__(self, method):
        self.observation_space = spaces.Box(0, 1, (2,), np.float32)
        self.action_space = spaces.Discrete(5)
        if method:
            self.action_masks = self.mask
        self.method = method

    def mask(self):
        mask = np.zeros(5, np.int8)
        mask[[self.time % 5, (self.time + 1) % 5]] = 1
        return mask

    def info(self):
        return {} if self.method else {"action_mask": self.mask()}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = int(self.np_random.integers(5))
        self.left = 4 + self.time
        return np.zeros(2, np.float32), self.info()

    def step(self, action):
        assert self.mask()[action] == 1, f"action {action} at time {self.time}"
        reward = float(action == self.time % 5)
        self.time += 1
        self.left -= 1
        return np.ones(2, np.float32), reward, self.left == 0, False, self.info()


class Faulty(gym.Env):
    """Does at its tenth step whatever ``fault`` does with the five results."""

    def __init__(self, fault):
        self.observation_space = spaces.Box(-1, 1, (3,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.fault, self.steps = fault, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self.steps += 1
        result = [np.zeros(3, np.float32), 1.0, False, False, {}]
        return self.fault(result) if self.steps == 10 else tuple(result)


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "run"
