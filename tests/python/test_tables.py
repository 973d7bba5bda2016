"""The finite problems are Gymnasium's, entry by entry.

Builds and runs the example `table` of gradwerk-env. FrozenLake, CliffWalking and Taxi are compared
with `P[s][a]` and the start distribution; Blackjack, for which Gymnasium has no table, with one
derived here from its functions by enumerating hands, and with its play by a chi-square.
"""

import collections
import itertools
import json

import examples
import gymnasium
import numpy as np
import pytest
from gymnasium.envs.toy_text import blackjack as rules

# Our name: Gymnasium's name and arguments.
TABLES = {
    "FrozenLake-v1": ("FrozenLake-v1", {}),
    "FrozenLakeNotSlippery-v1": ("FrozenLake-v1", {"is_slippery": False}),
    "FrozenLake8x8-v1": ("FrozenLake8x8-v1", {}),
    "FrozenLake8x8NotSlippery-v1": ("FrozenLake8x8-v1", {"is_slippery": False}),
    "CliffWalking-v1": ("CliffWalking-v1", {}),
    "CliffWalkingSlippery-v1": ("CliffWalkingSlippery-v1", {}),
    "Taxi-v4": ("Taxi-v4", {}),
}


def native_table(env_id):
    return json.loads(examples.output("table", env_id))


@pytest.mark.parametrize("env_id", TABLES)
def test_table(env_id):
    table, (name, arguments) = native_table(env_id), TABLES[env_id]
    env = gymnasium.make(name, **arguments)
    theirs = env.unwrapped
    assert table["horizon"] == env.spec.max_episode_steps
    assert (table["states"], table["actions"]) == (env.observation_space.n, env.action_space.n)
    assert table["start"] == theirs.initial_state_distrib.tolist()
    assert table["shown"] == list(range(table["states"]))
    entries = 0
    for s in range(table["states"]):
        for a in range(table["actions"]):
            ours = [tuple(row) for row in table["transitions"][s][a]]
            expected = [(float(p), int(n), float(r), bool(t)) for p, n, r, t in theirs.P[s][a]]
            assert ours == expected, f"{env_id} state {s} action {a}"
            entries += len(ours)
    assert entries >= table["states"] * table["actions"]
    env.close()


# --- Blackjack

CARDS = range(1, 11)
WEIGHT = {card: rules.deck.count(card) / len(rules.deck) for card in CARDS}
ENV = gymnasium.make("Blackjack-v1").unwrapped


def shown(player, dealer):
    total, ace = rules._hand_sum_and_usable_ace(player)
    return (total * 11 + dealer[0]) * 2 + ace


def state(player, dealer):
    return 704 + dealer[0] if rules.is_natural(player) else shown(player, dealer)


def dealer_hands(hand):
    """Final hands of a dealer and their probabilities."""
    if len(hand) >= 2 and rules.sum_hand(hand) >= 17:
        yield hand, 1.0
        return
    for card in CARDS:
        for final, p in dealer_hands(hand + [card]):
            yield final, WEIGHT[card] * p


class Replay:
    """Gymnasium's generator, drawing cards decided beforehand."""

    def __init__(self, cards):
        self.cards = list(cards)

    def choice(self, _deck):
        return self.cards.pop(0)


def play(player, dealer, action, cards):
    """One step of Gymnasium's own code with known cards: (reward, terminated, player after)."""
    ENV.player, ENV.dealer, ENV._np_random = list(player), list(dealer), Replay(cards)
    _, reward, terminated, _, _ = ENV.step(action)
    return float(reward), bool(terminated), ENV.player


def player_hands():
    """One hand for each state of the player."""
    hands, new = {}, [[a, b] for a in CARDS for b in CARDS]
    while new:
        hand = new.pop()
        key = "natural" if rules.is_natural(hand) else rules._hand_sum_and_usable_ace(hand)
        if rules.is_bust(hand) or key in hands:
            continue
        hands[key] = hand
        new += [hand + [card] for card in CARDS]
    return hands


def merged(rows):
    out = collections.Counter()
    for p, n, r, t in rows:
        # What follows an end is never acted in.
        out[("end" if t else n, r, t)] += p
    return out


def test_blackjack_table():
    table = native_table("Blackjack-v1")
    start = np.zeros(table["states"])
    for a, b, d in itertools.product(CARDS, CARDS, CARDS):
        start[state([a, b], [d])] += WEIGHT[a] * WEIGHT[b] * WEIGHT[d]
    np.testing.assert_allclose(table["start"], start, rtol=0, atol=1e-15)
    assert table["shown"][:704] == list(range(704))
    assert table["shown"][704:] == [(21 * 11 + d) * 2 + 1 for d in range(11)]
    compared = 0
    for first in CARDS:
        finals = list(dealer_hands([first]))
        for hand in player_hands().values():
            hit = []
            for card in CARDS:
                reward, terminated, after = play(hand, [first, 10], 1, [card])
                hit.append((WEIGHT[card], state(after, [first]), reward, terminated))
            stick = []
            for final, p in finals:
                reward, terminated, _ = play(hand, final[:2], 0, final[2:])
                stick.append((p, None, reward, terminated))
            for action, expected in ((0, stick), (1, hit)):
                rows = table["transitions"][state(hand, [first])][action]
                ours, theirs = merged(map(tuple, rows)), merged(expected)
                assert ours.keys() == theirs.keys(), (hand, first, action)
                for key in ours:
                    assert ours[key] == pytest.approx(theirs[key], abs=1e-13), (hand, first, key)
                compared += 1
    # 28 hands (4 to 21 without, 12 to 21 with a usable ace), the natural, 10 cards, 2 actions.
    assert compared == 29 * 10 * 2


def test_blackjack_play():
    """Returns of a fixed policy (hit below 17) in Gymnasium against the table's distribution."""
    table = native_table("Blackjack-v1")
    policy = lambda s: int(table["shown"][s] // 22 < 17)
    expected = collections.Counter()
    mass = {s: p for s, p in enumerate(table["start"]) if p > 0}
    while mass:
        following = collections.Counter()
        for s, weight in mass.items():
            for p, n, r, t in table["transitions"][s][policy(s)]:
                (expected if t else following)[r if t else n] += weight * p
        mass = following
    env, counts, games = gymnasium.make("Blackjack-v1"), collections.Counter(), 20000
    env.reset(seed=3)
    for _ in range(games):
        obs, _ = env.reset()
        terminated = False
        while not terminated:
            obs, reward, terminated, _, _ = env.step(int(obs[0] < 17))
        counts[reward] += 1
    assert set(counts) == set(expected) == {-1.0, 0.0, 1.0}
    chi = sum((counts[r] - games * expected[r]) ** 2 / (games * expected[r]) for r in expected)
    # Two degrees of freedom: p = exp(-chi / 2), 1e-6 at 27.6.
    assert chi < 27.6, (counts, expected)
