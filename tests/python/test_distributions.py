"""The expected values of conformance/distributions.toml are SciPy's.

The file comes from mpmath (conformance/scripts/distributions.py) and is what the Rust tests
compare with; here every log-probability, entropy and divergence of it is computed once more with
`scipy.stats`. Run with `pytest tests/python/test_distributions.py` after
`pip install -r tests/python/requirements.txt`.
"""

import pathlib
import tomllib

import numpy as np
import pytest
from scipy import integrate, special, stats

FILE = pathlib.Path(__file__).resolve().parents[2] / "conformance" / "distributions.toml"
CASES = tomllib.loads(FILE.read_text())["case"]


def softplus(x):
    return np.logaddexp(0, x)


def blocks(case, row):
    return np.split(np.array(row), np.cumsum(case["sizes"])[:-1])


def discrete(parts, others, action):
    """Independent choices with these logits per component."""
    probs = [special.softmax(y) for y in parts]
    log_prob = sum(special.log_softmax(y)[a] for y, a in zip(parts, action))
    entropy = sum(stats.entropy(p) for p in probs)
    kl = sum(stats.entropy(p, special.softmax(o)) for p, o in zip(probs, others))
    return log_prob, entropy, kl


def categorical(case):
    return discrete([case["y"]], [case["other"]], case["discrete"])


def multi_categorical(case):
    return discrete(blocks(case, case["y"]), blocks(case, case["other"]), case["discrete"])


def multi_bernoulli(case):
    of = lambda row: [[0.0, y] for y in row]
    log_prob, entropy, kl = discrete(of(case["y"]), of(case["other"]), case["discrete"])
    dists = stats.bernoulli(special.expit(case["y"]))
    np.testing.assert_allclose(dists.logpmf(case["discrete"]).sum(), log_prob, rtol=1e-10)
    return log_prob, entropy, kl


class Squashed:
    """tanh of a normal variable, stretched to [low, high], by the change of variables."""

    def __init__(self, mean, std, low, high):
        self.normal, self.low, self.half = stats.norm(mean, std), low, (high - low) / 2

    def logpdf(self, a):
        v = (a - self.low) / self.half - 1
        return self.normal.logpdf(np.arctanh(v)) - np.log(self.half * (1 - v) * (1 + v))

    def interval(self):
        ends = self.normal.ppf([1e-15, 0.5, 1 - 1e-15])
        return self.low + self.half * (1 + np.tanh(np.clip(ends, -15, 15)))


def component(kind, y1, y2, low, high):
    """A scipy distribution of one component, the values of a recorded sample, and where it lies."""
    half = (high - low) / 2
    if kind == "gaussian":
        std = np.exp(y2)
        return stats.norm(y1, std), lambda x: x, [y1 - 12 * std, y1, y1 + 12 * std]
    if kind == "beta":
        dist = stats.beta(1 + softplus(y1), 1 + softplus(y2), low, high - low)
        return dist, lambda x: low + half * (1 + np.tanh(x / 2)), [low, dist.median(), high]
    if kind == "truncated-normal":
        m, s = np.tanh(y1), np.exp(y2)
        cuts = ((-1 - m) / s, (1 - m) / s)
        dist = stats.truncnorm(*cuts, loc=low + half * (1 + m), scale=half * s)
        return dist, lambda x: low + half * (1 + x), [low, dist.median(), high]
    dist = Squashed(y1, np.exp(y2), low, high)
    return dist, lambda x: low + half * (1 + np.tanh(x)), dist.interval()


def expectation(dist, f, points):
    inside = lambda a: np.exp(dist.logpdf(a)) * f(a)
    pieces = zip(points[:-1], points[1:])
    return sum(integrate.quad(inside, a, b, epsabs=1e-12, limit=200)[0] for a, b in pieces)


def continuous(case):
    d, (low, high) = len(case["continuous"]), case.get("bounds", (-1.0, 1.0))
    log_prob = entropy = kl = 0.0
    for i in range(d):
        of = lambda row: component(case["kind"], row[i], row[d + i], low, high)
        (dist, value, points), (other, _, _) = of(case["y"]), of(case["other"])
        log_prob += dist.logpdf(value(case["continuous"][i]))
        entropy += expectation(dist, lambda a: -dist.logpdf(a), points)
        kl += expectation(dist, lambda a: dist.logpdf(a) - other.logpdf(a), points)
    return log_prob, entropy, kl


def full_gaussian(case):
    d = len(case["continuous"])

    def moments(row):
        factor = np.diag(np.exp(row[d : 2 * d]))
        factor[np.tril_indices(d, -1)] = row[2 * d :]
        return np.array(row[:d]), factor @ factor.T

    (mean, cov), (other, other_cov) = moments(case["y"]), moments(case["other"])
    dist = stats.multivariate_normal(mean, cov)
    shift, ratio = other - mean, np.linalg.solve(other_cov, cov)
    form = shift @ np.linalg.solve(other_cov, shift)
    kl = (np.trace(ratio) + form - d - np.linalg.slogdet(ratio)[1]) / 2
    return dist.logpdf(case["continuous"]), dist.entropy(), kl


def gsde(case):
    """Normal, with the variance 1e-6 + sum_j h_j^2 exp(2 log_std_ji); y = mean | log_std | h."""
    d = len(case["continuous"])

    def moments(row):
        k = (len(row) - d) // (d + 1)
        std, h = np.exp(row[d : d + k * d]).reshape(k, d), np.array(row[d + k * d :])
        return np.array(row[:d]), 1e-6 + h**2 @ std**2

    (mean, v), (other, w) = moments(case["y"]), moments(case["other"])
    dist = stats.norm(mean, np.sqrt(v))
    kl = (np.log(w / v) + (v + (mean - other) ** 2) / w - 1) / 2
    return dist.logpdf(case["continuous"]).sum(), dist.entropy().sum(), kl.sum()


KINDS = {
    "categorical": categorical,
    "multi-categorical": multi_categorical,
    "multi-bernoulli": multi_bernoulli,
    "gaussian": continuous,
    "beta": continuous,
    "truncated-normal": continuous,
    "squashed-gaussian": continuous,
    "full-gaussian": full_gaussian,
    "gsde": gsde,
}


def test_every_kind_has_cases():
    assert {case["kind"] for case in CASES} == set(KINDS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']} {case['y']}")
def test_values(case):
    got = KINDS[case["kind"]](case)
    want = [case[name] for name in ("log_prob", "entropy", "kl")]
    # 1e-7: quadrature next to singular ends; exact forms are far closer.
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)
