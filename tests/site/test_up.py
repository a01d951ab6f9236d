"""manage.py up: a database that it cannot use, and the port that it holds."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management.base import CommandError

from executors.management.commands.up import listen


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (None, r"The database is not up to date \(\d+ migrations\); run manage.py migrate first."),
        ("postgresql://me:hunter2@127.0.0.1:1/none", r"The database cannot be reached: .*127\.0\.0\.1.*refused.*"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, url: str | None, sentence: str) -> None:
    # With a cluster at hand the system checks would warn, rightly, that no address for its pods is set.
    left_out = {"TERRAKUBE_DATABASE_URL", "KUBECONFIG"}
    environment = {key: text for key, text in os.environ.items() if key not in left_out}
    environment |= {"TERRAKUBE_DATA_DIR": str(tmp_path)} | ({"TERRAKUBE_DATABASE_URL": url} if url else {})
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert done.stdout == ""
    assert "hunter2" not in line
    assert re.fullmatch(f"CommandError: {sentence}", line), line


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot listen at 127.0.0.1:{port}: Address already in use"):
            listen("127.0.0.1", port)


def test_a_connection_waits_for_a_web_process_and_sends_small_answers_at_once() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5) as client:
        client.sendall(b"asked before anybody accepts")
        accepted, _address = listener.accept()
        with accepted:
            assert accepted.recv(64) == b"asked before anybody accepts"
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
