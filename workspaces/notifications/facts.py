"""What a notification says, apart from where it is stored and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.conf import settings
from django.urls import reverse

from workspaces.choices import JobStatus, NotificationEvent

E = NotificationEvent
VERBS: Mapping[str, str] = {
    E.WAITING_APPROVAL: "waits for approval",
    E.FAILED: "failed",
    E.COMPLETED: "completed",
    E.NO_CHANGES: "found no changes",
    E.REJECTED: "was rejected",
    E.CANCELLED: "was cancelled",
    E.APPROVED: "was approved",
    E.PENDING: "waits",
    E.QUEUE: "is queued",
    E.RUNNING: "runs",
    E.NOT_EXECUTED: "was not executed",
    E.UNKNOWN: "has an unknown status",
    E.POLICY_REFUSED: "was refused by a policy",
    E.DRIFTED: "has drifted",
    E.TOKEN_ENDING: "is about to end",
    E.CONNECTION_ENDING: "is about to end or needs care",
    E.TEST: "is only a test",
}
"""What happened, in the words that follow its subject."""
FAILURES = frozenset({E.FAILED, E.REJECTED, E.CANCELLED, E.POLICY_REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One event. ``workspace`` is "" for what belongs to the whole organization, ``job`` None for what is no job's.

    ``reason`` is a sentence that says more, "" if there is none. ``subject`` names what it is about where that is
    neither a job nor a workspace, and ``path`` is its page in the panel.
    """

    event: str
    organization: str
    workspace: str = ""
    workspace_id: str = ""
    job: int | None = None
    reason: str = ""
    reason_code: str = ""
    commit: str = ""
    subject: str = ""
    path: str = ""

    @property
    def status(self) -> str:
        """The job's status, or the event where it is no job's."""
        if self.event == E.POLICY_REFUSED:
            return JobStatus.FAILED
        return JobStatus.COMPLETED if self.event == E.TEST else self.event

    @property
    def verb(self) -> str:
        return VERBS.get(self.event, self.event)

    @property
    def headline(self) -> str:
        """One line: what happened to what."""
        if self.subject:
            return f"{self.subject} {self.verb}"
        # The job of drift is the check that found it, and has not drifted itself.
        if self.job is None or self.event == E.DRIFTED:
            return f"{self.workspace} {self.verb}"
        return f"{self.workspace}: job {self.job} {self.verb}"

    @property
    def failure_reason(self) -> str:
        return self.reason if self.event in FAILURES else ""

    @property
    def workspace_url(self) -> str:
        if not self.workspace_id:
            return ""
        return f"{settings.PUBLIC_URL}{reverse('admin:workspaces_workspace_overview', args=[self.workspace_id])}"

    @property
    def url(self) -> str:
        """The page to look at: of the job, where an approval is given; else of the workspace or the subject."""
        if self.job:
            return f"{settings.PUBLIC_URL}{reverse('admin:workspaces_job_change', args=[self.job])}"
        return f"{settings.PUBLIC_URL}{self.path}" if self.path else self.workspace_url or str(settings.PUBLIC_URL)

    @property
    def values(self) -> dict[str, str]:
        """What the names of a message's template stand for."""
        return {
            "organization": self.organization,
            "workspace": self.workspace,
            "job": "" if self.job is None else str(self.job),
            "event": self.verb,
            "status": self.status,
            "reason": self.reason,
            "commit": self.commit,
            "url": self.url,
        }

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def facts_from(stored: Mapping[str, Any]) -> Facts:
    """Return the facts of a delivery; what a later version stored beside them is left out."""
    known = {field.name for field in fields(Facts)}
    return Facts(**{name: value for name, value in stored.items() if name in known})


def sample_facts(organization: str, workspace: str = "", workspace_id: str = "") -> Facts:
    """Return what a test says: job 0, completed, as Terrakube's."""
    return Facts(
        event=E.TEST, organization=organization, workspace=workspace, workspace_id=workspace_id, job=0,
        subject=f"A message of {organization}" + (f"/{workspace}" if workspace else ""),
    )  # fmt: skip
