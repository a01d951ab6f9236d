"""A column keeps its length by itself, however it is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import connection, models

from tests.factories import WorkspaceFactory
from workspaces.models import Job, Step
from workspaces.services.jobs import create_job
from workspaces.truncation import FittingField

pytestmark = pytest.mark.django_db
LONG = "\x00\x1b[31m" + "ä" * 2000
FIT = "\N{REPLACEMENT CHARACTER}␛[31m" + "ä" * 2000


def step_of_a_job() -> Step:
    job = create_job(WorkspaceFactory.create(), by=None, tcl="flow:\n  - type: terraformPlan\n    step: 100\n")
    return Step.objects.create(job=job, step_number=100, name="plan", type="terraformPlan")


def saved(step: Step) -> None:
    step.reason = LONG
    step.save(update_fields=["reason"])
    assert step.reason == FIT[:1024]


def updated(step: Step) -> None:
    Step.objects.filter(pk=step.pk).update(reason=LONG)


def created_in_bulk(step: Step) -> None:
    Step.objects.filter(pk=step.pk).delete()
    Step.objects.bulk_create([Step(pk=step.pk, job=step.job, step_number=100, name="plan", reason=LONG)])


@pytest.mark.parametrize("write", [saved, updated, created_in_bulk])
def test_a_text_that_does_not_fit_is_cut_off_and_shows_what_would_act(write: Callable[[Step], None]) -> None:
    step = step_of_a_job()
    write(step)
    assert Step.objects.get(pk=step.pk).reason == FIT[:1024]
    # A filter compares with what would be stored.
    assert Step.objects.filter(reason=LONG).exists()


def test_what_is_no_text_is_stored_as_it_is() -> None:
    job = step_of_a_job().job
    job.output = None
    job.save()
    Job.objects.filter(pk=job.pk).update(comments="why")
    Job.objects.filter(pk=job.pk).update(reason=models.F("comments"))
    assert Job.objects.values_list("reason", flat=True).get(pk=job.pk) == "why"
    assert Job.objects.values_list("output", flat=True).get(pk=job.pk) is None


def test_the_database_knows_the_columns_as_ordinary_ones() -> None:
    found = [field for model in apps.get_models() for field in model._meta.fields if isinstance(field, FittingField)]
    assert {field.db_type(connection) for field in found} == {f"varchar({field.max_length})" for field in found}
    assert all(field.deconstruct()[1] == "django.db.models.CharField" for field in found)
