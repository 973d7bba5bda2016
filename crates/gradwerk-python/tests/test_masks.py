"""Action masks, from info and from a method."""

import numpy as np
import pytest
from conftest import Masked
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import gradwerk as gw

SMALL = {"steps": 4000, "seed": 1, "rollout__steps": 64, "algo__minibatch": 64}


class MethodVector(SyncVectorEnv):
    """A vector environment with the method."""

    def action_masks(self):
        return np.array([env.mask() for env in self.envs])


@pytest.mark.parametrize("method", [False, True])
def test_single_environments(method):
    # The environment raises for an invalid action.
    trainer = gw.make(lambda: Masked(method), num_envs=3, **SMALL)
    while not trainer.finished:
        progress = trainer.update()
    assert progress["mean_return_100"] > 3
    result = gw.evaluate(trainer.policy, lambda: Masked(method), 30)
    assert result["episodes"] == 30


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("kind", [SyncVectorEnv, MethodVector])
def test_vector_environments(kind, mode):
    method = kind is MethodVector
    envs = kind([lambda: Masked(method)] * 3, autoreset_mode=mode)
    trainer = gw.make(envs, **SMALL)
    for _ in range(4):
        trainer.update()
    assert gw.evaluate(trainer.policy, envs, 7)["episodes"] == 7


def test_whole_episodes_leave_idle_copies_valid_actions():
    envs = SyncVectorEnv([lambda: Masked(False)] * 3)
    trainer = gw.make(
        envs, "reinforce", steps=1000, env__time_limit=20, rollout__episodes=6
    )
    for _ in range(3):
        trainer.update()
    assert trainer.episodes == 18


def test_masks_can_be_refused_or_demanded():
    with pytest.raises(AssertionError, match="action"):
        gw.make(lambda: Masked(False), masks=False, **SMALL).update()
    with pytest.raises(ValueError, match="neither a method `action_masks`"):
        gw.make("gymnasium:CartPole-v1", masks=True)


def test_predict_takes_a_mask():
    policy = gw.make(lambda: Masked(False), **SMALL).policy
    for k in range(5):
        mask = np.eye(5, dtype=np.int8)[k]
        assert policy.predict(np.zeros(2), mask=mask) == k
        assert policy.predict(np.zeros(2), False, mask=mask) == k
    np.testing.assert_array_equal(policy.predict(np.zeros((5, 2)), mask=np.eye(5)), range(5))
    with pytest.raises(ValueError, match="allows no value"):
        policy.predict(np.zeros(2), mask=np.zeros(5))
    with pytest.raises(ValueError, match="4 entries, expected 5"):
        policy.predict(np.zeros(2), mask=np.ones(4))


def test_a_mask_that_allows_nothing_names_environment_and_step():
    class Stuck(Masked):
        def mask(self):
            return super().mask() * (self.time < 6)

    with pytest.raises(RuntimeError, match=r"environment 0, its step \d: no valid action"):
        gw.make(lambda: Stuck(False), num_envs=1, **SMALL).update()
