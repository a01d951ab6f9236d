"""The place in line of a job that waits for room, wherever the panel shows the job."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.capacity.conftest import end, fill, fresh, organization, start
from tests.support.markup import without_breaks
from workspaces.models import Job

pytestmark = pytest.mark.django_db
LIST = reverse("admin:workspaces_job_changelist")


@pytest.fixture
def line() -> list[Job]:
    """Three jobs that wait behind one that runs; the last of them comes first."""
    owner = organization(running_steps=1)
    return [start(owner), start(owner), start(owner), start(owner, priority=5)]


def reasons(text: str) -> dict[int, str]:
    """What a page says of why each of its jobs waits."""
    found = re.findall(
        r'<span class="tk-reason" data-job="(\d+)" data-cell="reason">([^<]*)</span>', without_breaks(text)
    )
    return {int(number): said for number, said in found}


def waits(job: Job, place: str) -> str:
    return f"Waits for room: the organization {job.organization.name} may have 1 step at once · {place} in line"


def test_the_list_of_jobs_says_the_place_beside_the_reason(admin: Client, line: list[Job]) -> None:
    running, second, third, urgent = line
    said = reasons(admin.get(LIST).content.decode())
    assert said[urgent.pk] == waits(urgent, "place 1 of 3")
    assert said[second.pk] == waits(second, "place 2 of 3")
    assert said[third.pk] == waits(third, "place 3 of 3")
    assert "line" not in said[running.pk]


def test_an_open_list_and_the_first_page_say_the_same_and_go_on(admin: Client, line: list[Job]) -> None:
    running, second, third, urgent = line
    address = f"{reverse('runs:rows')}?ids={','.join(str(job.pk) for job in line)}"

    def live() -> dict[int, str]:
        return {row["id"]: row["reason"] for row in admin.get(address).json()["jobs"]}

    assert live() == reasons(admin.get(LIST).content.decode())
    shown = reasons(admin.get(reverse("admin:index")).content.decode())
    assert {pk: shown[pk] for pk in (second.pk, third.pk, urgent.pk)} == {
        pk: said for pk, said in live().items() if pk != running.pk
    }
    end(running)
    fill()
    assert live()[third.pk] == waits(third, "place 2 of 2")
    assert "line" not in live()[urgent.pk]


def test_the_page_of_a_job_says_its_place_when_it_is_opened(admin: Client, line: list[Job]) -> None:
    for job, place in zip(line[1:], (2, 3, 1), strict=True):
        page = admin.get(reverse("admin:workspaces_job_change", args=[job.pk])).content.decode()
        assert f"place {place} of 3 in line" in page
    page = admin.get(reverse("admin:workspaces_job_change", args=[line[0].pk])).content.decode()
    assert "in line" not in page


@pytest.mark.usefixtures("german")
def test_it_is_said_in_the_readers_language(admin: Client, line: list[Job]) -> None:
    text = admin.get(LIST, headers={"accept-language": "de"}).content.decode()
    assert reasons(text)[line[2].pk].endswith(" · Platz 3 von 3 in der Schlange")


@pytest.mark.parametrize("address", [LIST, reverse("admin:index")])
def test_a_page_takes_the_same_queries_for_many_that_wait(admin: Client, line: list[Job], address: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(address).status_code == 200
        return len(captured)

    queries()
    few = queries()
    for _ in range(20):
        start(line[0].organization)
    assert queries() == few


def test_a_list_in_which_nobody_waits_asks_nothing_more(admin: Client, line: list[Job]) -> None:
    Job.objects.exclude(pk=line[0].pk).delete()
    assert not fresh(line[0]).waits_for_room
    with CaptureQueriesContext(connection) as captured:
        admin.get(LIST)
    assert not any("ROW_NUMBER" in one["sql"] or "runlimits" in one["sql"] for one in captured)
