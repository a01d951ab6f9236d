"""The German catalogue, for tests of what a page says in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import trans_real
from pytest_django import Settings


@pytest.fixture
def german(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """The catalogue as the site's image has it, compiled."""
    if shutil.which("msgfmt") is None:
        pytest.skip("msgfmt (Debian: gettext) is not there")
    source = Path(settings.BASE_DIR) / "locale" / "de" / "LC_MESSAGES" / "django.po"
    target = tmp_path / "de" / "LC_MESSAGES"
    target.mkdir(parents=True)
    command = ["msgfmt", "--check-format", "-o", str(target / "django.mo"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    settings.LOCALE_PATHS = [str(tmp_path)]
    loaded: Any = trans_real
    loaded._translations.clear()
    yield
    loaded._translations.clear()
