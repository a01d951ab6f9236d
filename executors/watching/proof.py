"""When an attempt's executor is proved to run no more; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from executors.watching.statuses import Seen, is_pod_over, job_end


def is_gone(
    job: Seen | None,
    pods: Sequence[Seen] | None,
    *,
    absent_since: dt.datetime | None,
    ours: bool,
    now: dt.datetime,
    ending_seconds: float,
) -> bool:
    """Whether nothing of an attempt runs.

    A Job that is over has no pod that runs. One that is absent proves it as well where pods can be seen, or where the
    deletion was ``ours``, which leaves the Job until its pods are gone. Else somebody may have deleted the Job alone,
    and its pod has ``ending_seconds`` from then (``absent_since``, None when that is not known).
    """
    if pods is not None and not all(is_pod_over(pod) for pod in pods):
        return False
    if job is not None:
        return job_end(job) is not None
    if pods is not None or ours:
        return True
    return absent_since is not None and now >= absent_since + dt.timedelta(seconds=ending_seconds)
