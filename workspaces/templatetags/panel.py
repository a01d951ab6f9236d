"""Filters that templates of the panel share with its lists, and pieces that several pages show."""

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypedDict
from urllib.parse import urlencode

from django import template
from django.core.paginator import Page
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from terrakube_site import visible as safe
from terrakube_site.theme.markup import text_of
from workspaces import display
from workspaces.admin.changes import Change
from workspaces.admin.states import origin_of
from workspaces.cron_words import words_of
from workspaces.forms.ephemeral import Entry
from workspaces.forms.roles import RoleRow, role_names, role_rows
from workspaces.models import Job, RecoveredState, StateVersion
from workspaces.reasons import in_language

register = template.Library()


class PageLinks(TypedDict):
    page: Page[object]
    previous: str
    next: str
    query: str


class JobTable(TypedDict):
    title: str
    jobs: Sequence[Job]
    total: int
    empty: str


class RecoveredStates(TypedDict):
    states: Sequence[RecoveredState]


class SettingPolicy(TypedDict):
    entry: Entry


class RolesTable(TypedDict):
    roles: Sequence[str]
    rows: Sequence[RoleRow]


class Changes(TypedDict):
    changes: Sequence[Change]
    new: bool


@register.simple_tag
def table_head(*titles: str | tuple[str, ...]) -> SafeString:
    """The head of a table: a column for each title. A view may give the titles as one tuple."""
    columns = [name for title in titles for name in (title if isinstance(title, tuple) else (title,))]
    cells = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in columns))
    return format_html("<thead><tr>{}</tr></thead>", cells)


@register.inclusion_tag("terrakube/page_links.html")
def page_links(page: Page[object], previous: str, next: str, **query: object) -> PageLinks:
    """The links to the pages before and after one; empty when there is only one.

    ``query`` holds the other parameters of the address, such as a filter.
    """
    return {"page": page, "previous": previous, "next": next, "query": urlencode(query)}


@register.filter
def sentence(text: object) -> str:
    """A reason, or another sentence of the code, in the reader's language."""
    return in_language(text)


@register.filter
def reason_of(job: Job) -> str:
    return display.reason_of(job)


@register.filter
def visible(text: object) -> str:
    """A person's or program's text, in which nothing acts and nothing is hidden."""
    return safe.visible(str(text or ""))


@register.filter
def badge(status: str) -> SafeString:
    return display.badge(status)


@register.filter
def moment(at: dt.datetime | None) -> SafeString:
    return display.moment(at)


@register.filter
def clock(at: dt.datetime | None) -> SafeString:
    return display.clock(at)


@register.filter
def cron_words(text: str) -> str:
    """Return what a schedule's expression means."""
    return words_of(text)


@register.filter
def state_origin(version: StateVersion) -> SafeString:
    """How a version of a state came to be, with a link to its job and the reason that a user gave."""
    return origin_of(version)


@register.filter
def file_size(count: int | None) -> str:
    return display.file_size(count)


@register.filter
def seconds(span: float) -> str:
    return display.seconds(span)


@register.inclusion_tag("terrakube/job_table.html")
def job_table(title: str, jobs: Sequence[Job], *, number: int = 0, empty: str = "") -> JobTable:
    """List jobs; ``number`` is how many there are in all, ``empty`` what to say of none, else nothing is shown."""
    return {"title": title, "jobs": jobs, "total": number if number > len(jobs) else 0, "empty": empty}


@register.inclusion_tag("terrakube/recovered_states.html")
def recovered_states_notes(states: Sequence[RecoveredState]) -> RecoveredStates:
    """Show a note for each state that was refused and kept."""
    return {"states": states}


@register.inclusion_tag("terrakube/setting_policy.html")
def setting_policy(entry: Entry) -> SettingPolicy:
    """Show what the policies say of a setting."""
    return {"entry": entry}


@register.inclusion_tag("terrakube/roles_table.html")
def roles_table(of_team: bool) -> RolesTable:
    """Show which rights each role of a team gives; without ``of_team`` those of an access to a workspace or project."""
    return {"roles": role_names(), "rows": role_rows(of_team=of_team)}


@register.inclusion_tag("terrakube/changes.html")
def changes_table(changes: Sequence[Change], new: bool) -> Changes:
    """List changed fields; of a ``new`` record only their values."""
    return {"changes": changes, "new": new}


@register.simple_tag
def rights_marks(marks: Iterable[bool], titles: Iterable[str] = ()) -> SafeString:
    """The cells of a row of rights, in Python: a table may have some thousands; ``marks`` says which are given.

    With ``titles`` the rights that are given stand one below the other on a phone, each by its title.
    """
    return _cells(tuple(marks), tuple(map(str, titles)), get_language())


@register.simple_tag
def rows_of_rights(rows: Iterable[Any], titles: Iterable[str]) -> SafeString:
    """The rows of what one person may do, in Python: there may be hundreds; each is a ``GrantRow``."""
    group, role = text_of(gettext("Group")), text_of(gettext("Role"))
    names = tuple(map(str, titles))
    return SafeString(
        "".join(
            f'<tr><td><a href="{text_of(row.address)}">{text_of(row.through)}</a></td>'
            f'<td data-label="{group}">{text_of(visible(row.grant.group))}</td>'
            f'<td data-label="{role}">{text_of(row.role)}</td>{rights_marks(row.marks, names)}</tr>'
            for row in rows
        )
    )


@cache
def _cells(marks: tuple[bool, ...], titles: tuple[str, ...], _language: str | None) -> SafeString:
    given, missing = f"<td>{text_of(gettext('yes'))}</td>", '<td><span class="tk-quiet-text">–</span></td>'
    if not titles:
        return SafeString("".join(given if has else missing for has in marks))
    unseen = missing.replace("<td>", '<td class="tk-none">')
    named = (f'<td data-label="{text_of(title)}">{given[4:]}' for title in titles)
    return SafeString("".join(cell if has else unseen for cell, has in zip(named, marks, strict=True)))
