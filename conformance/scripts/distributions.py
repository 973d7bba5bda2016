"""Writes conformance/distributions.toml: python3 distributions.py > ../distributions.toml

Expected values come from the definitions, at 40 digits with mpmath, not from the closed forms
that the library uses: probabilities by normalising, densities from the formula of the normal
density, entropy and divergence by summation or quadrature, derivatives by numerical
differentiation at that precision.
"""

from mpmath import diff, exp, log, mp, mpf, nstr, pi, quad, sqrt

mp.dps = 40

HEADER = """\
# Distributions: inputs and expected values, all in nats. Written by
# scripts/distributions.py (mpmath, 40 digits) from the definitions: sums, quadrature and
# numerical differentiation, not the closed forms of the library.
#
# One row of head outputs `y`, an action, a second row `other`:
# log_prob = log pi(a|y), entropy = H(pi(.|y)), kl = KL(pi(.|y) || pi(.|other)), and their
# derivatives: d_log_prob and d_entropy by y, d_kl by other.
subject = "distribution"
"""

CATEGORICAL = [
    ([0, 0], 1, [1, -1]),
    (["0.3", "-1.2", "2.5"], 0, [0, "0.5", 1]),
    ([10, -10, 0, 3], 3, [9, -9, 1, 2]),
    ([1000, 999], 1, [999, 1000]),
    ([-3, "0.25", 1, 2, "-0.5", "0.75"], 5, [0, 0, 0, 0, 0, 0]),
]
GAUSSIAN = [
    ([0, 0], [1], ["0.5", "0.25"]),
    (["0.7", "-1.5"], ["0.5"], ["0.6", -1]),
    (["-2", 1, "0.5", -1], ["0.25", "1.5"], [-1, "0.5", 0, "-0.5"]),
    ([100, "0.1", 3, "0.2", "-0.3", 2], [101, 0, -2], [99, "0.3", 1, 0, 0, 1]),
]


def log_softmax(y, a):
    return log(exp(y[a]) / sum(exp(x) for x in y))


def categorical(y, a, other):
    support = range(len(y))
    p = lambda y, j: exp(log_softmax(y, j))
    return {
        "log_prob": lambda y: log_softmax(y, a),
        "entropy": lambda y: -sum(p(y, j) * log_softmax(y, j) for j in support),
        "kl": lambda o: sum(p(y, j) * (log_softmax(y, j) - log_softmax(o, j)) for j in support),
    }


def normal(x, mean, log_std):
    return exp(-(((x - mean) / exp(log_std)) ** 2) / 2) / (exp(log_std) * sqrt(2 * pi))


def gaussian(y, a, other):
    dims = range(len(a))
    d = len(a)

    def expectation(f, y, i):
        """E[f(x)] for component i, over 25 standard deviations either side of its mean."""
        mean, std = y[i], exp(y[d + i])
        points = [mean + k * std for k in (-25, -10, -4, 0, 4, 10, 25)]
        return quad(lambda x: normal(x, y[i], y[d + i]) * f(x), points)

    log_density = lambda y, i: lambda x: (
        -(((x - y[i]) / exp(y[d + i])) ** 2) / 2 - log(exp(y[d + i]) * sqrt(2 * pi))
    )
    return {
        "log_prob": lambda y: sum(log(normal(a[i], y[i], y[d + i])) for i in dims),
        "entropy": lambda y: sum(-expectation(log_density(y, i), y, i) for i in dims),
        "kl": lambda o: sum(
            expectation(lambda x: log_density(y, i)(x) - log_density(o, i)(x), y, i) for i in dims
        ),
    }


def gradient(f, at):
    def partial(j):
        return diff(lambda x: f(at[:j] + [x] + at[j + 1 :]), at[j], h=mpf(10) ** -12)

    return [partial(j) for j in range(len(at))]


def number(x):
    # Differentiation leaves noise of about 1e-22 where the value is 0.
    return "0.0" if abs(x) < mpf(10) ** -18 else nstr(x, 17, strip_zeros=False)


def numbers(xs):
    return "[" + ", ".join(number(mpf(x)) for x in xs) + "]"


def case(kind, y, action, other):
    y, other = [mpf(x) for x in y], [mpf(x) for x in other]
    a = action if kind == "categorical" else [mpf(x) for x in action]
    functions = (categorical if kind == "categorical" else gaussian)(y, a, other)
    print(f'\n[[case]]\nkind = "{kind}"\ny = {numbers(y)}')
    print(f"discrete = [{a}]" if kind == "categorical" else f"continuous = {numbers(a)}")
    print(f"other = {numbers(other)}")
    for name, f in functions.items():
        at = other if name == "kl" else y
        print(f"{name} = {number(f(at))}\nd_{name} = {numbers(gradient(f, at))}")


print(HEADER, end="")
for row in CATEGORICAL:
    case("categorical", *row)
for row in GAUSSIAN:
    case("gaussian", *row)
