"""Parallel environments of PettingZoo: agents that share a policy."""

import numpy as np
import pytest
from gymnasium import spaces

import gradwerk as gw

SMALL = {"seed": 3, "rollout__steps": 30, "algo__minibatch": 30}


class Crowd:
    """What a parallel environment of PettingZoo is, without PettingZoo.

    Agent k sees its number and the time. It leaves (terminated) after ``lives[k]`` steps, and
    comes at time ``comes[k]``; what is left at time ``length`` is truncated.
    """

    metadata = {"name": "crowd"}

    def __init__(self, lives=(3, 5, 8), comes=(0, 0, 0), length=8, masks=False):
        self.possible_agents = [f"agent_{k}" for k in range(len(lives))]
        self.agents = []
        self.lives, self.comes, self.length, self.masks = lives, comes, length, masks
        self.log, self.seeds, self.closed = [], [], False

    def observation_space(self, agent):
        return spaces.Box(0, 100, (2,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(3, start=1)

    def observe(self, agents):
        return {
            a: np.array([self.possible_agents.index(a), self.time], np.float32) for a in agents
        }

    def infos(self, agents):
        if not self.masks:
            return {a: {} for a in agents}
        return {a: {"action_mask": np.array([0, 0, 1], np.int8)} for a in agents}

    def coming(self):
        return [a for a, at in zip(self.possible_agents, self.comes) if at == self.time]

    def reset(self, seed=None, options=None):
        self.seeds.append(seed)
        self.time = 0
        self.agents = self.coming()
        return self.observe(self.agents), self.infos(self.agents)

    def step(self, actions):
        assert sorted(actions) == sorted(self.agents), (actions, self.agents)
        assert all(self.action_space(a).contains(x) for a, x in actions.items())
        assert not self.masks or set(actions.values()) <= {3}
        self.time += 1
        acted = list(self.agents)
        number = {a: self.possible_agents.index(a) for a in acted}
        rewards = {a: float(number[a] == actions[a] - 1) for a in acted}
        age = {a: self.time - self.comes[number[a]] for a in acted}
        terminated = {a: age[a] == self.lives[number[a]] for a in acted}
        truncated = {a: self.time == self.length for a in acted}
        self.log += [(self.time, a, terminated[a]) for a in acted]
        self.agents = [a for a in acted if not terminated[a] and not truncated[a]]
        if self.time < self.length:
            self.agents += self.coming()
        seen = [*acted, *(a for a in self.agents if a not in acted)]
        return self.observe(seen), rewards, terminated, truncated, self.infos(seen)

    def close(self):
        self.closed = True


def test_agents_are_copies_that_share_a_policy():
    trainer = gw.make(Crowd, steps=30_000, num_envs=6, **SMALL)
    while not trainer.finished:
        trainer.update()
    # Each agent's own action is rewarded.
    obs = np.array([[k, t] for k in range(3) for t in range(3)], np.float32)
    np.testing.assert_array_equal(trainer.policy.predict(obs), np.repeat([1, 2, 3], 3))
    result = gw.evaluate(trainer.policy, Crowd, 9)
    assert sorted(result["returns"]) == [3, 3, 3, 5, 5, 5, 8, 8, 8]


def test_only_what_agents_did_counts():
    env = Crowd()
    trainer = gw.make(env, steps=1000, **SMALL)
    progress = trainer.update()
    # Three episodes of 8 steps with 3 + 5 + 8 transitions, and 6 steps of a fourth: 3 + 5 + 6.
    assert progress["steps"] == 3 * 16 + 14 == len(env.log)
    assert progress["episodes"] == 3 * 3 + 2
    assert len(set(env.seeds)) == len(env.seeds) == 5


def test_agents_may_come_later():
    env = Crowd(lives=(3, 5, 8), comes=(0, 2, 4), length=9)
    trainer = gw.make(env, steps=1000, **SMALL)
    progress = trainer.update()
    # In an episode of 9 steps: 3, 5 and 5 transitions; agent 2 is cut.
    assert progress["steps"] == len(env.log)
    ends = [(t, a) for t, a, terminated in env.log if terminated]
    assert (3, "agent_0") in ends and (7, "agent_1") in ends
    assert progress["episodes"] == 3 * 3 + 1


def test_a_time_limit_cuts_all_agents():
    env = Crowd(lives=(50, 50), comes=(0, 0), length=100)
    trainer = gw.make(env, steps=1000, env__time_limit=6, **SMALL)
    progress = trainer.update()
    assert (progress["episodes"], progress["mean_length_100"]) == (10, 6)


def test_masks_of_agents():
    trainer = gw.make(lambda: Crowd(masks=True), steps=1000, num_envs=3, **SMALL)
    trainer.update()


def test_the_number_of_environments_counts_agents(tmp_path):
    trainer = gw.make(Crowd, "a2c", steps=100, preset="none")
    assert int(trainer.config.split("num_envs = ")[1].split("\n")[0]) % 3 == 0
    with pytest.raises(ValueError, match="env.num_envs = 4, expected a multiple of 3"):
        gw.make(Crowd, num_envs=4)
    with pytest.raises(ValueError, match="the number of environments is 3"):
        gw.make(Crowd(), num_envs=6)
    with pytest.raises(ValueError, match="episodes = 4, expected a multiple of 3"):
        gw.evaluate(trainer.policy, Crowd, 4)
    with pytest.raises(ValueError, match="eval.episodes = 4, expected a multiple of 3"):
        gw.train(Crowd, eval__every=100, eval__episodes=4, run_dir=tmp_path / "run")


def test_spaces_must_agree():
    class Uneven(Crowd):
        def observation_space(self, agent):
            return spaces.Box(0, 100, (2 + (agent == "agent_1"),), np.float32)

    text = r"observation_space: Box\(2\) of agent agent_0, but Box\(3\) of agent agent_1; .*same"
    with pytest.raises(ValueError, match=text):
        gw.make(Uneven)


def test_what_agents_may_not_do():
    class Silent(Crowd):
        def step(self, actions):
            obs, *rest = super().step(actions)
            if self.time == 4:
                obs.pop("agent_2")
            return obs, *rest

    with pytest.raises(ValueError, match="agent agent_2 acted, but step returned no observation"):
        gw.make(Silent(), steps=1000, **SMALL).update()

    class Runaway(Crowd):
        def step(self, actions):
            result = super().step(actions)
            if self.time == 2:
                self.agents.remove("agent_1")
            return result

    with pytest.raises(RuntimeError, match="agent_1 left, but was neither") as caught:
        gw.make(Runaway(), steps=1000, **SMALL).update()
    assert caught.value.__notes__ == ["gradwerk: copy 0, step 2 of its episode 0"]

    class Wrong(Crowd):
        def step(self, actions):
            obs, rewards, *rest = super().step(actions)
            rewards["agent_0"] = "much"
            return obs, rewards, *rest

    with pytest.raises(TypeError, match="the reward is 'much'") as caught:
        gw.make(Wrong(), steps=1000, **SMALL).update()
    assert caught.value.__notes__[0] == "gradwerk: agent agent_0"


def test_what_parallel_environments_cannot_do():
    with pytest.raises(ValueError, match="workers=2: a parallel environment cannot be played"):
        gw.make(Crowd, workers=2)
    with pytest.raises(ValueError, match="rollout.episodes: the agents"):
        gw.make(Crowd, "reinforce", num_envs=3, rollout__episodes=3, env__time_limit=8).update()

    class Turns(Crowd):
        def agent_iter(self):
            return iter(())

    with pytest.raises(TypeError, match="its agents take turns: .*aec_to_parallel"):
        gw.make(Turns())
