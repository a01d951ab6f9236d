"""Decide when an attempt's executor is proved to run no more; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from executors.watching.diagnosis.statuses import Seen, is_outlived, is_pod_over, job_end


def has_terminated(
    job: Seen | None,
    pods: Sequence[Seen] | None,
    *,
    absent_since: dt.datetime | None,
    ours: bool,
    now: dt.datetime,
    ending_seconds: float,
) -> bool:
    """Return True if nothing of an attempt runs.

    A Job that is over has no running pod, and a sidecar that runs on is no executor. An absent Job proves it too if
    pods can be read, or if the deletion was ``ours``, which keeps the Job until its pods are gone. Else the Job may
    have been deleted without its pod, which then has ``ending_seconds`` from ``absent_since`` (None if unknown).
    """
    if pods and all(is_outlived(pod) for pod in pods):
        return True
    if pods is not None and not all(is_pod_over(pod) for pod in pods):
        return False
    if job is not None:
        return job_end(job) is not None
    if pods is not None or ours:
        return True
    return absent_since is not None and now >= absent_since + dt.timedelta(seconds=ending_seconds)
