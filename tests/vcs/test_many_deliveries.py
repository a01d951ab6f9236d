"""Many deliveries of one repository at once, on many workspaces: each job once, and few queries to find them."""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from tests.factories import PLAN, TemplateFactory, WorkspaceFactory
from tests.support.work import counted_calls, kept_statements
from tests.vcs import payloads as sent
from tests.vcs.scene import SOURCE, Scene
from vcs.deliveries.handling import candidates_of, handle_delivery
from vcs.models import Delivery, DeliveryOutcome
from workspaces.models import Job, Webhook, WebhookEvent, Workspace

logger = logging.getLogger(__name__)
WORKSPACES, DELIVERIES, FOLDERS, WORKERS = 300, 100, 3, 4


def many(scene: Scene, number: int, **event: Any) -> None:
    """Workspaces of one repository, each with a folder of its own."""
    made = [
        WorkspaceFactory.build(
            organization=scene.organization, name=f"w{place}", source=SOURCE, branch="main", folder=f"envs/{place}",
            vcs=scene.vcs,
        )
        for place in range(number)
    ]  # fmt: skip
    Workspace.objects.bulk_create(made)
    webhooks = Webhook.objects.bulk_create(Webhook(workspace=row, migrated_v2=True) for row in made)
    fields = {"template": scene.template, "acts_for_site": True, **event}
    WebhookEvent.objects.bulk_create(WebhookEvent(webhook=row, **fields) for row in webhooks)


def pushed(scene: Scene, number: int) -> int:
    """Receive a push to a branch of its own that changes three folders; return its delivery's key."""
    files = [f"envs/{number * FOLDERS + place}/main.tf" for place in range(FOLDERS)]
    response = scene.send(sent.hub_push(*files, ref=f"refs/heads/b{number}", commit=f"{number:039x}f"))
    assert response.status_code == 202, response.content
    return int(Delivery.objects.latest("pk").pk)


def test_the_workspaces_of_a_repository_are_found_with_few_queries(
    scene: Scene, django_assert_max_num_queries: Any
) -> None:
    many(scene, 30)
    with django_assert_max_num_queries(4):
        assert len(candidates_of(scene.hook)) == 30


def test_a_delivery_that_matches_nothing_takes_few_queries(scene: Scene, django_assert_max_num_queries: Any) -> None:
    many(scene, 30)
    scene.send(sent.hub_push("README.md"))
    # What came of it for each workspace is written at once.
    with django_assert_max_num_queries(20):
        handle_delivery(Delivery.objects.get().pk)
    assert Counter(DeliveryOutcome.objects.values_list("code", flat=True)) == {"path": 30}


MOST_STATEMENTS = 42
"""Of a delivery that starts three jobs: 11 for itself and what came of it for 300 workspaces, and 9 for each job."""
MOST_CALLS = 105_000
"""Of Python functions for the same, most of them for the 297 workspaces that are told why they have no job."""


def test_a_delivery_is_little_work_for_many_workspaces(scene: Scene) -> None:
    template = TemplateFactory.create(organization=scene.organization, name="Plan", tcl=PLAN)
    many(scene, WORKSPACES, template=template, branch="b.*")
    keys = [pushed(scene, number) for number in range(3)]
    handle_delivery(keys[0])
    with kept_statements() as statements:
        handle_delivery(keys[1])
    assert len(statements) <= MOST_STATEMENTS, "\n".join(statements)
    assert not any(text.startswith("UPDATE") and "payload" in text for text in statements)
    with counted_calls() as calls:
        handle_delivery(keys[2])
    assert Job.objects.count() == 3 * FOLDERS
    assert calls.count <= MOST_CALLS, f"{calls.count}\n{calls.most_called()}"


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_deliveries_at_once_start_each_job_once(scene: Scene) -> None:
    """A hundred pushes on three hundred workspaces, each handled by two workers at the same time."""
    template = TemplateFactory.create(organization=scene.organization, name="Plan", tcl=PLAN)
    many(scene, WORKSPACES, template=template, branch="b.*")
    keys = [pushed(scene, number) for number in range(DELIVERIES)]

    def work(key: int) -> None:
        try:
            handle_delivery(key)
        finally:
            connection.close()

    begun, worked = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, [key for key in keys for _ in range(2)]))
    # Shown by --log-cli-level=INFO; no test is judged by how long it takes.
    logger.info(
        "%s deliveries were handled in %.1f s, with %.1f s of processor time",
        DELIVERIES,
        time.monotonic() - begun,
        time.process_time() - worked,
    )
    assert set(Delivery.objects.values_list("status", flat=True)) == {"PROCESSED"}
    assert set(Counter(Job.objects.values_list("workspace", flat=True)).values()) == {1}
    assert Job.objects.count() == DELIVERIES * FOLDERS
    assert Counter(DeliveryOutcome.objects.values_list("code", flat=True)) == {
        "job": DELIVERIES * FOLDERS,
        "path": DELIVERIES * (WORKSPACES - FOLDERS),
    }


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_commit_delivered_many_times_at_once_starts_one_job(scene: Scene) -> None:
    many(scene, 3)
    for _ in range(8):
        scene.send(sent.hub_push("envs/0/a.tf", "envs/1/a.tf"))

    def work(key: int) -> None:
        try:
            handle_delivery(key)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, Delivery.objects.values_list("pk", flat=True)))
    assert Counter(Job.objects.values_list("workspace__name", flat=True)) == {"w0": 1, "w1": 1}
    assert Counter(DeliveryOutcome.objects.values_list("code", flat=True)) == {"job": 2, "again": 14, "path": 8}
