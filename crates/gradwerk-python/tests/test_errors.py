"""What environments do wrong, and what users say wrong."""

import gymnasium as gym
import numpy as np
import pytest
from conftest import Faulty
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv

import gradwerk as gw

SMALL = {"steps": 1000, "rollout__steps": 32, "num_envs": 2, "algo__minibatch": 8}


def broken(fault, **settings):
    gw.make(lambda: Faulty(fault), **{**SMALL, **settings}).update()


def test_an_exception_arrives_as_it_is_with_its_place():
    class Mine(Exception):
        pass

    def fault(result):
        raise Mine("lost a wheel")

    with pytest.raises(Mine, match="lost a wheel") as caught:
        broken(fault)
    assert caught.value.__notes__ == ["gradwerk: environment 0, its step 9 (episode 0)"]
    # The traceback leads to the environment.
    assert caught.traceback[-1].name == "fault"


def test_an_exception_ends_a_run_after_its_last_checkpoint(run_dir):
    def fault(result):
        raise OverflowError

    with pytest.warns(RuntimeWarning), pytest.raises(OverflowError):
        gw.train(
            lambda: Faulty(fault), run_dir=run_dir, checkpoint__every_s=0, **{**SMALL, "rollout__steps": 4}
        )
    assert len(list((run_dir / "checkpoints").iterdir())) == 2
    assert gw.Run(run_dir).policy.predict(np.zeros(3)) in (0, 1)


@pytest.mark.parametrize(
    ("place", "value", "error", "text"),
    [
        (0, np.zeros(2), ValueError, r"shape \[2\], expected \[3\]"),
        (0, "up", TypeError, "expected numbers, found 'up'"),
        (0, np.array([0, np.nan, 0]), FloatingPointError, r"observation\[1\] is NaN at environment 0, its step 9"),
        (0, np.array([0, 0, 1.5]), ValueError, r"observation\[2\] is 1.5, outside the bounds \[-1, 1\]"),
        (1, np.inf, FloatingPointError, "reward is inf at environment 0, its step 9"),
        (1, "much", TypeError, "the reward is 'much'"),
        (1, None, TypeError, "the reward is None"),
    ],
)
def test_wrong_results(place, value, error, text):
    def fault(result):
        result[place] = value
        return tuple(result)

    with pytest.raises(error, match=text):
        broken(fault)


def test_a_step_of_another_form():
    with pytest.raises(TypeError, match="step returned 4 values, expected"):
        broken(lambda result: tuple(result[:4]))


def test_making_and_resetting_may_fail():
    made = []

    def make():
        if made:
            raise LookupError("only one")
        made.append(1)
        return Faulty(tuple)

    with pytest.raises(LookupError, match="only one"):
        gw.make(make, **SMALL)

    class Lazy(Faulty):
        def reset(self, *, seed=None, options=None):
            raise PermissionError("not today")

    with pytest.raises(PermissionError, match="not today"):
        gw.make(lambda: Lazy(tuple), **SMALL)


def test_a_vector_environment_may_fail():
    def fault(result):
        raise ZeroDivisionError

    envs = SyncVectorEnv([lambda: Faulty(fault)] * 2)
    with pytest.raises(ZeroDivisionError) as caught:
        gw.make(envs, steps=1000).update()
    assert "step 9" in caught.value.__notes__[0]


def test_a_broken_trainer_says_so():
    def fault(result):
        raise ZeroDivisionError

    trainer = gw.make(lambda: Faulty(fault), **SMALL)
    with pytest.raises(ZeroDivisionError):
        trainer.update()
    with pytest.raises(RuntimeError, match="an earlier update failed"):
        trainer.update()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"gamma": 1.5}, r"gamma = 1.5 \(from gamma=1.5\): must be in \(0, 1\]"),
        ({"algo": {"kind": "ppo", "clop": 1}}, "clop"),
        ({"algo": "pp"}, "pp.*expected"),
        ({"lr": "fast"}, "lr"),
        ({"num_envs": 2, "env__num_envs": 3}, "env.num_envs is given twice: 3 and 2"),
        ({"masks": True}, "CartPole-v1 is native"),
        ({"kernel": "magic"}, "magic"),
    ],
)
def test_settings(settings, text):
    with pytest.raises(ValueError, match=text):
        gw.make("CartPole-v1", **settings)


def test_names_and_kinds_of_environments():
    with pytest.raises(ValueError, match=r"did you mean `CartPole-v1`.*Gymnasium does not know"):
        gw.make("CartPole-v2x")
    with pytest.raises(TypeError, match="env is a int, expected a name"):
        gw.make(7)
    with pytest.raises(TypeError, match="env made a int, expected a gymnasium.Env"):
        gw.make(lambda: 7)
    with pytest.raises(ValueError, match="the number of environments is 1"):
        gw.make(gym.make("CartPole-v1"), num_envs=2)


def test_a_policy_and_an_environment_of_other_spaces():
    policy = gw.make("Pendulum-v1").policy
    with pytest.raises(ValueError, match=r"Box\(3\)"):
        gw.evaluate(policy, "CartPole-v1")
    with pytest.raises(ValueError, match="environment for evaluation has observations"):
        gw.train(lambda: Faulty(tuple), eval_env="gymnasium:CartPole-v1")
    with pytest.raises(ValueError, match="has no memory"):
        policy.predict(np.zeros(3), state=(1,))


def test_a_callback_that_is_none():
    with pytest.raises(TypeError, match="callback is a int"):
        gw.train("CartPole-v1", callback=7)


def test_leaving_the_space_may_be_allowed():
    def fault(result):
        result[0] = np.array([0, 0, 1.5], np.float32)
        return tuple(result)

    gw.make(lambda: Faulty(fault), check_bounds=False, **SMALL).update()
    # Rounding is no fault.
    gw.make(lambda: Faulty(lambda result: (result[0] + 1 + 1e-6, *result[1:])), **SMALL).update()
    vector = SyncVectorEnv([lambda: Faulty(fault)] * 2)
    with pytest.raises(ValueError, match=r"observation\[2\] is 1.5"):
        gw.make(vector, **SMALL).update()


def test_leaving_the_space_of_a_registered_environment_is_a_warning():
    def fault(result):
        result[0] = np.array([0, 0, 1.5], np.float32)
        return tuple(result)

    gym.register("gradwerk-test/Leaving-v0", lambda: Faulty(fault))
    with pytest.warns(RuntimeWarning, match=r"Leaving-v0: observation\[2\] is 1.5, outside") as caught:
        gw.make("gradwerk-test/Leaving-v0", **SMALL).update()
    assert len(caught) == 1
    with pytest.raises(ValueError, match=r"observation\[2\] is 1.5"):
        gw.make("gradwerk-test/Leaving-v0", check_bounds=True, **SMALL).update()


def test_a_dict_has_all_entries_and_no_others():
    space = spaces.Dict(place=spaces.Box(-1, 1, (2,)), level=spaces.Discrete(3))

    class Wrapped(gym.ObservationWrapper):
        def __init__(self, change):
            super().__init__(Faulty(tuple))
            self.observation_space, self.change = space, change

        def observation(self, seen):
            entries = {"place": np.zeros(2, np.float32), "level": 1}
            return self.change(entries) if self.env.steps == 3 else entries

    for change, text in [
        (lambda e: e | {"speed": 1}, "unknown entry `speed`: expected `place`, `level`"),
        (lambda e: {"place": e["place"]}, "no entry `level`: found a dict with `place`"),
        (lambda e: e | {"place": np.zeros(3)}, r"entry `place`: an array of shape \[3\]"),
    ]:
        with pytest.raises(ValueError, match=text):
            gw.make(lambda change=change: Wrapped(change), **SMALL).update()
    nan = lambda e: e | {"place": np.array([0, np.nan])}
    with pytest.raises(FloatingPointError, match=r"observation.place\[1\] is NaN at environment 0"):
        gw.make(lambda: Wrapped(nan), **SMALL).update()
