"""The orders of the list of jobs by duration and reason are read from an index, in both directions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import PLAN
from workspaces.jobs import transitions
from workspaces.models import Job, Workspace
from workspaces.services.jobs import cancel_job, create_job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("column", "index"), [("span", "job_by_duration"), ("why", "job_by_reason")])
@pytest.mark.parametrize("sign", ["", "-"])
def test_an_order_is_that_of_an_index(admin: Client, workspace: Workspace, column: str, index: str, sign: str) -> None:
    create_job(workspace, by=None, tcl=PLAN)
    listed: Any = admin.get(reverse("admin:workspaces_job_changelist"), {"o": f"{sign}{column}"})
    rows = listed.context_data["cl"].queryset[:50]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # A table of one row is else read as it is.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    plan = rows.explain()
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_a_job_keeps_how_long_it_took(workspace: Workspace) -> None:
    job = create_job(workspace, by=None, tcl=PLAN)
    transitions.advance(job.pk)
    Job.objects.filter(pk=job.pk).update(started_at=timezone.now() - dt.timedelta(minutes=5))
    job.refresh_from_db()
    assert job.took == dt.timedelta(0)
    cancel_job(job, by=None)
    job.refresh_from_db()
    assert job.ended_at is not None
    assert job.started_at is not None
    assert job.took == job.ended_at - job.started_at > dt.timedelta(minutes=4)
    unstarted = create_job(workspace, by=None, tcl=PLAN)
    cancel_job(unstarted, by=None)
    unstarted.refresh_from_db()
    assert unstarted.took == dt.timedelta(0)
