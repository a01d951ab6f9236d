"""The catalogues of the site, for tests of what a page says in a reader's language."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.utils.translation import trans_real
from pytest_django import Settings

TRANSLATED = tuple(code for code, _ in site_settings.LANGUAGES if code != site_settings.LANGUAGE_CODE)
"""The languages that have a catalogue: every one but that of the source."""


def catalogue_of(language: str) -> Path:
    """Return the catalogue of a language, as text."""
    return Path(site_settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"


@pytest.fixture(scope="session")
def compiled_catalogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogues as the site's image has them, compiled once."""
    if shutil.which("msgfmt") is None:
        pytest.skip("msgfmt (Debian: gettext) is not there")
    folder = tmp_path_factory.mktemp("locale")
    for language in TRANSLATED:
        target = folder / language / "LC_MESSAGES"
        target.mkdir(parents=True)
        command = ["msgfmt", "--check-format", "-o", str(target / "django.mo"), str(catalogue_of(language))]
        subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def catalogues(compiled_catalogues: Path, settings: Settings) -> Iterator[None]:
    """Every language of the site has its texts."""
    settings.LOCALE_PATHS = [str(compiled_catalogues)]
    loaded: Any = trans_real
    loaded._translations.clear()
    yield
    loaded._translations.clear()


@pytest.fixture
def german(catalogues: None) -> None:
    """The panel speaks German to those who ask for it."""
