"""Compute whole updates with PyTorch's automatic differentiation, in double precision.

Writes conformance/torch/*.json, which crates/gradwerk/tests/torch_fixture.rs compares with the
production code. Run `python tests/python/make_torch_fixture.py` in an environment with `torch` (any
recent CPU build) only to change the fixtures: the checks read the files and need no PyTorch.

Everything between the rollout and the new parameters is written here from the definitions, and
differs on purpose from the production code: loops over episodes instead of one backward pass over
columns, losses as scalars whose derivatives PyTorch finds, PyTorch's optimizers, Philox on Python's
integers. Deviations from PyTorch's habits, all stated in the production code: advantages are divided
by the standard deviation with divisor N plus 1e-8, and gradients are clipped to exactly the
largest norm (`clip_grad_norm_` divides by the norm + 1e-6).
"""

import json
import math
import pathlib
import random

import torch

torch.set_default_dtype(torch.float64)
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "conformance" / "torch"
T, N, D = 12, 5, 3
UPDATES = 2


# --- Philox4x32-10 (Salmon et al. 2011), keyed as the shuffle: (seed, purpose 4, epoch, update)


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        left, right = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            (right >> 32) ^ c[1] ^ k[0],
            right & 0xFFFFFFFF,
            (left >> 32) ^ c[3] ^ k[1],
            left & 0xFFFFFFFF,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def words(seed, purpose, index, step):
    block = 0
    while True:
        counter = [block, step & 0xFFFFFFFF, index, (purpose << 24) | (step >> 32)]
        yield from philox(counter, [seed & 0xFFFFFFFF, seed >> 32])
        block += 1


def shuffle(rows, seed, epoch, update):
    """Fisher and Yates, from the last row down; uniform integers by multiply-shift."""
    stream = words(seed, 4, epoch, update)
    for last in range(len(rows) - 1, 0, -1):
        other = (next(stream) * (last + 1)) >> 32
        rows[last], rows[other] = rows[other], rows[last]


# --- Networks on named tensors, weights [in, out], in the order of the flat vector


def shapes(case):
    outputs, free = (3, 0) if case["dist"] == "categorical" else (2, 2)
    hidden = case["config"]["network"]["hidden"]
    policy_in, value_in = D, D
    parts = []

    def layers(prefix, widths):
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            parts.append((f"{prefix}.{i}.weight", (a, b)))
            parts.append((f"{prefix}.{i}.bias", (b,)))

    if case["config"]["network"]["shared"]:
        layers("trunk", [D, *hidden])
        policy_in, value_in, hidden = hidden[-1], hidden[-1], []
    layers("policy", [policy_in, *hidden, outputs])
    if free:
        parts.append(("policy.log_std", (free,)))
    layers("value", [value_in, *hidden, 1])
    return parts


ACTIVATIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": lambda z: torch.nn.functional.gelu(z, approximate="none"),
    "silu": torch.nn.functional.silu,
}


def dense(params, prefix, x, activation, last_is_linear):
    count = sum(name.startswith(f"{prefix}.") and name.endswith("weight") for name in params)
    for i in range(count):
        x = x @ params[f"{prefix}.{i}.weight"] + params[f"{prefix}.{i}.bias"]
        if i + 1 < count or not last_is_linear:
            x = activation(x)
    return x


def forward(case, params, x):
    """The action distribution and V(s) of observations [rows, D]."""
    activation = ACTIVATIONS[case["config"]["network"]["activation"]]
    if case["config"]["network"]["shared"]:
        x = dense(params, "trunk", x, activation, False)
    y = dense(params, "policy", x, activation, True)
    v = dense(params, "value", x, activation, True)[:, 0]
    if case["dist"] == "categorical":
        return torch.distributions.Categorical(logits=y), v
    normal = torch.distributions.Normal(y, params["policy.log_std"].exp().expand_as(y))
    return torch.distributions.Independent(normal, 1), v


# --- The rollout: short decimals in binary, so that files are small and every reader agrees


def grid(x, denominator=1024):
    return round(x * denominator) / denominator


def first_parameters(case, rng):
    params = {}
    for name, shape in shapes(case):
        # A policy head of full size, so that probabilities are far from uniform.
        scale = 1.2 / math.sqrt(shape[0]) if len(shape) == 2 else 0.2
        values = [grid(rng.gauss(0.0, scale)) for _ in range(math.prod(shape))]
        params[name] = torch.tensor(values).reshape(shape)
    return params


def make_rollout(case, params, rng):
    rows = T * N
    obs = [[grid(rng.gauss(0, 1), 64) for _ in range(D)] for _ in range(rows)]
    valid = [True] * rows
    end = ["continue"] * rows
    for t in range(T):
        for i in range(N):
            u = rng.random()
            if u < 0.12:
                end[t * N + i] = "terminated"
            elif u < 0.27:
                end[t * N + i] = "truncated"
    # Environment 4 stops after t = 9, as if its quota of episodes was reached.
    end[9 * N + 4] = "truncated"
    valid[10 * N + 4] = valid[11 * N + 4] = False
    if case["whole_episodes"]:
        for i in range(N):
            if valid[11 * N + i] and end[11 * N + i] == "continue":
                end[11 * N + i] = "terminated"
    time = []
    for t in range(T):
        for i in range(N):
            first = t == 0 or end[(t - 1) * N + i] != "continue"
            # Environment 1 comes in the middle of an episode.
            carried = 7 if (t == 0 and i == 1 and not case["whole_episodes"]) else 0
            time.append(carried if first else time[(t - 1) * N + i] + 1)
    with torch.no_grad():
        dist, v = forward(case, params, torch.tensor(obs))
        torch.manual_seed(case["config"]["seed"])
        action = dist.sample()
        if case["dist"] == "gaussian":
            action = torch.tensor([[grid(a) for a in row] for row in action.tolist()])
        exact = dist.log_prob(action).tolist()
    value = [grid(x + rng.gauss(0, 0.3)) for x in v.tolist()]
    next_value = []
    for t in range(T):
        for i in range(N):
            k = t * N + i
            goes_on = t + 1 < T and end[k] == "continue"
            # The final observation's value where truncated, the bootstrap in the last row.
            next_value.append(value[k + N] if goes_on else grid(rng.gauss(0, 1)))
    return {
        "obs": [x for row in obs for x in row],
        "discrete": action.tolist() if case["dist"] == "categorical" else [],
        "continuous": [a for row in action.tolist() for a in row]
        if case["dist"] == "gaussian"
        else [],
        # Slightly off-policy, so that some ratios leave the clip interval at once.
        "log_prob": [grid(x + rng.gauss(0, 0.15)) for x in exact],
        "reward": [grid(rng.gauss(0, 1)) for _ in range(rows)],
        "end": end,
        "valid": valid,
        "time": time,
        "value": value,
        "next_value": next_value,
    }


# --- Estimators, episode by episode


def stretches(r, i):
    """Rows of environment i, cut where an episode ends, where rows stop being valid, and at T."""
    current = []
    for t in range(T):
        k = t * N + i
        if not r["valid"][k]:
            break
        current.append(k)
        if r["end"][k] != "continue":
            yield current
            current = []
    if current:
        yield current


def value_after(r, k):
    """What the last row of a stretch bootstraps with: 0 only where the task itself ended."""
    return 0.0 if r["end"][k] == "terminated" else r["next_value"][k]


def discounted(rewards, tail, gamma):
    return sum(gamma**j * x for j, x in enumerate(rewards)) + gamma ** len(rewards) * tail


def estimate(config, r):
    e, gamma = config["estimator"], config["gamma"]
    advantage, target = [0.0] * (T * N), [0.0] * (T * N)
    for i in range(N):
        for rows in stretches(r, i):
            values = [r["value"][k] for k in rows] + [value_after(r, rows[-1])]
            rewards = [r["reward"][k] for k in rows]
            deltas = [x + gamma * b - a for x, a, b in zip(rewards, values, values[1:])]
            for j, k in enumerate(rows):
                if e["kind"] == "gae":
                    advantage[k] = discounted(deltas[j:], 0.0, gamma * e["lambda"])
                    target[k] = advantage[k] + values[j]
                else:
                    n = e["n"] if e["kind"] == "n-step" else len(rows)
                    stop = min(j + n, len(rows))
                    target[k] = discounted(rewards[j:stop], values[stop], gamma)
                    advantage[k] = target[k] - values[j]
                if e["discounting"] == "from-start":
                    advantage[k] *= gamma ** r["time"][k]
    if e["normalize"] == "batch":
        used = [k for k in range(T * N) if r["valid"][k]]
        x = normalized(torch.tensor([advantage[k] for k in used])).tolist()
        for k, a in zip(used, x):
            advantage[k] = a
    return advantage, target


def normalized(x):
    return (x - x.mean()) / (x.std(unbiased=False) + 1e-8)


# --- Updates


def scheduled(x, progress):
    return x if isinstance(x, float) else x["start"] + (x["end"] - x["start"]) * progress


def make_optimizer(config, params):
    o, leaves = config["optimizer"], list(params.values())
    if o["kind"] == "adam":
        return torch.optim.Adam(leaves, lr=1.0, betas=(o["beta1"], o["beta2"]), eps=o["eps"])
    if o["kind"] == "rmsprop":
        return torch.optim.RMSprop(leaves, lr=1.0, alpha=o["decay"], eps=o["eps"])
    return torch.optim.SGD(leaves, lr=1.0, momentum=o["momentum"])


def loss_of(case, params, r, rows, advantage, target, progress):
    """The scalar that a gradient step descends, and what is reported, as sums over the rows."""
    algo = case["config"]["algo"]
    at = lambda column: torch.tensor([column[k] for k in rows])
    obs = torch.tensor([r["obs"][k * D : (k + 1) * D] for k in rows])
    dist, v = forward(case, params, obs)
    if case["dist"] == "categorical":
        action = at(r["discrete"])
    else:
        action = torch.tensor([r["continuous"][2 * k : 2 * k + 2] for k in rows])
    log_prob, a, g = dist.log_prob(action), at(advantage), at(target)
    if case["config"]["estimator"]["normalize"] == "minibatch":
        a = normalized(a)
    log_ratio = log_prob - at(r["log_prob"])
    ratio = log_ratio.exp()
    entropy = dist.entropy()
    error = 0.5 * (v - g) ** 2
    clipped, value_clipped = 0, 0
    if algo["kind"] == "ppo":
        eps = scheduled(algo["clip"], progress)
        surrogate = torch.min(ratio * a, ratio.clamp(1 - eps, 1 + eps) * a)
        clipped = int(((ratio < 1 - eps) | (ratio > 1 + eps)).sum())
        if algo["value_clip"] > 0:
            old, c = at(r["value"]), algo["value_clip"]
            clipped_error = 0.5 * (old + (v - old).clamp(-c, c) - g) ** 2
            value_clipped = int(((clipped_error > error) & ((v - old).abs() > c)).sum())
            error = torch.max(error, clipped_error)
    else:
        surrogate = log_prob * a
    entropy_coef = scheduled(algo["entropy_coef"], progress)
    loss = -surrogate.mean() + algo["value_coef"] * error.mean() - entropy_coef * entropy.mean()
    sums = {
        "policy_loss": -float(surrogate.detach().sum()),
        "value_loss": float(error.detach().sum()),
        "entropy": float(entropy.detach().sum()),
        "approx_kl": float((ratio - 1 - log_ratio).detach().sum()),
        "ratio": float(ratio.detach().sum()),
        "clipped": clipped,
        "value_clipped": value_clipped,
        "rows": len(rows),
    }
    return loss, sums


def gradient_step(params, optimizer, loss, lr, max_norm):
    optimizer.zero_grad()
    loss.backward()
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in params.values()))
    if 0 < max_norm < norm:
        for p in params.values():
            p.grad *= max_norm / norm
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return norm


def update(case, params, optimizer, r, number, progress):
    config, algo = case["config"], case["config"]["algo"]
    advantage, target = estimate(config, r)
    order = [k for k in range(T * N) if r["valid"][k]]
    lr, norms = scheduled(config["lr"], progress), []
    for epoch in range(algo.get("epochs", 1)):
        size = len(order)
        if algo["kind"] == "ppo":
            shuffle(order, config["seed"], epoch, number)
            size = algo["minibatch"]
        total = None
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            loss, sums = loss_of(case, params, r, rows, advantage, target, progress)
            norms.append(gradient_step(params, optimizer, loss, lr, config["max_grad_norm"]))
            total = sums if total is None else {k: total[k] + sums[k] for k in total}
    return {
        "progress": progress,
        "sums": total,
        "grad_norm": sum(norms) / len(norms),
        "theta": flat(params),
    }


def flat(params):
    return [x for p in params.values() for x in p.detach().flatten().tolist()]


# --- The cases


def network(shared, activation):
    return {"kind": "mlp", "hidden": [16, 16], "activation": activation, "shared": shared}


def ppo(dist, shared, activation, **changes):
    """Everything on at once: schedules, value clip, entropy bonus, remainders, clipped norms."""
    algo = {
        "kind": "ppo",
        "clip": {"start": 0.3, "end": 0.1},
        "value_clip": 0.25,
        "epochs": 3,
        "minibatch": 23,
        "entropy_coef": {"start": 0.02, "end": 0.0},
        "value_coef": 0.5,
    }
    config = {
        "seed": 0x1234567890AB,
        "gamma": 0.97,
        "lr": {"start": 0.004, "end": 0.0},
        "max_grad_norm": 0.8,
        "network": network(shared, activation),
        "optimizer": {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-5},
        "estimator": estimator("gae", **{"lambda": 0.9, "normalize": "minibatch"}),
        "algo": {**algo, **changes},
        "env": {"num_envs": N},
        "rollout": {"steps": T},
    }
    return {"dist": dist, "whole_episodes": False, "config": config}


def estimator(kind, **changes):
    defaults = {"lambda": 0.95, "n": 5, "discounting": "from-now", "baseline": "value"}
    return {"kind": kind, **defaults, "normalize": "none", **changes}


def a2c():
    case = ppo("gaussian", False, "silu")
    case["config"] |= {
        "optimizer": {"kind": "rmsprop", "decay": 0.99, "eps": 1e-5},
        "estimator": estimator("n-step", n=3),
        "algo": {"kind": "a2c", "entropy_coef": 0.01, "value_coef": 0.4},
    }
    return case


def reinforce():
    case = ppo("categorical", False, "tanh")
    case["whole_episodes"] = True
    case["config"] |= {
        "optimizer": {"kind": "sgd", "momentum": 0.8},
        "estimator": estimator("reward-to-go", discounting="from-start", normalize="batch"),
        "algo": {"kind": "reinforce", "entropy_coef": 0.01, "value_coef": 0.4},
        "rollout": {"steps": T, "episodes": 2 * N},
        "max_grad_norm": 0.0,
    }
    return case


CASES = {
    "ppo-categorical-tanh": ppo("categorical", False, "tanh"),
    "ppo-gaussian-tanh": ppo("gaussian", False, "tanh"),
    "ppo-categorical-shared-relu": ppo("categorical", True, "relu"),
    "ppo-gaussian-shared-gelu": ppo("gaussian", True, "gelu"),
    "a2c-gaussian-silu-rmsprop": a2c(),
    "reinforce-categorical-tanh-sgd": reinforce(),
}


def write(name, case):
    rng = random.Random(name)
    params = first_parameters(case, rng)
    rollout = make_rollout(case, params, rng)
    first = flat(params)
    for p in params.values():
        p.requires_grad_()
    optimizer = make_optimizer(case["config"], params)
    advantage, target = estimate(case["config"], rollout)
    updates = [
        update(case, params, optimizer, rollout, number, 0.25 * (number + 1))
        for number in range(UPDATES)
    ]
    fixture = {
        "made_by": f"tests/python/make_torch_fixture.py, torch {torch.__version__.split('+')[0]}",
        "config": case["config"],
        "t": T,
        "n": N,
        "obs_width": D,
        "layout": [[name, list(shape)] for name, shape in shapes(case)],
        "theta": first,
        "rollout": rollout,
        "advantage": advantage,
        "target": target,
        "updates": updates,
    }
    # One line per key: differences stay readable, files small.
    lines = [f"{json.dumps(key)}:{json.dumps(x, separators=(',', ':'))}" for key, x in fixture.items()]
    (FOLDER / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    last = updates[-1]
    print(name, len(first), last["grad_norm"], last["sums"])


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, case in CASES.items():
        write(name, case)
