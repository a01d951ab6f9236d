"""This process's counts that are not stored yet.

Counting only updates a dictionary and uses no database, so it may happen anywhere; ``take`` returns the counts since
the last call for the caller to store (``executors.metrics.store``).
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_left
from collections import Counter

from terrakube_site.metrics.catalogue import Metric

SUM = "_sum"
INFINITE = "+Inf"

_lock = threading.Lock()
_counts: Counter[tuple[str, str]] = Counter()


def _key(metric: Metric, labels: dict[str, str], **more: str) -> str:
    if labels.keys() != set(metric.labels):
        raise ValueError(f"{metric.name} has the labels {', '.join(metric.labels) or 'none'}")
    return json.dumps(labels | more, sort_keys=True, separators=(",", ":"))


def count(metric: Metric, **labels: str) -> None:
    """Increment a counter. Raises ValueError for labels that are not the metric's."""
    key = metric.name, _key(metric, labels)
    with _lock:
        _counts[key] += 1


def observe(metric: Metric, value: float, **labels: str) -> None:
    """Add a measured value, in the metric's unit, to a histogram. Raises ValueError as ``count`` does."""
    place = bisect_left(metric.buckets, value)
    bucket = f"{metric.buckets[place]:g}" if place < len(metric.buckets) else INFINITE
    keys = (metric.name, _key(metric, labels, le=bucket)), (metric.name + SUM, _key(metric, labels))
    with _lock:
        _counts[keys[0]] += 1
        _counts[keys[1]] += value  # type: ignore[assignment] # a Counter's type knows whole numbers alone


def take() -> dict[tuple[str, str], float]:
    """Return the counts since the last call, by name and labels (JSON, sorted); a bucket holds only its own values."""
    with _lock:
        found: dict[tuple[str, str], float] = dict(_counts)
        _counts.clear()
    return found


def give_back(counts: dict[tuple[str, str], float]) -> None:
    """Keep counts that could not be stored for the next call."""
    with _lock:
        for key, value in counts.items():
            _counts[key] += value  # type: ignore[assignment]
