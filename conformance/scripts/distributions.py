"""Writes conformance/distributions.toml: python3 distributions.py > ../distributions.toml

Expected values come from the definitions, at 40 digits with mpmath, not from the closed forms
that the library uses: probabilities by normalising, densities from the formula of the normal
density, entropy and divergence by summation or quadrature, derivatives by numerical
differentiation at that precision.
"""

from mpmath import beta, diff, exp, inf, log, matrix, mp, mpf, ncdf, nstr, pi, quad, sqrt, tanh

mp.dps = 40

HEADER = """\
# Distributions: inputs and expected values, all in nats. Written by
# scripts/distributions.py (mpmath, 40 digits) from the definitions: sums, quadrature and
# numerical differentiation, not the closed forms of the library.
#
# One row of head outputs `y`, an action as it is recorded, a second row `other`:
# log_prob = log pi(a|y), entropy = H(pi(.|y)), kl = KL(pi(.|y) || pi(.|other)), and their
# derivatives: d_log_prob and d_entropy by y, d_kl by other. `sizes` are those of a MultiDiscrete
# space, `bounds` those of every component of a box (-1 and 1 if absent).
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


GSDE = [
    (["0.5", "-0.5", "-1.5", "0.75", "-1.25"], ["0.25"], ["0.25", "-0.75", "-1.25", "0.5", "-1"]),
    (["0.5", -1, "-0.5", "-1", "1.5"], [1, "-0.5"], ["0.25", "-0.75", 0, "-0.5", "-0.5"]),
    (
        [1, "-0.5", -2, -1, "0.25", "-0.5", "-1.5", "-0.25", "0.5", "-0.75", "1.25"],
        ["0.25", "0.75"],
        ["0.75", 0, "-1.5", -1, "-0.25", "-0.75", -1, "0.25", "0.75", "-0.5", 1],
    ),
]


def gsde(y, a, other):
    """Normal, with the variance 1e-6 + sum_j h_j^2 exp(2 log_std_ji); y = mean | log_std | h."""
    d = len(a)
    k = (len(y) - d) // (d + 1)

    def variance(y, i):
        h = y[d + k * d :]
        return mpf(10) ** -6 + sum((h[j] * exp(y[d + j * d + i])) ** 2 for j in range(k))

    plain = lambda y: list(y[:d]) + [log(variance(y, i)) / 2 for i in range(d)]
    functions = gaussian(plain(y), a, plain(other))
    return {name: lambda y, f=f: f(plain(y)) for name, f in functions.items()}


def choices(sizes, y, a, other):
    """Independent softmaxes over blocks of the row, of these sizes."""
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    parts = lambda y: [y[start : start + n] for start, n in zip(starts, sizes)]
    one = lambda y, k, o=None: categorical(parts(y)[k], a[k], None)
    kl = lambda o, k: categorical(parts(y)[k], a[k], None)["kl"](parts(o)[k])
    blocks = range(len(sizes))
    return {
        "log_prob": lambda y: sum(log_softmax(parts(y)[k], a[k]) for k in blocks),
        "entropy": lambda y: sum(one(y, k)["entropy"](parts(y)[k]) for k in blocks),
        "kl": lambda o: sum(kl(o, k) for k in blocks),
    }


def bits(y, a, other):
    """Bits with the logits y: each is a softmax over (0, y)."""
    spread = lambda y: [x for logit in y for x in (mpf(0), logit)]
    functions = choices([2] * len(y), spread(y), a, None)
    return {name: (lambda y, f=f: f(spread(y))) for name, f in functions.items()}


def bounded(density, place, low, high):
    """Independent components on [low, high]: `density(y1, y2)(v)` on [-1, 1], recorded as x."""

    def functions(y, a, other):
        d = len(a)
        half = (mpf(high) - mpf(low)) / 2
        of = lambda y, i: density(y[i], y[d + i])
        whole = [-1, 0, 1]
        mean = lambda p, f: quad(lambda v: p(v) * f(v), whole)
        return {
            "log_prob": lambda y: sum(log(of(y, i)(place(a[i])) / half) for i in range(d)),
            "entropy": lambda y: sum(
                mean(of(y, i), lambda v: -log(of(y, i)(v))) + log(half) for i in range(d)
            ),
            "kl": lambda o: sum(
                mean(of(y, i), lambda v: log(of(y, i)(v)) - log(of(o, i)(v))) for i in range(d)
            ),
        }

    return functions


def beta_density(y1, y2):
    a, b = 1 + log(1 + exp(y1)), 1 + log(1 + exp(y2))
    return lambda v: ((1 + v) / 2) ** (a - 1) * ((1 - v) / 2) ** (b - 1) / beta(a, b) / 2


def truncated_density(y1, y2):
    m = tanh(y1)
    mass = ncdf((1 - m) / exp(y2)) - ncdf((-1 - m) / exp(y2))
    return lambda v: normal(v, m, y2) / mass


def squashed(low, high):
    def functions(y, a, other):
        d = len(a)
        half = (mpf(high) - mpf(low)) / 2
        slope = lambda u: 1 - tanh(u) ** 2
        log_density = lambda y, i: lambda u: (
            log(normal(u, y[i], y[d + i])) - log(half * slope(u))
        )

        def mean(i, f):
            points = [y[i] + k * exp(y[d + i]) for k in (-20, -8, -4, -2, 0, 2, 4, 8, 20)]
            return quad(lambda u: normal(u, y[i], y[d + i]) * f(u), points)

        def entropy(at):
            def one(i):
                points = [at[i] + k * exp(at[d + i]) for k in (-20, -8, -4, -2, 0, 2, 4, 8, 20)]
                return quad(lambda u: -normal(u, at[i], at[d + i]) * log_density(at, i)(u), points)

            return sum(one(i) for i in range(d))

        return {
            "log_prob": lambda y: sum(log_density(y, i)(a[i]) for i in range(d)),
            "entropy": entropy,
            "kl": lambda o: sum(
                mean(i, lambda u: log_density(y, i)(u) - log_density(o, i)(u)) for i in range(d)
            ),
        }

    return functions


def covariance(y, d):
    factor = matrix(d, d)
    entries = iter(y[2 * d :])
    for i in range(d):
        factor[i, i] = exp(y[d + i])
        for j in range(i):
            factor[i, j] = next(entries)
    return factor * factor.T


def full(y, a, other):
    """The normal density from its covariance matrix; entropy and divergence by trace and
    determinant."""
    d = len(a)
    mean = lambda y: matrix(y[:d])
    form = lambda x, s: (x.T * s**-1 * x)[0]

    def log_prob(y):
        s = covariance(y, d)
        return -form(matrix(a) - mean(y), s) / 2 - log((2 * pi) ** d * mp.det(s)) / 2

    def kl(o):
        s, t = covariance(y, d), covariance(o, d)
        product = t**-1 * s
        trace = sum(product[i, i] for i in range(d))
        ratio = log(mp.det(t) / mp.det(s))
        return (trace + form(mean(o) - mean(y), t) - d + ratio) / 2

    return {
        "log_prob": log_prob,
        "entropy": lambda y: log((2 * pi * mp.e) ** d * mp.det(covariance(y, d))) / 2,
        "kl": kl,
    }


MULTI_CATEGORICAL = [
    ([2, 3], [0, "0.5", 1, -1, "0.25"], [1, 2], ["0.3", 0, 0, "0.5", -2]),
    ([1, 4], ["0.7", 1, 0, "-2.5", 3], [0, 3], [0, "0.5", "0.5", -1, 1]),
]
MULTI_BERNOULLI = [
    (["0.3", "-1.7", 4], [1, 0, 1], [0, "0.5", 3]),
    ([-12, 9], [0, 0], [-10, 7]),
]
# Rows on boxes whose components all have these bounds.
BOUNDED = [
    ("beta", -1, 1, ["0.3", "-0.8"], ["0.4"], ["-0.2", "0.5"]),
    ("beta", -2, 5, [3, "0.1", 1, "2.5"], [2, "-0.7"], [1, 0, 2, 0]),
    ("truncated-normal", -1, 1, ["0.2", "-0.5"], ["0.7"], ["-0.4", "0.25"]),
    ("truncated-normal", -2, 5, ["1.5", "0.1", "0.3", -2], ["0.9", "-0.05"], [1, 0, 0, "-1.5"]),
    # Deviations at which the library's estimate of the entropy is exact to rounding.
    ("squashed-gaussian", -1, 1, ["0.2", "-0.9"], ["0.9"], ["-0.4", "0.25"]),
    ("squashed-gaussian", -2, 5, ["1.5", 0, "-1.2", -1], ["2.5", "-0.4"], [1, 0, 0, "-0.5"]),
]
FULL = [
    (["0.5", "-0.25"], ["1.5"], ["0.1", "0.2"]),
    ([1, -1, "0.2", "-0.3", "0.8"], ["0.5", 0], ["0.5", 0, 0, "0.1", "-0.4"]),
    (
        [0, 1, 2, "0.1", "-0.2", "0.3", "0.5", "-0.7", "0.4"],
        ["0.5", "0.25", 3],
        ["0.2", 1, 1, 0, 0, "0.1", "0.2", "-0.1", "0.3"],
    ),
]


def gradient(f, at):
    def partial(j):
        return diff(lambda x: f(at[:j] + [x] + at[j + 1 :]), at[j], h=mpf(10) ** -12)

    return [partial(j) for j in range(len(at))]


def number(x):
    # Differentiation leaves noise of about 1e-22 where the value is 0.
    return "0.0" if abs(x) < mpf(10) ** -18 else nstr(x, 17, strip_zeros=False)


def numbers(xs):
    return "[" + ", ".join(number(mpf(x)) for x in xs) + "]"


def case(kind, functions, y, action, other, discrete=False, extra=""):
    y, other = [mpf(x) for x in y], [mpf(x) for x in other]
    a = action if discrete else [mpf(x) for x in action]
    print(f'\n[[case]]\nkind = "{kind}"\n{extra}y = {numbers(y)}')
    print(f"discrete = {a}" if discrete else f"continuous = {numbers(a)}")
    print(f"other = {numbers(other)}")
    for name, f in functions(y, a, other).items():
        at = other if name == "kl" else y
        print(f"{name} = {number(f(at))}\nd_{name} = {numbers(gradient(f, at))}")


print(HEADER, end="")
for y, a, other in CATEGORICAL:
    one = lambda y, a, other: categorical(y, a[0], other)
    case("categorical", one, y, [a], other, discrete=True)
for row in GAUSSIAN:
    case("gaussian", gaussian, *row)
for row in GSDE:
    case("gsde", gsde, *row)
for sizes, *row in MULTI_CATEGORICAL:
    blocks = lambda y, a, other: choices(sizes, y, a, other)
    case("multi-categorical", blocks, *row, discrete=True, extra=f"sizes = {sizes}\n")
for row in MULTI_BERNOULLI:
    case("multi-bernoulli", bits, *row, discrete=True)
# Quadrature inside differentiation: 30 digits are enough for 17, and faster.
mp.dps = 30
for kind, low, high, *row in BOUNDED:
    functions = {
        "beta": bounded(beta_density, lambda x: tanh(x / 2), low, high),
        "truncated-normal": bounded(truncated_density, lambda x: x, low, high),
        "squashed-gaussian": squashed(low, high),
    }[kind]
    case(kind, functions, *row, extra=f"bounds = [{low}.0, {high}.0]\n")
for row in FULL:
    case("full-gaussian", full, *row)
