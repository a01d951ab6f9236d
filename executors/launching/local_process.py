"""Launch and stop an attempt as a child process of this machine, with the same executor program as in a pod.

The child outlives its launcher. It holds a lock on a file of its attempt while it lives, so every process of this
machine can tell whether it is alive, also after a restart and without trusting process ids.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from executors.attempts import lifecycle, tokens
from executors.contract import last_words as kept_words
from executors.contract.job_data import encode_claim
from executors.contract.work_folder import FOLDER_VARIABLE, PARENT_VARIABLE, free_disk, remove_tree
from executors.installation.settings import Installation, installation
from executors.launching import undelivered_states
from executors.launching.errors import LaunchError
from executors.models import Attempt
from workspaces.models import Job
from workspaces.reasons import reason

logger = logging.getLogger(__name__)
# Variables that a child inherits from this process; any other could be a key of the installation.
_PASSED_ON = (
    "PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "CustomTerraformReleasesUrl", "XDG_DATA_DIRS", "GIT_SSL_CAINFO",
)  # fmt: skip
_ALIVE = "alive.lock"
_PID = "pid"
_LAST_WORDS = "claimed"


def this_host() -> str:
    return socket.gethostname()


def _folder(attempt: Attempt, conf: Installation) -> Path:
    return conf.local_work_dir / str(attempt.pk)


def _workspace_folder(attempt: Attempt, conf: Installation) -> Path:
    """Return the folder in which all steps of the workspace work, one at a time; it belongs to no single attempt."""
    workspace_id = Job.objects.values_list("workspace_id", flat=True).get(steps=attempt.step_id)
    return conf.local_work_dir / f"workspace-{workspace_id}"


def _environment(attempt: Attempt, folder: Path, conf: Installation) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    address = f"{conf.local_api_url}/executor/v1/attempts/{attempt.pk}"
    return environment | {
        "HOME": str(folder),
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONDONTWRITEBYTECODE": "1",
        PARENT_VARIABLE: str(folder / "work"),
        FOLDER_VARIABLE: str(_workspace_folder(attempt, conf)),
        "TERRAKUBE_TOOLS_DIR": str(conf.local_work_dir / "tools"),
        kept_words.NAME: str(folder / _LAST_WORDS),
        "EphemeralFlagBatch": "true",
        "EphemeralJobData": encode_claim(address, tokens.claim_token(attempt), conf.ca_bundle),
    }


def launch_process(attempt: Attempt, conf: Installation, deadlines: Mapping[str, int]) -> None:
    """Start the attempt's process unless it is running. Raises LaunchError."""
    folder = _folder(attempt, conf)
    try:
        (folder / "work").mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LaunchError(reason("no-work-folder", "work-folder", error=str(error.strerror))) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # An earlier launch of this attempt started it and died before it recorded that.
            lifecycle.mark_launched(
                attempt, host=this_host(), process_id=_process_id(folder), deadlines=dict(deadlines)
            )
            return
        process_id = _start(attempt, folder, conf, lock)
    finally:
        # The child holds the lock through its own copy.
        os.close(lock)
    lifecycle.mark_launched(attempt, host=this_host(), process_id=process_id, deadlines=dict(deadlines))


def _start(attempt: Attempt, folder: Path, conf: Installation, lock: int) -> int:
    try:
        with open(folder / "executor.log", "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "executors.agent"],
                cwd=folder,
                env=_environment(attempt, folder, conf),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lock,),
                start_new_session=True,
            )
    except OSError as error:
        raise LaunchError(reason("not-started", "cannot-be-started", error=str(error.strerror))) from error
    (folder / _PID).write_text(str(process.pid), encoding="ascii")
    # A child that ends before its launcher must be reaped.
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()
    return process.pid


def _process_id(folder: Path) -> int | None:
    try:
        return int((folder / _PID).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def was_started_here(attempt: Attempt) -> bool:
    """Return True if the attempt's process was started on this machine, even if its launcher died before recording
    it.
    """
    return attempt.host == this_host() or (not attempt.host and _folder(attempt, installation()).exists())


def had_claimed(attempt: Attempt) -> bool | None:
    """Return True if the attempt's process wrote that it had claimed; None if its folder is gone.

    A folder is removed only after its attempt is over; if it is gone while the attempt is open, records of the end
    are lost.
    """
    folder = _folder(attempt, installation())
    if not folder.exists():
        return None
    try:
        return kept_words.CLAIMED in (folder / _LAST_WORDS).read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def is_alive(attempt: Attempt) -> bool:
    """Return True if the attempt's process is running on this machine."""
    try:
        lock = os.open(_folder(attempt, installation()) / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _holders(folder: Path) -> list[int]:
    """Return the processes that hold the attempt's lock: the executor, and its children even if it is gone itself."""
    lock, found = str((folder / _ALIVE).resolve()), []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or process.name == str(os.getpid()):
            continue
        try:
            if any(os.readlink(link) == lock for link in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:
            # It ended in the meantime, or belongs to another user.
            continue
    return found


def stop_process(attempt: Attempt) -> bool:
    """Interrupt the attempt's process, or kill it if the attempt says so; return True if all of it is gone.

    Only attempts of this machine can be stopped; others are left to a process on their machine.
    """
    if attempt.host and attempt.host != this_host():
        return False
    if not is_alive(attempt):
        return True
    folder = _folder(attempt, installation())
    holders, executor = _holders(folder), _process_id(folder)
    # The executor passes the request on to its command, once; without an executor, the command gets it directly.
    targets = [executor] if executor in holders and not attempt.force_stop else holders
    for process_id in targets:
        if process_id is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL if attempt.force_stop else signal.SIGTERM)
    return False


def read_last_output(attempt: Attempt) -> str:
    """Return the last output of the process itself, apart from its step's log; "" if there is none."""
    try:
        text = (_folder(attempt, installation()) / "executor.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text[-2000:].strip()


def remove_folder(attempt: Attempt) -> None:
    """Remove the work folder of an ended attempt, and its workspace's folder if no step works in it.

    An undelivered state is stored first as a recovered one; if that fails, the folder stays.
    """
    conf = installation()
    folder = _folder(attempt, conf)
    if undelivered_states.recover_states(attempt, folder):
        remove_tree(folder)
    free_disk(_workspace_folder(attempt, conf))
