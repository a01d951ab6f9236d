"""The panel speaks the language of its reader, as far as its texts are translated."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from tests.factories import DESTROY, PLAN
from workspaces.choices import JobStatus
from workspaces.jobs import blockers
from workspaces.models import Workspace
from workspaces.services import jobs

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("german"),
]


def page(client: Client, address: str, language: str) -> str:
    return client.get(address, headers={"accept-language": language}).content.decode()


def test_a_page_is_in_the_readers_language_and_in_english_for_others(admin: Client, workspace: Workspace) -> None:
    jobs.create_job(workspace, by=None, tcl=PLAN)
    address = reverse("admin:workspaces_workspace_overview", args=[workspace.pk])
    german, english, other = (page(admin, address, language) for language in ("de", "en", "fr"))
    for text in ("Einen Job starten", "Sperren…", "Zeitpläne"):
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
        wait = blockers.why_wait(second)
    assert wait is not None
    assert f"job {first.pk} of this workspace, which is pending" in str(wait)
