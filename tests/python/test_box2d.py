"""The lander behaves like Gymnasium's.

Ground and gusts are random, so scores are compared: those of the rule that the example `scores` of
gradwerk-env has. The package's test_box2d.py compares the walker's steps, benchmarks/box2d.py trained
policies of both.
"""

import re
import statistics

import examples
import gymnasium

EPISODES = 60
# Returns deviate by 80, so that means of so many differ by more than this once in 2,000 times.
TOLERANCE = 50.0


def rule(obs):
    """Lean towards the pad, brake the more the lower (box2d.rs of the example)."""
    x, y, vx, vy, angle, spin, left, right = map(float, obs)
    on_ground = left + right > 0
    lean = min(max(0.6 * x + vx, -0.35), 0.35)
    turn = 0.0 if on_ground else 0.6 * (lean - angle) - spin
    aim = 0.0 if on_ground else 0.6 * abs(x) - y
    lift = 0.5 * (aim - vy)
    if lift > max(abs(turn), 0.05):
        return 2
    return 3 if turn < -0.05 else 1 if turn > 0.05 else 0


def score(env, act, seed):
    """The return of an episode."""
    obs, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        obs, reward, terminated, truncated, _ = env.step(act(obs))
        total, over = total + float(reward), terminated or truncated
    return total


def test_a_rule_scores_alike():
    line = examples.output("scores", EPISODES, "LunarLander-v3")
    native = float(re.search(r"rule +(\S+)", line).group(1))
    env = gymnasium.make("LunarLander-v3")
    theirs = statistics.fmean(score(env, rule, seed) for seed in range(EPISODES))
    print(f"rule: native {native:.1f}, Gymnasium {theirs:.1f}")
    assert abs(native - theirs) < TOLERANCE
