"""Bare steps per second of gymnax (JAX, compiled), 1,024 copies, random actions."""

import json
import os
import sys
import time

threads = int(sys.argv[2])
os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))

import gymnax  # noqa: E402
import jax  # noqa: E402

COPIES, STEPS = 1024, 1000


def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[3])
    env, params = gymnax.make(name)
    space = env.action_space(params)

    @jax.jit
    def roll(key):
        key, first = jax.random.split(key)
        obs, state = jax.vmap(env.reset, (0, None))(jax.random.split(first, COPIES), params)

        def step(carry, key):
            act, go = jax.random.split(key)
            actions = jax.vmap(space.sample)(jax.random.split(act, COPIES))
            keys = jax.random.split(go, COPIES)
            obs, state, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(
                keys, carry, actions, params
            )
            return state, reward.sum()

        return jax.lax.scan(step, state, jax.random.split(key, STEPS))[1].sum()

    roll(jax.random.PRNGKey(0)).block_until_ready()
    start, runs = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        runs += 1
        roll(jax.random.PRNGKey(runs)).block_until_ready()
    print(json.dumps({"steps_per_s": runs * COPIES * STEPS / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()
