"""A large site's records: 10,000 workspaces in 200 projects, 100,000 jobs, 200,000 variables, made by the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection, models, transaction
from django.utils import timezone

from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.models import Attempt
from workspaces import models as records
from workspaces.actors import TokenUser
from workspaces.choices import Category, JobStatus, LastJobStatus, StepType, VcsType
from workspaces.encryption import encrypt
from workspaces.services.tokens import create_team_token, create_token

ORGANIZATIONS = 10
WORKSPACES = 10_000
JOBS = 100_000
VARIABLES = 200_000
STEPS_OF_A_JOB = 2
PROJECTS = 200
TEAMS_OF_A_MEMBER = 50
_FLOW = "flow:\n  - type: terraformPlan\n    step: 100\n  - type: terraformApply\n    step: 200\n"
MEMBER, ADMIN = "bench-member", "bench-admin"
FEW = "bench-few"
"""Who has few rights: no team, and an access to one workspace in a hundred."""
_FEW_GROUP = "few"
PASSWORD = "bench-password"  # noqa: S105 - of a database that is gone with the measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Whose tokens ask: an administrator's, and that of a member of fifty teams which open every organization."""

    admin: str
    member: str


def fill(model: type[models.Model], rows: str, /, **columns: str) -> None:
    """Insert ``SELECT … FROM rows`` into a model's table; a column that is not named gets its field's default."""
    names, expressions, values = [], [], []
    for field in model._meta.concrete_fields:
        column = str(field.column)
        if column in columns:
            expression = columns[column]
        elif field.primary_key:
            if not isinstance(field, models.UUIDField):
                continue
            expression = "gen_random_uuid()"
        else:
            expression = "%s"
            default: Any = field.get_default()
            if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
                default = timezone.now()
            values.append(field.get_db_prep_save(default, connection))
        names.append(connection.ops.quote_name(column))
        expressions.append(expression)
    table = connection.ops.quote_name(model._meta.db_table)
    statement = f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(expressions)} FROM {rows}"  # noqa: S608 - ours
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _series(count: int) -> str:
    return f"generate_series(1, {count}) AS n"


def _of_each(model: type[models.Model], count: int) -> str:
    """``count`` rows of number n for each record, whose own is o."""
    return f"{model._meta.db_table} o CROSS JOIN {_series(count)}"


def _text(value: str) -> str:
    # What is quoted here is this file's own text, in which psycopg must see no parameter.
    return "'" + value.replace("'", "''").replace("%", "%%") + "'"


def _secret(value: str) -> str:
    return _text(encrypt(value.encode()).decode())


_LATER = "now() - interval '1 day' + n * interval '1 second'"


def make_dataset() -> Dataset:
    """Make everything on PostgreSQL, in an empty database, and let it be analyzed."""
    with transaction.atomic():
        _organizations()
        _workspaces()
        _jobs()
        accounts = _accounts()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return accounts


def _organizations() -> None:
    fill(records.Organization, _series(ORGANIZATIONS), name="'organization-' || n")
    each = records.Organization
    owner = {"organization_id": "o.id"}
    named = owner | {"name": "'{}-' || n"}

    def some(model: type[models.Model], count: int, word: str, **columns: str) -> None:
        fill(model, _of_each(each, count), **named | {"name": f"'{word}-' || n"}, **columns)

    some(records.Team, TEAMS_OF_A_MEMBER, "team", manage_workspace="mod(n, 3) = 0", plan_job="true")
    some(records.Template, 10, "template", tcl=_text(_FLOW))
    some(records.Vcs, 10, "vcs", vcs_type=f"'{VcsType.GITHUB}'", client_secret=_secret("client-secret"))
    some(records.Ssh, 10, "ssh", private_key=_secret("private-key"))
    some(records.Agent, 10, "agent")
    some(records.Tag, 50, "tag")
    some(records.Project, PROJECTS // ORGANIZATIONS, "project")
    some(records.Collection, 20, "collection", priority="n")
    secret, plain = _secret("s3cr3t"), _secret("plain value")
    value = {
        "value": f"CASE WHEN mod(n, 5) = 0 THEN {secret} ELSE {plain} END",
        "sensitive": "mod(n, 5) = 0",
        "category": f"CASE WHEN mod(n, 2) = 0 THEN '{Category.ENV}' ELSE '{Category.TERRAFORM}' END",
        "key": "'key_' || n",
    }
    fill(records.GlobalVariable, _of_each(each, 100), **owner, **value)
    fill(records.Item, _of_each(records.Collection, 50), collection_id="o.id", **value)


def _workspaces() -> None:
    each = records.Workspace
    project = (
        "(SELECT id FROM workspaces_project p WHERE p.organization_id = o.id"  # noqa: S608 - ours
        f" AND p.name = 'project-' || (1 + mod(n, {PROJECTS // ORGANIZATIONS})))"
    )
    fill(
        each,
        _of_each(records.Organization, WORKSPACES // ORGANIZATIONS),
        organization_id="o.id",
        project_id=project,
        name="'workspace-' || lpad(n::text, 5, '0')",
        source="'https://git.example/network-' || n || '.git'",
        terraform_version="'1.11.4'",
        description="'What workspace ' || n || ' is for'",
        last_job_status=f"'{LastJobStatus.COMPLETED}'",
        last_job_date="now()",
    )
    of_one = {"workspace_id": "o.id"}
    secret, plain = _secret("s3cr3t"), _secret("plain value")
    fill(
        records.Variable,
        _of_each(each, VARIABLES // WORKSPACES),
        **of_one,
        key="'key_' || n",
        value=f"CASE WHEN mod(n, 5) = 0 THEN {secret} ELSE {plain} END",
        sensitive="mod(n, 5) = 0",
        category=f"CASE WHEN mod(n, 2) = 0 THEN '{Category.ENV}' ELSE '{Category.TERRAFORM}' END",
    )
    fill(records.Access, _of_each(each, 2), **of_one, name="'access-' || n", role="'plan'")
    few = "workspaces_workspace o WHERE o.name LIKE '%%00'"
    fill(records.Access, few, **of_one, name=f"'{_FEW_GROUP}'", role="'plan'")
    template = "(SELECT id FROM workspaces_template t WHERE t.organization_id = o.organization_id LIMIT 1)"
    fill(records.Schedule, _of_each(each, 1), **of_one, cron="'0 0 3 * * ?'", template_id=template, enabled="false")
    fill(
        records.WorkspaceTag,
        "workspaces_workspace o JOIN workspaces_tag t USING (organization_id) WHERE t.name IN ('tag-1', 'tag-2')",
        **of_one,
        tag_id="t.id",
    )
    fill(
        records.Reference,
        "workspaces_workspace o JOIN workspaces_collection c USING (organization_id)"
        " WHERE c.name IN ('collection-1', 'collection-2')",
        **of_one,
        collection_id="c.id",
    )


def _jobs() -> None:
    fill(
        records.Job,
        # Jobs of many workspaces come one after the other, as they do in time.
        f"{_series(JOBS // WORKSPACES)} CROSS JOIN workspaces_workspace o ORDER BY n, o.name",
        organization_id="o.organization_id",
        workspace_id="o.id",
        template_id="(SELECT id FROM workspaces_template t WHERE t.organization_id = o.organization_id LIMIT 1)",
        tcl=_text(_FLOW),
        status=f"CASE WHEN mod(n, 4) = 0 THEN '{JobStatus.FAILED}' ELSE '{JobStatus.COMPLETED}' END",
        created_by="'ada@example.com'",
        created_date=_LATER,
        started_at=_LATER,
        ended_at=f"{_LATER} + interval '1 minute'",
        took="interval '1 minute'",
        comments="'change ' || n",
    )
    step_type = f"CASE WHEN n = 1 THEN '{StepType.PLAN}' ELSE '{StepType.APPLY}' END"
    fill(
        records.Step,
        _of_each(records.Job, STEPS_OF_A_JOB),
        job_id="o.id",
        step_number="n * 100",
        name="'Step ' || n",
        type=step_type,
        status="o.status",
        queued_at="o.started_at",
        started_at="o.started_at",
        ended_at="o.ended_at",
    )
    fill(
        records.Address,
        "workspaces_job o CROSS JOIN generate_series(1, 1) AS n WHERE mod(o.id, 10) = 0",
        job_id="o.id",
        name="'module.net.subnet[' || n || ']'",
    )
    fill(
        Attempt,
        "workspaces_step o",
        step_id="o.id",
        organization_key="(SELECT organization_id FROM workspaces_job j WHERE j.id = o.job_id)",
        number="1",
        executor=f"'{ExecutorKind.KUBERNETES}'",
        state=f"'{AttemptState.ENDED}'",
        outcome=f"'{AttemptOutcome.SUCCEEDED}'",
        created_at="o.queued_at",
        not_before="o.queued_at",
        launched_at="o.queued_at",
        claimed_at="o.started_at",
        ended_at="o.ended_at",
        cleaned_at="o.ended_at",
        job_name="'job-' || o.job_id || '-' || o.step_number || '-1'",
    )
    fill(
        records.StateVersion,
        _of_each(records.Workspace, 2),
        workspace_id="o.id",
        number="n",
        serial="n",
        job_id="(SELECT max(id) FROM workspaces_job j WHERE j.workspace_id = o.id)",
    )


def _accounts() -> Dataset:
    program = TokenUser(name="bench", groups=frozenset({settings.ADMIN_GROUP}))
    teams = [f"team-{number}" for number in range(1, TEAMS_OF_A_MEMBER + 1)]
    User.objects.create_superuser(ADMIN, password=PASSWORD)
    member = User.objects.create_user(MEMBER, password=PASSWORD, is_staff=True)
    member.groups.set([Group.objects.create(name=name) for name in teams])
    few = User.objects.create_user(FEW, password=PASSWORD, is_staff=True)
    few.groups.set([Group.objects.create(name=_FEW_GROUP)])
    _, admin_token = create_team_token(by=program, team=settings.ADMIN_GROUP, description="bench")
    _, member_token = create_token(by=TokenUser(name=MEMBER, groups=frozenset(teams)), description="bench", days=1)
    return Dataset(admin=admin_token, member=member_token)
