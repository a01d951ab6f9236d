"""The panel speaks the language of its reader, as far as its texts are translated."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override, trans_real
from pytest_django import Settings

from tests.factories import DESTROY, PLAN
from workspaces import waiting
from workspaces.choices import JobStatus
from workspaces.models import Workspace
from workspaces.services import jobs

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("msgfmt") is None, reason="msgfmt (Debian: gettext) is not there"),
]


@pytest.fixture(autouse=True)
def compiled(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """The catalogue as the site's image has it, compiled."""
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


def page(client: Client, address: str, language: str) -> str:
    return client.get(address, headers={"accept-language": language}).content.decode()


def test_a_page_is_in_the_readers_language_and_in_english_for_others(admin: Client, workspace: Workspace) -> None:
    jobs.create_job(workspace, by=None, tcl=PLAN)
    address = reverse("admin:workspaces_workspace_change", args=[workspace.pk])
    german, english, other = (page(admin, address, language) for language in ("de", "en", "fr"))
    for text in ("Einen Job starten", "Quelle hochladen…" if workspace.uploaded_source else "Sperren…", "Zeitpläne"):
        assert text in german
        assert text not in english
    assert "Wartend" in german
    assert "Pending" in english
    assert 'lang="de"' in german
    assert 'lang="en"' in other


def test_a_reader_chooses_a_language_that_stays(admin: Client) -> None:
    response = admin.post(reverse("set_language"), {"language": "de", "next": reverse("admin:index")})
    assert response["Location"] == reverse("admin:index")
    assert "Überblick" in admin.get(reverse("admin:index")).content.decode()


def test_programs_get_the_same_words_in_every_language(admin: Client, workspace: Workspace) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    address = f"/api/v1/organization/{workspace.organization_id}/job/{job.pk}"
    answers = {page(admin, address, language) for language in ("en", "de")}
    assert len(answers) == 1
    assert '"pending"' in answers.pop()


def test_programs_are_refused_in_the_same_words_in_every_language(admin: Client, workspace: Workspace) -> None:
    address = f"/api/v1/organization/{workspace.organization_id}/workspace"
    document = {"data": {"type": "workspace", "attributes": {"name": "x" * 65, "terraformVersion": "1.11.4"}}}
    said = set()
    for language in ("en", "de"):
        response = admin.post(address, document, "application/vnd.api+json", headers={"accept-language": language})
        assert response.status_code == 400
        said.add(response.content)
    assert len(said) == 1


def test_a_reason_is_kept_in_english_whoever_caused_it(workspace: Workspace) -> None:
    first = jobs.create_job(workspace, by=None, tcl=DESTROY)
    second = jobs.create_job(workspace, by=None, tcl=DESTROY)
    with override("de"):
        assert str(JobStatus.PENDING.label) == "Wartend"
        wait = waiting.why_wait(second)
    assert wait is not None
    assert f"job {first.pk} of this workspace, which is pending" in wait.sentence
