"""A production configuration is complete and safe, or nothing starts."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from terrakube_site import env, keys
from terrakube_site.settings import BASE_DIR

PRODUCTION = {
    "TerrakubeApiUrl": "https://terrakube.example",
    "TERRAKUBE_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST",
    "TERRAKUBE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "InternalSecret": base64.urlsafe_b64encode(bytes(range(32))).decode(),
    "PatSecret": base64.urlsafe_b64encode(bytes(range(40, 72))).decode(),
}


def check(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Django's own look at a deployment, in a process that has these settings and no others."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {name: value for name, value in {**PRODUCTION, **changes}.items() if value}
    return subprocess.run(
        [sys.executable, str(BASE_DIR / "manage.py"), "check", "--deploy", "--fail-level", "WARNING"],
        env={**kept, **settings, "TERRAKUBE_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
    )


def test_a_production_configuration_passes_djangos_check_without_a_word(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_start_without_a_key_is_refused_by_its_name(tmp_path: Path) -> None:
    done = check(tmp_path, PatSecret="")
    assert done.returncode != 0
    assert "PatSecret is not set" in done.stderr


@pytest.mark.parametrize("name", sorted(set(PRODUCTION) - {"TerrakubeApiUrl"}))
def test_each_key_must_be_given(name: str) -> None:
    with pytest.raises(env.SettingError, match=f"{name} is not set"):
        keys.refuse_unsafe({key: None if key == name else value for key, value in PRODUCTION.items()})


@pytest.mark.parametrize(
    "text",
    [
        "S2JeOGNNZXJQTlpWNmhTITkha2NEKkt1VVBVQmFeQjM=",
        "z6QHX!y@Nep2QDT!53vgH43^PjRXyC3X",
        "a" * 40,
        "change-me-change-me-change-me-please",
    ],
)
def test_a_key_that_everybody_has_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(env.SettingError, match="InternalSecret has a value that is not allowed") as raised:
        keys.refuse_unsafe({"InternalSecret": text})
    assert text not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"), [("TERRAKUBE_DEBUG", "1"), ("TERRAKUBE_ALLOWED_HOSTS", "terrakube.example,*")]
)
def test_debug_pages_and_every_host_name_are_refused(name: str, value: str, tmp_path: Path) -> None:
    done = check(tmp_path, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr


def _templates() -> Iterator[tuple[str, str]]:
    for pattern in ("templates/**/*.html", "workspaces/**/*.html", "executors/**/*.html"):
        for file in BASE_DIR.glob(pattern):
            yield str(file.relative_to(BASE_DIR)), file.read_text(encoding="utf-8")
    for package in ("workspaces", "vcs", "executors", "tfe", "terrakube_site"):
        for file in (BASE_DIR / package).rglob("*.py"):
            yield str(file.relative_to(BASE_DIR)), file.read_text(encoding="utf-8")


def test_nothing_that_we_write_holds_inline_script_or_style() -> None:
    inline = re.compile(
        r"<style\b|\sstyle=\"|<script(?![^>]*\b(src|type=.application/json))|\son[a-z]+=\"", re.IGNORECASE
    )
    assert [(name, found[0]) for name, text in _templates() for found in inline.finditer(text)] == []
