"""The place in line of jobs that wait for room: for one, for a page of many, and in the API."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from tests.api.client import Api, token_of
from tests.capacity.conftest import fresh, organization, start, workspace
from tests.capacity.test_limits import APPLY, Whole
from tests.factories import TeamFactory
from workspaces.jobs import capacity
from workspaces.models import Job, Organization, RunLimits

pytestmark = pytest.mark.django_db


def test_the_place_in_an_organizations_line_goes_by_priority_and_age() -> None:
    owner = organization(running_steps=1)
    start(owner)
    second, third, urgent = start(owner), start(owner), start(owner, priority=1)
    assert [str(capacity.place_of(fresh(job))) for job in (urgent, second, third)] == [
        "place 1 of 3 in line",
        "place 2 of 3 in line",
        "place 3 of 3 in line",
    ]


def test_the_place_among_all_organizations_is_the_order_in_which_they_go_on(whole: Whole) -> None:
    whole(running_steps=1)
    running = start(organization())
    one, two, heavy = organization(), organization(), organization(share=2)
    waiting = {
        f"{name}{number}": start(owner)
        for number in range(2)
        for name, owner in (("one", one), ("two", two), ("heavy", heavy))
    }
    places = {name: capacity.place_of(fresh(job)) for name, job in waiting.items()}
    assert {place.length for place in places.values() if place} == {6}
    # Nothing runs of any of them: each has a first one before somebody's second, heavy its second before the others'.
    order = sorted(waiting, key=lambda name: (places[name].number, name))  # type: ignore[union-attr]
    assert set(order[:3]) == {"one0", "two0", "heavy0"}
    assert order[3] == "heavy1"
    assert capacity.place_of(running) is None


def test_each_job_of_a_page_has_the_place_that_its_own_page_says(whole: Whole) -> None:
    whole(running_applies=1)
    owner, other = organization(running_steps=1), organization()
    narrow = workspace(other, running_steps=1)
    start(owner), start(other, APPLY), start(narrow)
    for _ in range(2):
        # In the line of the organization, of the installation and of one workspace.
        start(owner), start(other, APPLY), start(narrow)
    start(owner, APPLY), start(owner, priority=5)
    page = list(Job.objects.order_by("-pk"))
    places = capacity.places_of(page)
    assert set(places) == {job.pk for job in page if job.waits_for_room}
    assert places == {pk: capacity.place_of(fresh(Job(pk=pk))) for pk in places}
    assert len(set(places.values())) > 4


def test_a_job_alone_waits_at_the_head_of_a_line_that_others_of_another_are_not_in() -> None:
    first, second = organization(running_steps=1), organization(running_steps=1)
    for owner in (first, second, second):
        start(owner)
    one, *others = start(first), start(second), start(second)
    places = capacity.places_of([one, *others])
    assert [str(places[job.pk]) for job in (one, *others)] == [
        "place 1 of 1 in line",
        "place 2 of 3 in line",
        "place 3 of 3 in line",
    ]


def test_a_job_whose_limit_was_taken_away_is_the_next_and_one_that_went_on_has_no_place() -> None:
    owner = organization(running_steps=1)
    start(owner)
    stays, goes = start(owner), start(owner)
    Job.objects.filter(pk=goes.pk).update(waits_for_room="")
    assert goes.waits_for_room
    assert set(capacity.places_of([stays, goes])) == {stays.pk}
    RunLimits.objects.all().delete()
    assert str(capacity.place_of(stays)) == "place 1 of 1 in line"


def test_a_page_of_jobs_takes_the_same_few_queries_as_one_and_none_when_nobody_waits(
    whole: Whole, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    whole(running_steps=1)
    owners = [organization(running_steps=1) for _ in range(3)]
    running = start(owners[0])
    page = [start(owner) for _ in range(6) for owner in owners]
    with django_assert_max_num_queries(5):
        assert len(capacity.places_of([running, *page])) == len(page)
    with django_assert_max_num_queries(5):
        assert capacity.place_of(page[-1]) is not None
    with django_assert_max_num_queries(0):
        assert capacity.places_of([running]) == {}


def test_the_cost_does_not_grow_with_those_who_wait(
    whole: Whole, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    whole(running_steps=1)
    owners = [organization() for _ in range(3)]
    start(owners[0])
    last = [start(owner) for _ in range(6) for owner in owners][-1]
    with django_assert_max_num_queries(10):
        assert capacity.place_of(fresh(last)) is not None
    whole(running_steps=2)
    with django_assert_max_num_queries(8):
        assert capacity.first_in_line() is not None


# ---- in the API ------------------------------------------------------------------------------------------------------


def api_of(owner: Organization) -> Api:
    TeamFactory.create(organization=owner, name="READERS", role="read")
    return Api(token_of("READERS"))


def test_clients_of_the_api_read_the_place_in_line_of_each_job() -> None:
    owner = organization(running_steps=1)
    running, second, third = (start(owner) for _ in range(3))
    urgent = start(owner, priority=3)
    client, path = api_of(owner), f"organization/{owner.pk}/job"
    found = {
        row["id"]: (row["attributes"]["placeInLine"], row["attributes"]["lineLength"])
        for row in client.read(path)["data"]
    }
    wanted = {running.pk: (None, None), second.pk: (2, 3), third.pk: (3, 3), urgent.pk: (1, 3)}
    assert found == {str(pk): places for pk, places in wanted.items()}
    one = client.read(f"{path}/{third.pk}")["data"]["attributes"]
    assert (one["placeInLine"], one["lineLength"]) == (3, 3)
    narrowed = client.read(f"{path}?fields[job]=placeInLine")["data"]
    assert {row["id"]: row["attributes"] for row in narrowed}[str(second.pk)] == {"placeInLine": 2}
    included = client.read(f"organization/{owner.pk}/workspace?include=job")["included"]
    assert {row["id"]: row["attributes"]["placeInLine"] for row in included} == {
        str(pk): place for pk, (place, _) in wanted.items()
    }


def test_a_list_of_the_api_takes_the_same_queries_for_many_that_wait() -> None:
    owner = organization(running_steps=1)
    start(owner), start(owner)
    client, path = api_of(owner), f"organization/{owner.pk}/job"

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            client.read(address)
        return len(captured)

    few, without = queries(path), queries(f"{path}?fields[job]=status")
    for _ in range(12):
        start(owner)
    assert queries(path) == few
    assert queries(f"{path}?fields[job]=placeInLine,lineLength") <= without + 2
