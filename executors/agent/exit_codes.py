"""What the pod's exit code says. Zero is success alone; none collides with what a shell or a signal gives."""

from __future__ import annotations

SUCCEEDED = 0
FAILED = 10
CANCELLED = 11
#: The claim was refused, or the attempt ended while we ran: another decides about the step.
REFUSED = 20
#: Nobody answered the claim; nothing has run.
API_LOST = 21
#: The step ran, but its result or its last state did not reach the API.
NOT_DELIVERED = 22
BAD_JOB_DATA = 64
