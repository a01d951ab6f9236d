"""Run a claimed attempt from its first heartbeat to its result, and choose the exit code of the pod."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from executors.contract.exit_codes import CANCELLED, FAILED, FENCED, NOT_DELIVERED, SUCCEEDED
from executors.contract.work_folder import PARENT_VARIABLE, remove_tree, work_folder_of
from terrakube_site.sentences import Sentence, as_json
from terrakube_site.sentences import marked as _

from .api import Api, retrying
from .claim import Claim, report_early_failure
from .context import Context
from .control import Control
from .errors import ApiRefused, ApiUnavailable, AttemptOver
from .heartbeat import Heartbeat
from .log_channel import LogChannel
from .measures import cpu_seconds, hide_from_children, peak_memory_bytes
from .memory import MemoryWatch
from .step import Outcome, run_step
from .user_entry import with_user_entry

_EXIT_CODES = {"succeeded": SUCCEEDED, "failed": FAILED, "cancelled": CANCELLED}
_LEAST_RESULT_SECONDS = 10.0
_SAID_BY_TERRAFORM = ("terraform-failed", "init-failed")


def run_claimed(
    claim: Claim, api: Api, control: Control, container: Mapping[str, str], secrets: tuple[str, ...]
) -> int:
    """Run the step and report its result; return the exit code. `secrets` are masked besides those of the claim."""
    control.grace_seconds = claim.grace_seconds
    hide_from_children()
    try:
        work = _make_work(container.get(PARENT_VARIABLE) or None)
        container = with_user_entry(container, work)
    except OSError as error:
        message = Sentence(
            _("The work directory is missing: {error}: {folder}."), error=error.strerror, folder=error.filename
        )
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
            claim.fetch_token or "",
            job.module_ssh_key or "",
            _password(job.source),
        ],
        buffer_bytes=claim.log_buffer_bytes,
        on_over=control.fence,
        on_cancel=lambda: control.cancel(Sentence(_("The job was cancelled."))),
    )
    heartbeat = Heartbeat(api, control, claim.heartbeat_seconds)

    def tell(reason: str) -> None:
        # The thread that learns of the cancel may be the one that must free space in the log buffer.
        threading.Thread(target=log.line, args=(f"Stopping: {reason}",), daemon=True).start()

    control.on_cancel = tell
    MemoryWatch(control, claim.memory_share)
    folder = work_folder_of(container, job.workspace_id)
    context = Context(claim, api, control, log, heartbeat, folder, work, work / "private")
    outcome = run_step(context, container)
    # The container's files vanish with it, except those on a volume; a pod must not wait for their removal.
    stays = os.getpid() != 1 or bool(container.get(PARENT_VARIABLE))
    if stays:
        # Before the result is reported: the next step may start at once.
        context.folder.leave(work / "left")
    code = _report(context, outcome)
    if stays:
        remove_tree(work if context.undelivered_state is None else work / "left")
    return code


def _make_work(parent: str | None) -> Path:
    if parent:
        Path(parent).mkdir(parents=True, exist_ok=True)
    work = Path(os.path.realpath(tempfile.mkdtemp(prefix="terrakube-", dir=parent)))
    (work / "private").mkdir(mode=0o700)
    return work


def _password(source: str) -> str:
    """Return the password in a URL, "" if there is none."""
    try:
        return unquote(urlsplit(source).password or "")
    except ValueError:
        return ""


def _report(context: Context, outcome: Outcome) -> int:
    if context.control.fenced:
        context.log.close(0)
        return FENCED
    failure = context.state_failure
    if failure is not None:
        outcome = Outcome(
            outcome="failed",
            reason=failure.reason,
            message=failure.message,
            exit_code=outcome.exit_code,
            changes=outcome.changes,
        )
    sentence = f"{outcome.outcome.capitalize()}: {outcome.message}"
    if context.job.show_header:
        context.banner(sentence)
    elif outcome.outcome != "succeeded" and outcome.reason not in _SAID_BY_TERRAFORM:
        context.loudly(sentence)
    with contextlib.suppress(OSError):
        # One line for a reader of the pod's output instead of the job.
        os.write(1, f"{sentence}\n".encode(errors="replace"))
    patience = context.api.remaining_seconds(context.claim.outage_seconds)
    deadline = time.monotonic() + patience
    context.log.close(patience)
    context.heartbeat.stop()
    content = {
        "outcome": outcome.outcome,
        "exitCode": outcome.exit_code,
        "changes": outcome.changes,
        "reason": outcome.reason,
        "message": outcome.message,
        "sentence": as_json(outcome.message),
        "logSize": context.log.size,
        "peakMemoryBytes": peak_memory_bytes(),
        "cpuSeconds": cpu_seconds(),
        "undeclaredVariables": context.heartbeat.unreported_variables,
    }
    try:
        retrying(
            lambda: context.api.post_json("/result", content),
            seconds=max(_LEAST_RESULT_SECONDS, deadline - time.monotonic()),
            pause=time.sleep,
        )
    except AttemptOver:
        return FENCED
    except (ApiUnavailable, ApiRefused):
        return NOT_DELIVERED
    undelivered = failure is not None and failure.reason == "state-undelivered"
    return NOT_DELIVERED if undelivered else _EXIT_CODES[outcome.outcome]
