"""What a report says of a job, apart from where it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from workspaces.choices import JobStatus
from workspaces.jobs.plans import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One job, as a status and a comment tell of it.

    ``why`` is its reason as a sentence, "" if there is none. ``plan`` is None as long as nothing was planned, or if
    only its log is known. ``started``: whether its first step was handed over; ``approved``: whether its plan was
    approved; ``applied``: whether an apply of it has ended well. ``url`` leads to the job's page, ``plan_url`` to its
    whole plan as text.
    """

    number: int
    organization: str
    workspace: str
    workspace_id: str
    status: JobStatus
    why: str = ""
    plan: Plan | None = None
    plan_changes: bool = True
    started: bool = False
    approved: bool = False
    applied: bool = False
    commit: str = ""
    pull_request: int | None = None
    url: str = ""
    plan_url: str = ""

    @property
    def place(self) -> str:
        return f"{self.organization}/{self.workspace}"
