"""The claim: the one call that makes this process the owner of the attempt, and the answer to it."""

from __future__ import annotations

import base64
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from executors.contract.job_data import JobData, JobDataError
from executors.contract.scope import Scope
from terrakube_site.sentences import as_json

from . import VERSION
from .api import READ_SECONDS, Answer, Api, retrying
from .errors import ApiRefused, ApiUnavailable, AttemptOver, ClaimRefused

_CALL_SECONDS = 10.0
#: A smaller buffer could not hold what is in flight to an API that answers.
_LEAST_LOG_BUFFER = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The answer of the API to the claim. Sizes are in bytes.

    `memory_share` is the share of the memory limit at which a step is stopped, 0 for never. `max_plan_files_bytes` is
    None if the API keeps no files beside a plan; `plan_digest` is "" if the API does not know one. `approved` is True
    if a person approved the stored plan that this step applies. `source_ssh_rsa` and `module_ssh_rsa` allow that old
    algorithm with the source's key and with the key for modules. `host_tokens` are the step's own tokens, by host, with
    which terraform reads states that other workspaces share. With `fetch_only` the source is fetched with
    `fetch_token`, which is dropped before anything of the source runs.
    """

    job: JobData
    sensitive: tuple[str, ...] = field(default=(), repr=False)
    host_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    fetch_only: bool = False
    fetch_token: str | None = field(default=None, repr=False)
    hcl_variables: frozenset[str] = frozenset()
    plan_only: bool = False
    has_plan: bool = False
    has_plan_files: bool = False
    plan_digest: str = ""
    max_plan_files_bytes: int | None = None
    scope: Scope = field(default_factory=Scope)
    approved: bool = False
    source_ssh_rsa: bool = False
    module_ssh_rsa: bool = False
    upload: bool = False
    terraform_releases: str = ""
    tofu_releases: str = ""
    color: bool = True
    heartbeat_seconds: float = 5
    grace_seconds: float = 120
    outage_seconds: float = 300
    log_buffer_bytes: int = 64 * 1024 * 1024
    memory_share: float = 0

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Claim:
        """Parse the answer to the claim; raise JobDataError if it is invalid."""
        releases = raw.get("releases") or {}
        most = raw.get("maxPlanFilesBytes")
        try:
            job = JobData.from_json(raw.get("jobData"))
            return cls(
                job=job,
                sensitive=tuple(text for text in raw.get("sensitive") or () if isinstance(text, str)),
                host_tokens=_host_tokens(raw.get("hostTokens")),
                fetch_only=bool(raw.get("fetchOnly")),
                fetch_token=_optional_text(raw.get("fetchToken")),
                hcl_variables=frozenset(name for name in raw.get("hclVariables") or () if isinstance(name, str)),
                plan_only=bool(raw.get("planOnly")),
                has_plan=bool(raw.get("hasPlan")),
                has_plan_files=bool(raw.get("hasPlanFiles")),
                plan_digest=str(raw.get("planDigest") or ""),
                max_plan_files_bytes=None if most is None else int(most),
                scope=Scope(
                    targets=_texts(raw.get("targets")),
                    replaces=_texts(raw.get("replaces")),
                    destroys=bool(raw.get("destroys")),
                    refresh_only=job.refresh_only,
                ),
                approved=bool(raw.get("approved")),
                source_ssh_rsa=bool(raw.get("sourceSshRsa")),
                module_ssh_rsa=bool(raw.get("moduleSshRsa")),
                upload=bool(raw.get("upload")),
                terraform_releases=str(releases.get("terraform") or ""),
                tofu_releases=str(releases.get("tofu") or ""),
                color=bool(raw.get("color", True)),
                heartbeat_seconds=max(0.05, float(raw.get("heartbeatSeconds", 5))),
                grace_seconds=float(raw.get("graceSeconds", 120)),
                outage_seconds=float(raw.get("outageSeconds", 300)),
                memory_share=float(raw.get("memoryShare") or 0),
                log_buffer_bytes=max(_LEAST_LOG_BUFFER, int(raw.get("logBufferBytes", 64 * 1024 * 1024))),
            )
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, JobDataError):
                raise
            raise JobDataError("The answer of the claim has a member of the wrong kind.") from None


def _patience(waited: float) -> float:
    """Return for how many seconds a call may wait for its answer, of which `waited` are over since the first.

    Each waits as long as all before it, up to what other calls wait. An API with more claims than it can answer at once
    is slow, and would never be done with calls that give up early and come again. One that waited longer would not
    see for as long that its packets are lost.
    """
    return min(max(_CALL_SECONDS, waited), READ_SECONDS)


def _optional_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _host_tokens(value: Any) -> Mapping[str, str]:
    given = value if isinstance(value, dict) else {}
    return {host: token for host, token in given.items() if isinstance(token, str)}


def _texts(value: Any) -> tuple[str, ...]:
    """Return a tuple of strings; raise TypeError for anything else, since a missing target would mean "everything"."""
    texts = tuple(value or ())
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is expected")
    return texts


def make_claim(api: Api, *, seconds: float, pause: Callable[[float], object]) -> Claim:
    """Claim the attempt, retrying for `seconds` while the API does not answer; `api` then carries the session.

    A retry is safe: the session created here tells the API that the same pod asks again. Raises ClaimRefused,
    ApiUnavailable, or JobDataError for an unusable answer, after reporting it.
    """
    session = base64.urlsafe_b64encode(os.urandom(33)).decode()
    agent = {"version": VERSION, "host": os.uname().nodename, "pid": os.getpid()}
    content = {"session": session, "agent": agent}
    began = time.monotonic()

    def ask() -> Answer:
        return api.post_json("/claim", content, timeout=_patience(time.monotonic() - began))

    try:
        answer = retrying(ask, seconds=seconds, pause=pause)
    except (AttemptOver, ApiRefused) as refusal:
        raise ClaimRefused(str(refusal)) from None
    api.token, api.claim_again = session, _again(api.token, content)
    try:
        return Claim.from_json(answer.json())
    except JobDataError as error:
        report_early_failure(api, "bad-job-data", str(error))
        raise


def _again(token: str, content: Mapping[str, Any]) -> Callable[[Api], bool]:
    """Return the function that repeats the claim with the same session, for a site whose database was restored."""

    def claim(api: Api) -> bool:
        try:
            api.post_json("/claim", content, timeout=_CALL_SECONDS, token=token)
        except (AttemptOver, ApiRefused):
            return False
        return True

    return claim


def report_early_failure(api: Api, reason: str, message: str) -> None:
    """Report that the step failed before it ran anything; one try.

    If the report is lost, the watcher finds the pod gone.
    """
    result = {
        "outcome": "failed",
        "exitCode": None,
        "changes": None,
        "reason": reason,
        "message": message,
        "sentence": as_json(message),
        "logSize": 0,
    }
    with contextlib.suppress(AttemptOver, ApiRefused, ApiUnavailable):
        api.post_json("/result", result, timeout=_CALL_SECONDS)
