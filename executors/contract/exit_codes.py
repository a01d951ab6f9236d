"""Exit codes of the pod. Only zero is success; none collides with those of a shell or a signal."""

from __future__ import annotations

SUCCEEDED = 0
FAILED = 10
CANCELLED = 11
#: The claim was refused; nothing has run. Executors up to 1.0 use this code also instead of FENCED.
REFUSED = 20
#: The API did not answer the claim; nothing has run.
API_LOST = 21
#: The step ran, but its result or its last state did not reach the API.
NOT_DELIVERED = 22
#: The attempt was over, or taken over, while it ran: its command was stopped, and its successor decides about the step.
FENCED = 23
BAD_JOB_DATA = 64
