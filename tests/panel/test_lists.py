"""The lists of workspaces and jobs: tags in colours, order by duration and reason, and what an export holds."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import PLAN, OrganizationFactory, TeamFactory, WorkspaceFactory
from workspaces.models import Job, Tag, Workspace, WorkspaceTag
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db


def exported(client: Client, kind: str, **wanted: str) -> list[dict[str, str]]:
    response: Any = client.get(reverse(f"admin:workspaces_{kind}_list_export"), wanted)
    assert response.status_code == 200

    async def whole() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return list(csv.DictReader(io.StringIO(async_to_sync(whole)().decode())))


def tagged(workspace: Workspace, name: str, value: str = "") -> Tag:
    tag, _new = Tag.objects.get_or_create(organization=workspace.organization, name=name)
    WorkspaceTag.objects.create(workspace=workspace, tag=tag, value=value)
    return tag


@pytest.fixture
def ended(workspace: Workspace) -> list[Job]:
    """Three jobs that took 5, 600 and 60 seconds, and one that has not ended."""
    made, now = [], timezone.now()
    for seconds, code in ((5, "b"), (600, "a"), (60, "c")):
        job = create_job(workspace, by=None, tcl=PLAN)
        ended = now + dt.timedelta(seconds=seconds)
        Job.objects.filter(pk=job.pk).update(
            status="failed", started_at=now, ended_at=ended, took=ended - now, reason_code=code
        )
        made.append(job)
    return [*made, create_job(workspace, by=None, tcl=PLAN)]


def test_a_tag_has_one_colour_and_leads_to_the_workspaces_that_have_it(admin: Client, workspace: Workspace) -> None:
    other = WorkspaceFactory.create(organization=workspace.organization)
    plain = WorkspaceFactory.create(organization=workspace.organization)
    tag = tagged(workspace, "team", "<network>")
    tagged(other, "team")
    page = admin.get(reverse("admin:workspaces_workspace_changelist")).content.decode()
    colours = {part.split('"')[0] for part in page.split("tk-tag tk-tag-")[1:]}
    assert len(colours) == 1
    assert "team=&lt;network&gt;" in page
    address = f"{reverse('admin:workspaces_workspace_changelist')}?workspace_tags__tag__id__exact={tag.pk}"
    assert address.replace("&", "&amp;") in page
    found = admin.get(address).content.decode()
    assert other.name in found
    assert f">{plain.name}<" not in found


def test_jobs_are_ordered_by_duration_and_by_reason(admin: Client, ended: list[Job]) -> None:
    names = ("number", "state", "workspace_name", "organization", "template", "who", "age", "span", "why")
    short, long, middle, running = (job.pk for job in ended)

    def order(column: str, sign: str = "") -> list[int]:
        number = names.index(column) + 1
        return [int(row["job"]) for row in exported(admin, "job", o=f"{sign}{number}")]

    assert order("span", "-") == [long, middle, short, running]
    assert order("why") == [running, long, short, middle]
    assert admin.get(reverse("admin:workspaces_job_changelist"), {"o": "-8"}).status_code == 200


def test_an_export_of_jobs_holds_what_the_list_shows_with_its_filter(admin: Client, ended: list[Job]) -> None:
    rows = exported(admin, "job", phase="ended")
    assert [row["job"] for row in rows] == [str(job.pk) for job in reversed(ended[:3])]
    assert [float(row["seconds"]) for row in rows] == [60, 600, 5]
    assert {row["status"] for row in rows} == {"failed"}


def test_an_export_of_workspaces_starts_no_formula_and_names_tags(admin: Client, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(description="=cmd()")
    tagged(workspace, "b", "1")
    tagged(workspace, "a")
    (row,) = exported(admin, "workspace")
    assert (row["name"], row["description"], row["tags"]) == (workspace.name, "'=cmd()", "a b=1")


def test_an_export_has_only_what_its_reader_sees(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    foreign = WorkspaceFactory.create(organization=OrganizationFactory.create())
    deleted = WorkspaceFactory.create(organization=workspace.organization, deleted=True)
    create_job(foreign, by=None, tcl=PLAN)
    create_job(workspace, by=None, tcl=PLAN)
    reader = sign_in(workspace.organization, role="read")
    assert [row["name"] for row in exported(reader, "workspace")] == [workspace.name]
    assert [row["workspace"] for row in exported(reader, "job")] == [workspace.name]
    assert [row["name"] for row in exported(reader, "workspace", deleted__exact="1")] == [deleted.name]


def test_a_wrong_filter_leads_to_the_list_which_says_so(admin: Client) -> None:
    response = admin.get(reverse("admin:workspaces_job_list_export"), {"nothing": "1"})
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:workspaces_job_changelist"))


def test_an_export_takes_as_many_queries_for_many_rows(admin: Client, workspace: Workspace) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            exported(admin, "workspace")
        return len(found)

    tagged(workspace, "t")
    asked()
    few = asked()
    for count in range(12):
        tagged(WorkspaceFactory.create(organization=workspace.organization), f"t{count}")
    assert asked() <= few


def test_teams_are_filtered_by_the_words_of_their_roles(admin: Client) -> None:
    for role in ("write", "Plan", "auditor"):
        TeamFactory.create(role=role)
    page: Any = admin.get(reverse("admin:workspaces_team_changelist"), {"role": "Plan"})
    roles = next(one for one in page.context["cl"].filter_specs if one.title == "role")
    offered = {str(one["display"]) for one in roles.choices(page.context["cl"])}
    assert offered >= {"Write", "Plan", "auditor"}
    assert page.context["cl"].result_count == 1
