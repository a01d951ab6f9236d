"""All variables that count in a job, read by one statement that is built once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import CharField, F, IntegerField, QuerySet, Value

from terrakube_site.database.built_once import BuiltOnce
from workspaces.choices import Category
from workspaces.encryption import is_lost
from workspaces.models import GlobalVariable, Item, Job, JobVariable, Variable

_WORKSPACE, _ORGANIZATION, _COLLECTION, _JOB = range(4)
_COLUMNS = ("source", "rank", "collection_name", "category", "key", "value", "sensitive", "hcl")


class VariableRow(NamedTuple):
    """A variable as its table has it; ``rank`` is the priority of its collection."""

    source: int
    rank: int
    collection_name: str
    category: str
    key: str
    value: str
    sensitive: bool
    hcl: bool
    lost: bool = False
    """Whether the value cannot be decrypted; it stands as an empty one."""

    @property
    def incomplete(self) -> bool:
        """Return whether it is sensitive and has no value yet."""
        return self.sensitive and not self.lost and not self.value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobVariables:
    """The variables of a job's workspace, of its organization, of its collections and of the job itself.

    Those of collections are in the order in which they win.
    """

    workspace: tuple[VariableRow, ...]
    organization: tuple[VariableRow, ...]
    items: tuple[VariableRow, ...]
    job: tuple[VariableRow, ...]


def _rows(rows: QuerySet[Any], source: int, **columns: Any) -> QuerySet[Any, Any]:
    shared = {"rank": Value(0, IntegerField()), "collection_name": Value("", CharField())}
    annotated = rows.order_by().annotate(source=Value(source, IntegerField()), **(shared | columns))
    found: QuerySet[Any, Any] = annotated.values_list(*_COLUMNS)
    return found


def _of_job(workspace: UUID, organization: UUID, job: int) -> QuerySet[Any, Any]:
    # The columns of the first are converted as its fields are, and the others' like them.
    own = _rows(Variable.objects.filter(workspace=workspace), _WORKSPACE)
    shared = _rows(GlobalVariable.objects.filter(organization=organization), _ORGANIZATION)
    used = Item.objects.filter(collection__references__workspace=workspace)
    items = _rows(used, _COLLECTION, rank=F("collection__priority"), collection_name=F("collection__name"))
    of_job = _rows(
        JobVariable.objects.filter(job=job),
        _JOB,
        category=Value(Category.TERRAFORM.value, CharField()),
        sensitive=Value(False),
        hcl=Value(True),
    )
    return own.union(shared, items, of_job, all=True).order_by("source", "-rank", "collection_name", "category", "key")


_OF_JOB = BuiltOnce(_of_job)


def read_variables(job: Job) -> JobVariables:
    """Read the variables that count in a job now. One query."""
    return _sorted_rows(_OF_JOB.rows(job.workspace_id, job.workspace.organization_id, job.pk))


def _sorted_rows(rows: Iterable[Any]) -> JobVariables:
    found: tuple[list[VariableRow], ...] = ([], [], [], [])
    for row in rows:
        variable = VariableRow(*row)
        if is_lost(variable.value):
            variable = variable._replace(value="", lost=True)
        found[variable.source].append(variable)
    own, shared, items, of_job = map(tuple, found)
    return JobVariables(workspace=own, organization=shared, items=items, job=of_job)
