"""Atari games in the vector environment of ale-py."""

import numpy as np
import pytest

import gradwerk as gw
from gradwerk import _atari, _record

SMALL = {
    "steps": 512,
    "seed": 3,
    "num_envs": 4,
    "rollout__steps": 64,
    "network": {"kind": "small-cnn", "kernel": 8, "stride": 8, "channels": [4], "hidden": [8]},
}


def test_a_game_trains_resumes_and_is_evaluated(run_dir):
    run = gw.train("ALE/Breakout-v5", stop_at=256, run_dir=run_dir, **SMALL)
    # All that makes observations of screens is in the settings, the preset's changes included.
    for option, value in (_atari.DEFAULTS | {"stack_num": 1}).items():
        assert f"{option} = {str(value).lower()}" in run.config
    assert run.manifest["simulator"].startswith("ale-py ")
    assert run.policy.env_options["repeat_action_probability"] == 0.25
    assert run.policy.predict(np.zeros((1, 84, 84), np.uint8))[0] in range(4)
    run = gw.resume(run)
    assert run.summary["steps"] == 512
    result = gw.evaluate(run, episodes=2, deterministic=False)
    random, human = _atari.SCORES["Breakout"]
    expected = (result["mean_return"] - random) / (human - random)
    assert result["human_normalized_score"] == pytest.approx(expected)


def test_evaluations_count_whole_games_with_their_score():
    training, evaluation = _atari.makers("ALE/Breakout-v5", {"episodic_life": True})
    for maker, ends_early in ((training, True), (evaluation, False)):
        env = maker(1)
        env.reset(seed=1)
        lives, steps = [], 0
        while True:
            *_, terminated, truncated, info = env.step(np.array([1]))
            lives.append(int(info["lives"][0]))
            steps += 1
            if terminated[0] or truncated[0]:
                break
        assert (lives[-1] > 0) == ends_early
        env.close()


def test_a_film_shows_the_games_of_an_evaluation(tmp_path):
    trainer = gw.make("ALE/Breakout-v5", **SMALL, env__options={"max_num_frames_per_episode": 900})
    policy = trainer.policy
    film = gw.record(policy, tmp_path / "film.gif", episodes=2, seed=5)
    evaluated = gw.evaluate(policy, episodes=2, seed=5)
    assert film["returns"] == evaluated["returns"].tolist()
    assert sum(film["lengths"]) == 2 * evaluated["mean_length"]
    assert film["frames"] == sum(film["lengths"]) + 2
    strip = gw.record(policy, tmp_path / "strip.png", seed=5)
    assert strip["frames"] == 6 and strip["returns"] == film["returns"][:1]


def test_the_filmed_policy_sees_what_it_sees_in_evaluations():
    for noop_max in (0, 9):
        options = {"noop_max": noop_max}
        policy = gw.make("ALE/SpaceInvaders-v5", **SMALL, env__options=options).policy
        stage = _record.Atari("ALE/SpaceInvaders-v5", policy, 7)
        games = _atari.makers("ALE/SpaceInvaders-v5", policy.env_options)[1](3)
        expected, _ = games.reset(seed=stage.first)
        obs = stage.begin(2)
        rng = np.random.default_rng(0)
        for _ in range(200):
            np.testing.assert_array_equal(obs, expected[2])
            picture = stage.picture()
            assert picture.shape == (210, 160, 3)
            # Its colours are more than grey, and as bright as what is seen.
            assert (picture.max(2) != picture.min(2)).any()
            grey = picture @ [0.299, 0.587, 0.114]
            assert abs(grey.mean() - obs[-1].mean()) < 2
            actions = rng.integers(6, size=3)
            obs, reward, _ = stage.step(int(actions[2]))
            expected, rewards, *_ = games.step(actions)
            assert reward == rewards[2]
        stage.close()
        games.close()


def test_preprocessing_is_the_users_choice():
    trainer = gw.make("ALE/Pong-v5", **SMALL, env__options={"img_height": 42, "img_width": 48})
    trainer.update()
    assert trainer.policy.predict(np.zeros((1, 42, 48), np.uint8))[0] in range(6)


def test_the_same_seed_gives_the_same_bits():
    shas = set()
    for threads in (1, 2):
        trainer = gw.make("ALE/Pong-v5", threads=threads, **SMALL)
        trainer.update()
        shas.add(trainer.params_sha256)
    assert len(shas) == 1


@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        ("ALE/Pung-v5", {}, "ALE/Pung-v5: no game of ale-py .*Pung"),
        ("ALE/Pong-v5", {"sticky": 0.1}, r"env.options.sticky = 0.1: expected one of .*frameskip"),
        ("ALE/Pong-v5", {"num_envs": 3}, r"env.options.num_envs = 3: expected one of"),
    ],
)
def test_unknown_games_and_options(id, options, message, run_dir):
    with pytest.raises(ValueError, match=message):
        gw.train(id, env__options=options, run_dir=run_dir, **SMALL)


def test_every_score_belongs_to_a_game():
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    for game, (random, human) in _atari.SCORES.items():
        assert f"ALE/{game}-v5" in gymnasium.registry
        assert human > random
