"""manage.py up on a database that it cannot use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings


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
