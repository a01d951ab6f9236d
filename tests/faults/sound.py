"""What must be true after every fault, whatever it was."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from executors.choices import AttemptState, EventKind
from executors.logs import store
from executors.models import Attempt, AttemptEvent, LogChunk
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster, Object
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from workspaces.choices import JobStatus
from workspaces.models import Job, StateLock, Step

_MARK = re.compile(rb"mark (\d+)")
CLEAN_SECONDS = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How a job must end.

    ``code`` is the step's reason code, None where it does not count. ``starts`` is how often its commands were started,
    None: once or never. ``marks`` is how many numbered lines its log has, None: some of them, from the first one on.
    ``lost`` says whether bytes of the log may be shown as lost. ``orphaned``: somebody took the Job away from its pod
    and its Secret, which then stay. ``ring`` is what its commands ring, empty: its number.
    """

    status: JobStatus = JobStatus.COMPLETED
    code: str | None = "done"
    starts: int | None = 1
    marks: int | None = None
    lost: bool = False
    orphaned: bool = False
    ring: str = ""
    seconds: float = 120


def assert_sound(site: Site, cluster: Cluster, bell: Bell, job: Job, expected: Expected) -> None:
    """Wait for the end of a job, and for the end of what it held; nothing of it may be left, doubled or unexplained."""
    site.await_status(job, expected.status, seconds=expected.seconds)
    if expected.code is not None:
        assert last_step(job).reason_code == expected.code, story(job)
    if expected.status != JobStatus.COMPLETED:
        assert job.reason, story(job)
    _assert_started_once(bell, job, expected)
    _assert_log(job, expected)
    await_that(lambda: not held(job), f"the workspace of job {job.pk} is free: {held(job)}", CLEAN_SECONDS)
    if not expected.orphaned:
        await_that(lambda: not leftovers(cluster, job), f"nothing is left of job {job.pk}", CLEAN_SECONDS)


def last_step(job: Job) -> Step:
    """The step that an executor had last, else the last one."""
    began: Step | None = job.steps.filter(attempts__isnull=False).order_by("-step_number").first()
    found: Step | None = began or job.steps.order_by("-step_number").first()
    assert found is not None, story(job)
    return found


def _assert_started_once(bell: Bell, job: Job, expected: Expected) -> None:
    rung = bell.count(expected.ring or str(job.pk))
    assert rung in ((0, 1) if expected.starts is None else (expected.starts,)), f"rung {rung} times\n{story(job)}"
    for step in job.steps.all():
        claims = AttemptEvent.objects.filter(attempt__step=step, kind=EventKind.CLAIMED).count()
        assert claims <= 1, story(job)


# ---- the workspace ---------------------------------------------------------------------------------------------


def held(job: Job) -> list[str]:
    """What still keeps the next job of a job's workspace waiting."""
    found = [str(one) for one in Job.objects.filter(workspace=job.workspace_id, holds_workspace=True)]
    found += [str(lock) for lock in StateLock.objects.filter(workspace=job.workspace_id)]
    return found + [
        f"attempt {attempt.pk} is {attempt.state}"
        for attempt in Attempt.objects.filter(step__job__workspace=job.workspace_id).exclude(state=AttemptState.ENDED)
    ]


# ---- the cluster -----------------------------------------------------------------------------------------------


def leftovers(cluster: Cluster, job: Job | None = None) -> list[str]:
    """What is in the namespace, of one job or of all, and will not go by itself.

    A Kubernetes Job that is over goes when its TTL is, and takes its pods and its Secret with it.
    """
    selector = f"terrakube.io/job={job.pk}" if job is not None else "terrakube.io/job"
    jobs = cluster.jobs(selector)
    going = {one["metadata"]["uid"] for one in jobs if _is_over(one) and one["spec"].get("ttlSecondsAfterFinished")}
    left = [f"Job {name}" for name in _names(one for one in jobs if one["metadata"]["uid"] not in going)]
    pods = [one for one in cluster.pods(selector) if not _is_pod_over(one) or not _owners(one) & going]
    left += [f"pod {name}" for name in _names(pods)]
    secrets = [one for one in cluster.secrets() if _is_of(one, job)]
    return left + [f"Secret {name}" for name in _names(one for one in secrets if not _owners(one) & going)]


def _names(objects: Iterable[Object]) -> list[str]:
    return [one["metadata"]["name"] for one in objects]


def _is_of(secret: Object, job: Job | None) -> bool:
    label = secret["metadata"].get("labels", {}).get("terrakube.io/job")
    return label is not None and (job is None or label == str(job.pk))


def _owners(one: Object) -> set[str]:
    return {owner["uid"] for owner in one["metadata"].get("ownerReferences", ())}


def _is_over(job: Object) -> bool:
    conditions = job.get("status", {}).get("conditions") or ()
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def _is_pod_over(pod: Object) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


# ---- the log ---------------------------------------------------------------------------------------------------


def _assert_log(job: Job, expected: Expected) -> None:
    for attempt in Attempt.objects.filter(step__job=job).order_by("pk"):
        chunks = list(LogChunk.objects.filter(attempt=attempt).order_by("offset").defer("data"))
        ends = [0, *(chunk.offset + chunk.size for chunk in chunks)]
        # Piece follows piece, and the whole is as long as the attempt says.
        assert [chunk.offset for chunk in chunks] == ends[:-1], story(job)
        assert ends[-1] == attempt.log_size, story(job)
        if not expected.lost:
            assert lost_bytes(attempt) == 0, story(job)
    numbers = marks(job)
    whole = list(range(1, len(numbers) + 1))
    if expected.lost:
        assert numbers == sorted(set(numbers)), f"{numbers}\n{story(job)}"
    else:
        assert numbers == whole, f"{numbers}\n{story(job)}"
    if expected.marks is not None:
        assert len(numbers) == expected.marks, f"{len(numbers)} marks\n{story(job)}"


def lost_bytes(attempt: Attempt) -> int:
    """How many bytes of a log are shown as lost."""
    return sum(LogChunk.objects.filter(attempt=attempt, data=None).values_list("size", flat=True))


def whole_log(attempt: Attempt) -> bytes:
    """An attempt's log as a reader sees it."""
    attempt.refresh_from_db()
    found, at = bytearray(), 0
    while at < attempt.log_size:
        piece = store.read_log(attempt, at)
        found += piece.data
        at = piece.end
    return bytes(found)


def marks(job: Job) -> list[int]:
    """The numbered lines of a job's logs, in the order in which they are there."""
    logs_of_it = (whole_log(attempt) for attempt in Attempt.objects.filter(step__job=job).order_by("step", "number"))
    return [int(number) for log in logs_of_it for number in _MARK.findall(log)]
