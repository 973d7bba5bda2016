"""One training run of Stable-Baselines3; prints steps per second and peak memory as JSON."""

import json
import resource
import sys
import time

import torch
from bars import NETWORKS, Bars
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.env_util import make_vec_env

NET = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


def setting(work: dict) -> tuple:
    """Kind of policy, environment, settings of the policy."""
    if work["algo"] == "recurrent-ppo":
        # Its only memory is an LSTM; one for both functions, heads of one layer.
        policy = {"net_arch": [], "lstm_hidden_size": work["units"], "shared_lstm": True,
                  "enable_critic_lstm": False}
        env = make_vec_env(work["env"], n_envs=work["num_envs"], seed=1)
        return "MlpLstmPolicy", env, policy
    if work["env"] == "bars":
        env = Bars(work["num_envs"], work["channels"], work["side"])
        return "CnnPolicy", env, NETWORKS[work["network"]]
    policy = {
        "net_arch": {"pi": [64, 64], "vf": [64, 64]},
        "activation_fn": NET[work.get("activation", "tanh")],
    }
    return "MlpPolicy", make_vec_env(work["env"], n_envs=work["num_envs"], seed=1), policy


def model(work: dict):
    kind, env, policy = setting(work)
    if work["algo"] == "a2c":
        return A2C(kind, env, n_steps=work["steps"], policy_kwargs=policy, device="cpu")
    algorithm = RecurrentPPO if work["algo"] == "recurrent-ppo" else PPO
    return algorithm(
        kind, env, n_steps=work["steps"], batch_size=work["minibatch"],
        n_epochs=work["epochs"], policy_kwargs=policy, device="cpu",
    )


def main() -> None:
    work, threads, seconds = json.loads(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    torch.set_num_threads(threads)
    learner = model(work)
    batch = work["num_envs"] * work["steps"]
    learner.learn(batch)  # imports, first allocations
    start, updates = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        learner.learn(batch, reset_num_timesteps=False)
        updates += 1
    rate = updates * batch / (time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"steps_per_s": rate, "peak_memory_mb": memory}))


if __name__ == "__main__":
    main()
