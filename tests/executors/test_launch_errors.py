"""What a launch that the cluster refuses says, and whether it is tried again."""

from __future__ import annotations

import pytest

from executors.cluster import ClusterError
from executors.launching.kubernetes_job import launch_error

POLICY = "ValidatingAdmissionPolicy 'team' with binding 'all' denied request: Jobs need the label team"


@pytest.mark.parametrize(
    ("status", "words", "code", "retryable"),
    [
        (
            403,
            'jobs.batch is forbidden: User "a" cannot create resource "jobs" in API group "batch"',
            "forbidden",
            False,
        ),
        (403, f'jobs.batch "j" is forbidden: {POLICY}', "cluster-policy", False),
        (422, f'jobs.batch "j" is invalid: : {POLICY}', "cluster-policy", False),
        (400, 'admission webhook "gate.example" denied the request: no team', "cluster-policy", False),
        (500, 'failed calling webhook "gate.example": connection refused', "cluster-unavailable", True),
        (403, 'jobs.batch "j" is forbidden: exceeded quota: small', "quota", True),
        (403, 'jobs.batch "j" is forbidden: namespace a is being terminated', "refused", False),
    ],
)
def test_the_reason_of_a_refused_launch(status: int, words: str, code: str, retryable: bool) -> None:
    error = launch_error(ClusterError(words, status=status), "jobs")
    assert (error.why.code, error.retryable) == (code, retryable)
    assert words in str(error.why)
