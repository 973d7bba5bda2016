"""Every estimator against the exact gradient."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gradwerk import _core


def verify(
    filter: str = "",
    *,
    samples: int = 4000,
    batches: Sequence[int] | None = None,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """Measure bias and variance of the estimators where the true gradient is known.

    Args:
        filter: words that the name of a row must contain, all of them; without, every row.
        samples: batches per sampled row.
        batches: trajectories per batch, for example ``[1, 2, 4]``.
        threads: threads that share the rows; the numbers do not depend on it.

    Returns:
        A dictionary per row: ``name``, ``declared`` (``unbiased``, ``predicted`` or ``biased``),
        ``batches`` (with ``bias`` and ``variance``), ``verdict`` (``ok``, ``failed`` or
        ``reported``), ``failure``.
    """
    sizes = None if batches is None else list(batches)
    report = json.loads(_core.verify(filter, samples, sizes, threads))
    rows: list[dict[str, Any]] = report["rows"]
    return rows
