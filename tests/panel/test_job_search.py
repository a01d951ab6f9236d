"""What the list of jobs finds by a text, and that it reads the jobs once for it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import PLAN, OrganizationFactory, WorkspaceFactory
from tests.support.work import kept_statements
from workspaces.admin import job_search
from workspaces.models import Job
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def jobs() -> dict[str, int]:
    """Return the numbers of some jobs by what tells them apart."""
    organization = OrganizationFactory.create()
    net, web = (WorkspaceFactory.create(organization=organization, name=name) for name in ("Network-7", "web"))
    made = {name: create_job(workspace, by=None, tcl=PLAN) for name, workspace in (("net", net), ("web", web))}
    made["other"] = create_job(web, by=None, tcl=PLAN)
    Job.objects.filter(pk=made["net"].pk).update(created_by="Ada@Example.com", comments="Change of the firewall")
    Job.objects.filter(pk=made["web"].pk).update(created_by="bo@example.com", commit_id="4f2a" * 10)
    Job.objects.filter(pk=made["other"].pk).update(created_by="cy@site.example", comments="100% done, 12_345")
    return {name: job.pk for name, job in made.items()}


def found(client: Client, text: str) -> set[int]:
    listed = client.get(reverse("admin:workspaces_job_changelist"), {"q": text})
    assert listed.status_code == 200
    return {job.pk for job in listed.context["cl"].result_list}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ada", {"net"}),
        ("EXAMPLE.com", {"net", "web"}),
        ("network", {"net"}),
        ("firewall ada", {"net"}),
        ("firewall bo@", set()),
        ('"of the firewall"', {"net"}),
        ('"firewall of"', set()),
        ("4F2A" * 10, {"web"}),
        ("4f2a", set()),
        ("12_345", {"other"}),
        ("12x345", set()),
        ("%", {"other"}),
        ("-7", {"net"}),
        ("  ", {"net", "web", "other"}),
        ("9" * 40, set()),
    ],
)
@pytest.mark.parametrize("few", [0, 500])
def test_the_list_finds_jobs_by_each_of_their_texts(
    few: int, text: str, names: set[str], admin: Client, jobs: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Beyond a few hits the jobs that were found are not named.
    monkeypatch.setattr(job_search, "_FEW", few)

    assert found(admin, text) == {jobs[name] for name in names}


def test_a_number_finds_its_job_and_each_text_it_is_in(admin: Client, jobs: dict[str, int]) -> None:
    number = jobs["net"]
    Job.objects.filter(pk=jobs["web"]).update(comments=f"As job {number} did")

    assert found(admin, str(number)) >= {jobs["net"], jobs["web"]}
    assert jobs["net"] not in found(admin, f"0{number}")


def test_a_search_reads_the_jobs_once_and_no_number_in_capitals(admin: Client, jobs: dict[str, int]) -> None:
    address = reverse("admin:workspaces_job_changelist")
    admin.get(address, {"q": "777"})
    with kept_statements() as statements:
        admin.get(address, {"q": "777"})

    searched = [one for one in statements if '"comments" LIKE' in one or '"comments"::text LIKE' in one]
    assert len(searched) == 1
    assert "UPPER" not in searched[0]
