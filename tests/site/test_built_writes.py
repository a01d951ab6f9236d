"""Records that are stored by statements that are built once are what Django itself would store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from executors.models import LastLaunch
from terrakube_site.database.built_writes import BuiltInserts, Replacing, WrittenOften, update_by_key
from tests.factories import PLAN, WorkspaceFactory
from tests.support.work import kept_statements
from workspaces.choices import ActorKind, Door, HistoryVerb, JobStatus, StepType
from workspaces.models import HistoryEntry, Job, Organization, Step, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def by_django(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function from whose call on Django writes all statements itself."""

    def switch() -> None:
        for name in ("_do_insert", "_do_update"):
            monkeypatch.setattr(WrittenOften, name, getattr(models.Model, name))

    return switch


def _job(workspace: Workspace, **values: Any) -> Job:
    return Job(workspace=workspace, organization=workspace.organization, tcl=PLAN, **values)


def _row(record: models.Model) -> dict[str, Any]:
    """What the database has, without what differs between two records by its nature."""
    differs = {record._meta.pk.attname, "created_date", "updated_date"}
    (row,) = type(record)._base_manager.filter(pk=record.pk).values()
    return {name: value for name, value in row.items() if name not in differs}


def test_a_saved_record_is_as_django_stores_it(workspace: Workspace, by_django: Callable[[], None]) -> None:
    def saved(**values: Any) -> tuple[dict[str, Any], list[str], Job]:
        job = _job(workspace, **values)
        with kept_statements() as statements:
            job.save()
            job.comments, job.output, job.trimmed_words = None, "done\0", {"code": "why"}
            job.save(update_fields=["comments", "output", "trimmed_words", "updated_date"])
        assert not job._state.adding
        return _row(job), statements, job

    many = {
        "author": "é" * 2_000, "comments": "it's 100 %s", "approved_date": timezone.now(), "priority": 3,
        "status": JobStatus.CANCELLED, "reason_words": {"a": [1, "%s"]}, "refresh": False,
    }  # fmt: skip
    built = [saved(**values) for values in ({}, many, {}, many)]
    by_django()
    own = [saved(**values) for values in ({}, many)]

    for (row, statements, job), (own_row, own_statements, own_job) in zip(built, own + own, strict=True):
        assert row == own_row
        assert statements == own_statements
        assert (job.took, job.author, job.output) == (own_job.took, own_job.author, own_job.output)
        assert job.created_date is not None
        assert job.updated_date is not None


def test_an_encrypted_column_stays_encrypted() -> None:
    for _ in range(2):
        entry = HistoryEntry.objects.create(
            kind="variable", verb=HistoryVerb.CHANGED, who_kind=ActorKind.PERSON, door=Door.PANEL, kept_values="s3cr3t"
        )
        assert HistoryEntry.objects.get(pk=entry.pk).kept_values == "s3cr3t"
        with connection.cursor() as cursor:
            cursor.execute("SELECT kept_values FROM workspaces_historyentry WHERE id = %s", [entry.pk])
            ((stored,),) = cursor.fetchall()
        assert "s3cr3t" not in stored


def test_an_expression_is_left_to_django(workspace: Workspace) -> None:
    job = _job(workspace, author=Concat(Value("a"), Value("b")))
    job.save()
    job.refresh_from_db()
    assert job.author == "ab"
    job.priority = F("priority") + 2
    job.save(update_fields=["priority"])
    job.refresh_from_db()
    assert job.priority == Job._meta.get_field("priority").get_default() + 2


def test_a_record_that_is_gone_cannot_be_saved(workspace: Workspace) -> None:
    job = _job(workspace)
    job.save()
    Job.objects.filter(pk=job.pk).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        job.save(update_fields=["status"])
    # Without names of columns it is stored anew.
    job.save()
    assert Job.objects.filter(pk=job.pk).exists()


@pytest.mark.parametrize("number", [0, 1, 3, 25])
def test_rows_are_stored_together(number: int, workspace: Workspace) -> None:
    job = _job(workspace)
    job.save()
    inserts = BuiltInserts(Step)
    steps = [Step(job=job, step_number=place, name=f"step {place} %s") for place in range(number)]
    with kept_statements() as statements:
        inserts.store(steps)
    assert len(statements) == min(number, 1)
    assert [step.name for step in job.steps.order_by("step_number")] == [f"step {place} %s" for place in range(number)]
    assert not any(step._state.adding for step in steps)


def test_only_who_ignores_conflicts_may_store_a_record_twice(workspace: Workspace) -> None:
    one = Organization.objects.get(pk=workspace.organization_id)
    again = Organization(pk=one.pk, name="again")
    with pytest.raises(IntegrityError), transaction.atomic():
        BuiltInserts(Organization).store([again])
    BuiltInserts(Organization, ignore_conflicts=True).store([again])
    assert Organization.objects.get(pk=one.pk).name == one.name


def test_a_record_replaces_the_one_of_which_there_may_be_only_one(workspace: Workspace) -> None:
    launches = BuiltInserts(LastLaunch, replacing=Replacing(("workspace", "step_type"), ("at", "manifest")))
    first, second = timezone.now(), timezone.now() + dt.timedelta(seconds=1)

    def store(step_type: StepType, at: dt.datetime, manifest: dict[str, Any]) -> None:
        values = {"at": at, "manifest": manifest, "settings": {"at": str(at)}}
        launches.store([LastLaunch(workspace=workspace, step_type=step_type, **values)])

    store(StepType.PLAN, first, {"a": "%s"})
    store(StepType.PLAN, second, {"b": [1]})
    store(StepType.APPLY, second, {})
    plan = LastLaunch.objects.get(step_type=StepType.PLAN)
    # What is not named stays as it was.
    assert (plan.at, plan.manifest, plan.settings) == (second, {"b": [1]}, {"at": str(first)})
    assert LastLaunch.objects.count() == 2


def test_columns_of_one_record_are_changed_by_its_key(workspace: Workspace) -> None:
    other = WorkspaceFactory.create(organization=workspace.organization)
    at = timezone.now()
    for status, date in ((JobStatus.RUNNING, at), (JobStatus.COMPLETED, None), (JobStatus.FAILED, at)):
        assert update_by_key(Workspace, workspace.pk, last_job_status=status, last_job_date=date) == 1
        found = Workspace.objects.get(pk=workspace.pk)
        assert (found.last_job_status, found.last_job_date) == (status, date)
    assert Workspace.objects.get(pk=other.pk).last_job_date is None
    assert update_by_key(Workspace, workspace.pk, name=Concat(F("name"), Value("-2"))) == 1
    assert Workspace.objects.get(pk=workspace.pk).name == f"{workspace.name}-2"
    Workspace.objects.filter(pk=workspace.pk).delete()
    assert update_by_key(Workspace, other.organization_id, last_job_date=at) == 0


def test_a_record_is_changed_only_from_among_some_values(workspace: Workspace) -> None:
    moves: list[tuple[frozenset[str], JobStatus, int]] = [
        (frozenset({JobStatus.RUNNING}), JobStatus.FAILED, 0),
        (frozenset({JobStatus.COMPLETED, JobStatus.PENDING, JobStatus.RUNNING}), JobStatus.RUNNING, 1),
        (frozenset({JobStatus.RUNNING}), JobStatus.FAILED, 1),
        (frozenset({JobStatus.COMPLETED, JobStatus.PENDING, JobStatus.RUNNING}), JobStatus.COMPLETED, 0),
        (frozenset({JobStatus.FAILED, JobStatus.PENDING, JobStatus.RUNNING}), JobStatus.COMPLETED, 1),
    ]
    job = _job(workspace, status=JobStatus.PENDING)
    job.save()
    for among, status, changed in moves:
        before = Job.objects.get(pk=job.pk).status
        assert update_by_key(Job, job.pk, among=("status", among), status=status) == changed, (among, status)
        assert Job.objects.get(pk=job.pk).status == (status if changed else before)
    # What Django writes itself obeys them, too.
    louder = Concat(F("reason"), Value("!"))
    for among, changed in ((frozenset({JobStatus.FAILED}), 0), (frozenset({JobStatus.COMPLETED}), 1)):
        assert update_by_key(Job, job.pk, among=("status", among), reason=louder) == changed


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_prepares_a_statement_once(workspace: Workspace) -> None:
    connection.close()
    for _ in range(3):
        job = _job(workspace, status=JobStatus.CANCELLED)
        job.save()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["INSERT%workspaces_job%"]
        )
        assert cursor.fetchone() == (1,)
    connection.close()
