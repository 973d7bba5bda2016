"""Images at next to no cost for Stable-Baselines3: the bars of `gradwerk bench train/images-...` and
`train/grids-...`, and the networks that gradwerk has for them.

In every channel a bright row moves, down and up in turn. All copies are stepped together and look
their images up in a table, so that what is measured is the learner and not this file. An episode is
cut after 100 steps, as in gradwerk's.
"""

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN
from stable_baselines3.common.vec_env import VecEnv

LIMIT = 100
ACTIONS = 6


def images(channels: int, side: int) -> np.ndarray:
    """What is seen at time t, for t from 0 to side - 1: `[side, channels, side, side]`."""
    frames = np.zeros((side, channels, side, side), np.uint8)
    for time in range(side):
        for channel in range(channels):
            row = (time + channel) % side
            frames[time, channel, side - 1 - row if channel % 2 else row] = 255
    return frames


class Bars(VecEnv):
    """All copies at once; 1 for the action that the time asks for."""

    def __init__(self, num_envs: int, channels: int, side: int):
        space = Box(0, 255, (channels, side, side), np.uint8)
        super().__init__(num_envs, space, Discrete(ACTIONS))
        self.frames, self.rng = images(channels, side), np.random.default_rng(1)
        self.start()

    def start(self) -> None:
        self.time = self.rng.integers(len(self.frames), size=self.num_envs)
        self.played = 0

    def seen(self) -> np.ndarray:
        return self.frames[self.time % len(self.frames)]

    def reset(self) -> np.ndarray:
        self.start()
        return self.seen()

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> tuple:
        rewards = (self.actions == self.time % ACTIONS).astype(np.float32)
        self.time, self.played = self.time + 1, self.played + 1
        infos = [{} for _ in range(self.num_envs)]
        cut = self.played == LIMIT
        if cut:
            for info, image in zip(infos, self.seen()):
                info.update({"terminal_observation": image, "TimeLimit.truncated": True})
            self.start()
        return self.seen(), rewards, np.full(self.num_envs, cut), infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name, indices=None):
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name, value, indices=None):
        raise NotImplementedError

    def env_method(self, method_name, *args, indices=None, **kwargs):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * self.num_envs


class SmallCnn(BaseFeaturesExtractor):
    """gradwerk's `small-cnn`: 16 channels of 3 x 3, then 128 units."""

    def __init__(self, space: Box):
        super().__init__(space, 128)
        channels, height, width = space.shape
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 16, 3), torch.nn.ReLU(), torch.nn.Flatten(),
            torch.nn.Linear(16 * (height - 2) * (width - 2), 128), torch.nn.ReLU(),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image)


# Policy and value function have all but their last layers in common.
NETWORKS = {
    "small-cnn": {"features_extractor_class": SmallCnn, "net_arch": []},
    "nature-cnn": {"features_extractor_class": NatureCNN, "net_arch": []},
}
