"""Rows of numbers of native environments as values of their spaces.

A space is described by nested dictionaries, as ``NativeEnvs.observation_space`` has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def value(space: dict[str, Any], rows: np.ndarray) -> Any:
    """A batch of observations as its space has them, from rows of numbers."""
    kind = space["kind"]
    if kind == "box":
        return rows
    if kind == "discrete":
        return rows[:, 0].astype(np.int64)
    if kind == "image":
        return rows.reshape(-1, *space["shape"]).astype(np.uint8)
    if kind == "multi-discrete":
        return rows.astype(np.int64)
    if kind == "multi-binary":
        return rows.astype(np.int8)
    parts, start = {}, 0
    for name, entry in space["entries"].items():
        end = start + width(entry)
        parts[name] = value(entry, rows[:, start:end])
        start = end
    return parts if kind == "dict" else tuple(parts.values())


def width(space: dict[str, Any]) -> int:
    """Numbers per row."""
    kind = space["kind"]
    if kind == "discrete":
        return 1
    if kind == "box":
        return len(space["low"])
    if kind == "image":
        return int(np.prod(space["shape"]))
    if kind == "multi-discrete":
        return len(space["n"])
    if kind == "multi-binary":
        return int(space["n"])
    return sum(width(entry) for entry in space["entries"].values())


def single(batch: Any) -> Any:
    """The only observation of a batch."""
    if isinstance(batch, dict):
        return {name: single(part) for name, part in batch.items()}
    if isinstance(batch, tuple):
        return tuple(single(part) for part in batch)
    return batch[0]
