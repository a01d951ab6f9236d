"""Which workspaces a list has, and in which order."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.db.models import F, Q, QuerySet

from tfe.errors import Invalid
from tfe.project_keys import in_project
from tfe.workspaces.current import CURRENT_JOB, with_run_status
from workspaces.models import Workspace, WorkspaceTag

_MOST = 50
_TAGGED = re.compile(r"filter\[tagged\]\[(\w+)\]\[(key|value)\]")
_ORDERS = {
    "name": F("name").asc(),
    "-name": F("name").desc(),
    "current-run.created-at": F("current_job").asc(nulls_last=True),
    "-current-run.created-at": F("current_job").desc(nulls_last=True),
    "latest-change-at": F("updated_date").asc(),
    "-latest-change-at": F("updated_date").desc(),
}


def listed(workspaces: QuerySet[Workspace], asked: Mapping[str, str]) -> QuerySet[Workspace]:
    """Return the workspaces that the query of a request asks for. Raises Invalid for a filter that cannot be."""
    found = workspaces.filter(_by_name(asked))
    for name in _names(asked, "search[tags]"):
        found = found.filter(pk__in=_with_tag(name))
    if excluded := _names(asked, "search[exclude-tags]"):
        found = found.exclude(pk__in=WorkspaceTag.objects.filter(tag__name__in=excluded).values("workspace"))
    for key, value in _bindings(asked):
        found = found.filter(pk__in=_with_tag(key, value))
    if project := asked.get("filter[project][id]"):
        found = found.filter(in_project(project))
    sort, status = asked.get("sort", ""), asked.get("filter[current-run][status]", "")
    if status or "current-run" in sort:
        found = found.annotate(current_job=CURRENT_JOB)
    if status:
        found = found.filter(with_run_status(status))
    # Clients that ask for no order, go-tfe's tests among them, count on the oldest first.
    return found.order_by(*([_ORDERS[sort], "name"] if sort in _ORDERS else ["created_date"]), "pk")


def _by_name(asked: Mapping[str, str]) -> Q:
    found = Q()
    if text := asked.get("search[name]"):
        found &= Q(name__icontains=text)
    if pattern := asked.get("search[wildcard-name]"):
        part = pattern.strip("*")
        before, after = pattern.startswith("*"), pattern.endswith("*")
        lookup = "icontains" if before and after else "iendswith" if before else "istartswith" if after else "iexact"
        found &= Q(**{f"name__{lookup}": part})
    return found


def _names(asked: Mapping[str, str], name: str) -> list[str]:
    return _limited([text.strip() for text in asked.get(name, "").split(",") if text.strip()], name)


def _bindings(asked: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """The pairs of key and value; a value of None is not asked for."""
    keys: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, text in asked.items():
        if match := _TAGGED.fullmatch(name):
            (keys if match[2] == "key" else values)[match[1]] = text
    return _limited([(key, values.get(number) or None) for number, key in keys.items() if key], "filter[tagged]")


def _limited[T](found: list[T], name: str) -> list[T]:
    if len(found) > _MOST:
        raise Invalid(f"{name} has at most {_MOST} tags.")
    return found


def _with_tag(name: str, value: str | None = None) -> QuerySet[WorkspaceTag, object]:
    tagged = WorkspaceTag.objects.filter(tag__name=name)
    return (tagged if value is None else tagged.filter(value=value)).values("workspace")
