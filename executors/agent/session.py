"""A claimed attempt from its first heartbeat to its result, and the exit code that the pod ends with."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .api import Api, retrying
from .claim import Claim, report_early_failure
from .context import Context
from .control import Control
from .errors import ApiRefused, ApiUnavailable, AttemptOver
from .exit_codes import CANCELLED, FAILED, NOT_DELIVERED, REFUSED, SUCCEEDED
from .heartbeat import Heartbeat
from .log_channel import LogChannel
from .measures import cpu_seconds, hide_from_children, peak_memory_bytes
from .memory import MemoryWatch
from .step import Outcome, run_step

_EXIT_CODES = {"succeeded": SUCCEEDED, "failed": FAILED, "cancelled": CANCELLED}
_LEAST_RESULT_SECONDS = 10.0
_SAID_BY_TERRAFORM = ("terraform-failed", "init-failed")


def run_claimed(
    claim: Claim, api: Api, control: Control, container: Mapping[str, str], secrets: tuple[str, ...]
) -> int:
    """Run the step and report it; returns the exit code. `secrets` are masked beside the claim's own."""
    control.grace_seconds = claim.grace_seconds
    hide_from_children()
    try:
        work = _make_work(container.get("TERRAKUBE_WORK_DIR") or None)
    except OSError as error:
        message = f"There is no directory to work in: {error.strerror}: {error.filename}."
        report_early_failure(api, "no-work-directory", message)
        sys.stderr.write(message + "\n")
        return FAILED
    job = claim.job
    log = LogChannel(
        api,
        sensitive=[
            *claim.sensitive,
            *secrets,
            api.token,
            job.access_token or "",
            job.module_ssh_key or "",
            _password(job.source),
        ],
        buffer_bytes=claim.log_buffer_bytes,
        on_over=control.fence,
        on_cancel=lambda: control.cancel("The job was cancelled."),
    )
    heartbeat = Heartbeat(api, control, claim.heartbeat_seconds)

    def tell(reason: str) -> None:
        # Whoever hears of the cancel may be the very thread that has to make room in the log.
        threading.Thread(target=log.line, args=(f"Stopping: {reason}",), daemon=True).start()

    control.on_cancel = tell
    MemoryWatch(control, claim.memory_share)
    context = Context(claim, api, control, log, heartbeat, work, work / "private")
    outcome = run_step(context, container)
    code = _report(context, outcome)
    if context.undelivered_state is None and os.getpid() != 1:
        # A container's files go with it; a pod must not wait for their removal.
        shutil.rmtree(work, ignore_errors=True)
    return code


def _make_work(parent: str | None) -> Path:
    if parent:
        Path(parent).mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="terrakube-", dir=parent))
    (work / "private").mkdir(mode=0o700)
    return work


def _password(source: str) -> str:
    """The password in an address, "" when it has none or is no address."""
    try:
        return unquote(urlsplit(source).password or "")
    except ValueError:
        return ""


def _report(context: Context, outcome: Outcome) -> int:
    if context.control.fenced:
        context.log.close(0)
        return REFUSED
    if context.undelivered_state is not None:
        outcome = Outcome(
            outcome="failed",
            reason="state-undelivered",
            message="The state that terraform wrote last could not be delivered; it is only in the pod.",
            exit_code=outcome.exit_code,
            changes=outcome.changes,
        )
    sentence = f"{outcome.outcome.capitalize()}: {outcome.message}"
    if context.job.show_header:
        context.banner(sentence)
    elif outcome.outcome != "succeeded" and outcome.reason not in _SAID_BY_TERRAFORM:
        context.loudly(sentence)
    with contextlib.suppress(OSError):
        # The one line for who looks at the pod instead of the job.
        os.write(1, f"{sentence}\n".encode(errors="replace"))
    patience = context.api.left(context.claim.outage_seconds)
    deadline = time.monotonic() + patience
    context.log.close(patience)
    context.heartbeat.stop()
    content = {
        "outcome": outcome.outcome,
        "exitCode": outcome.exit_code,
        "changes": outcome.changes,
        "reason": outcome.reason,
        "message": outcome.message,
        "logSize": context.log.size,
        "peakMemoryBytes": peak_memory_bytes(),
        "cpuSeconds": cpu_seconds(),
    }
    try:
        retrying(
            lambda: context.api.post_json("/result", content),
            seconds=max(_LEAST_RESULT_SECONDS, deadline - time.monotonic()),
            pause=time.sleep,
        )
    except AttemptOver:
        return REFUSED
    except (ApiUnavailable, ApiRefused):
        return NOT_DELIVERED
    return NOT_DELIVERED if context.undelivered_state is not None else _EXIT_CODES[outcome.outcome]
