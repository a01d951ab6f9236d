"""Launch and stop an attempt as a child process of this machine: the same executor program as in a pod.

The child outlives its launcher. It holds a lock on a file of its attempt for as long as it lives, so that any process
of this machine can tell, also after restarts and with no trust in process ids, whether it is still there.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from executors import attempts, tokens
from executors.conf import Installation, installation
from executors.job_data import encode_claim
from executors.launching.errors import LaunchError
from executors.models import Attempt

logger = logging.getLogger(__name__)
# What a child may see of this process's environment; everything else could be a key of the installation.
_PASSED_ON = (
    "PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "CustomTerraformReleasesUrl", "XDG_DATA_DIRS", "GIT_SSL_CAINFO",
)  # fmt: skip
_ALIVE = "alive.lock"
_PID = "pid"


def this_host() -> str:
    return socket.gethostname()


def _folder(attempt: Attempt, conf: Installation) -> Path:
    return conf.local_work_dir / str(attempt.pk)


def _environment(attempt: Attempt, folder: Path, conf: Installation) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    address = f"{conf.local_api_url}/executor/v1/attempts/{attempt.pk}"
    return environment | {
        "HOME": str(folder),
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERRAKUBE_WORK_DIR": str(folder / "work"),
        "TERRAKUBE_TOOLS_DIR": str(conf.local_work_dir / "tools"),
        "EphemeralFlagBatch": "true",
        "EphemeralJobData": encode_claim(address, tokens.claim_token(attempt), conf.ca_bundle),
    }


def launch(attempt: Attempt, conf: Installation, deadlines: Mapping[str, int]) -> None:
    """Start the attempt's process unless it runs already. Raises LaunchError."""
    folder = _folder(attempt, conf)
    try:
        (folder / "work").mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LaunchError("no-work-folder", f"The work folder cannot be made: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # An earlier launch of this attempt started it and died before it could say so.
            attempts.mark_launched(attempt, host=this_host(), process_id=_process_id(folder), deadlines=dict(deadlines))
            return
        process_id = _start(attempt, folder, conf, lock)
    finally:
        # The child has the lock through its own copy.
        os.close(lock)
    attempts.mark_launched(attempt, host=this_host(), process_id=process_id, deadlines=dict(deadlines))


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
        raise LaunchError("not-started", f"The executor cannot be started: {error.strerror}") from error
    (folder / _PID).write_text(str(process.pid), encoding="ascii")
    # Somebody has to collect the exit status of a child that ends before its launcher does.
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()
    return process.pid


def _process_id(folder: Path) -> int | None:
    try:
        return int((folder / _PID).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def was_started_here(attempt: Attempt) -> bool:
    """Whether the attempt's process was started on this machine, also when its launcher died before it could say so."""
    return attempt.host == this_host() or (not attempt.host and _folder(attempt, installation()).exists())


def is_alive(attempt: Attempt) -> bool:
    """Whether the attempt's process still runs on this machine."""
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
    """The processes that have the attempt's lock: the executor, and what it started, also when it is gone itself."""
    lock, found = str((folder / _ALIVE).resolve()), []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or process.name == str(os.getpid()):
            continue
        try:
            if any(os.readlink(link) == lock for link in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:
            # It ended meanwhile, or is somebody else's.
            continue
    return found


def stop(attempt: Attempt) -> bool:
    """Ask what runs an attempt to stop, or kill it where the attempt says so. True when all of it is gone.

    Only this machine's attempts can be stopped here; those of another are left to a process there.
    """
    if attempt.host and attempt.host != this_host():
        return False
    if not is_alive(attempt):
        return True
    folder = _folder(attempt, installation())
    holders, executor = _holders(folder), _process_id(folder)
    # The executor passes the request on to what it runs, once; without it, that is asked itself.
    targets = [executor] if executor in holders and not attempt.force_stop else holders
    for process_id in targets:
        if process_id is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL if attempt.force_stop else signal.SIGTERM)
    return False


def last_words(attempt: Attempt) -> str:
    """What the process itself said last, beside its step's log; empty when it said nothing."""
    try:
        text = (_folder(attempt, installation()) / "executor.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text[-2000:].strip()


def clean(attempt: Attempt) -> None:
    """Remove the work folder of an ended attempt whose process is gone."""
    shutil.rmtree(_folder(attempt, installation()), ignore_errors=True)
