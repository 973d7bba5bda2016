"""Bare steps per second of EnvPool (C++), 1,024 copies on one thread, random actions."""

import json
import os
import sys
import time

os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: int(sys.argv[2])]))

import envpool  # noqa: E402
import numpy as np  # noqa: E402

COPIES = 1024


def main() -> None:
    name, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    env = envpool.make(
        name, env_type="gymnasium", num_envs=COPIES, batch_size=COPIES, num_threads=threads
    )
    space, rng = env.action_space, np.random.default_rng(0)

    def sample() -> np.ndarray:
        if hasattr(space, "n"):
            return rng.integers(0, space.n, COPIES, dtype=np.int32)
        return rng.uniform(space.low, space.high, (COPIES, *space.shape)).astype(np.float32)

    env.reset()
    for _ in range(100):
        env.step(sample())
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        env.step(sample())
        steps += COPIES
    print(json.dumps({"steps_per_s": steps / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()
