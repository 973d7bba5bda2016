"""One training run of rejax (JAX, compiled); prints steps per second without compilation."""

import json
import os
import resource
import sys
import time

threads = int(sys.argv[2])
os.environ["XLA_FLAGS"] = (
    f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    f" intra_op_parallelism_threads={threads}"
)
os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))

import jax  # noqa: E402  (the flags must be set before)
import rejax  # noqa: E402

NAMES = {"CartPole-v1": "CartPole-v1", "Pendulum-v1": "Pendulum-v1"}


def main() -> None:
    work, seconds = json.loads(sys.argv[1]), float(sys.argv[3])
    batch = work["num_envs"] * work["steps"]
    total = batch * max(1, int(200_000 / batch))
    algo = rejax.PPO.create(
        env=NAMES[work["env"]],
        num_envs=work["num_envs"],
        num_steps=work["steps"],
        num_epochs=work["epochs"],
        num_minibatches=batch // work["minibatch"],
        total_timesteps=total,
        eval_freq=total,
        skip_initial_evaluation=True,
        agent_kwargs={"activation": work.get("activation", "tanh"),
                      "hidden_layer_sizes": (64, 64)},
    ).replace(eval_callback=lambda algo, state, rng: ())
    train = jax.jit(algo.train)
    jax.block_until_ready(train(jax.random.PRNGKey(0)))
    start, runs = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        runs += 1
        jax.block_until_ready(train(jax.random.PRNGKey(runs)))
    rate = runs * total / (time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"steps_per_s": rate, "peak_memory_mb": memory}))


if __name__ == "__main__":
    main()
