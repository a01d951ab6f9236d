"""Tags of workspaces as they stand in lists: each with its colour, which is the same on every page."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.urls import get_script_prefix, reverse
from django.utils.safestring import SafeString

from terrakube_site.database.built_once import BuiltOnce
from terrakube_site.theme.markup import format_html_join
from terrakube_site.visible import visible
from workspaces.models import Workspace, WorkspaceTag

COLOURS = 8


class ShownTag(NamedTuple):
    """A tag of a workspace."""

    workspace_id: UUID
    tag_id: UUID
    name: str
    value: str


_TAGS = BuiltOnce(
    lambda keys: (
        WorkspaceTag.objects.filter(workspace__in=keys)
        .order_by("tag__name")
        .values_list("workspace_id", "tag_id", "tag__name", "value")
    )
)


def tags_of(workspaces: Iterable[Workspace]) -> Mapping[UUID, list[ShownTag]]:
    """Return the tags of some workspaces, by name, with one query."""
    found: dict[UUID, list[ShownTag]] = defaultdict(list)
    for row in _TAGS.rows(tuple(workspace.pk for workspace in workspaces)):
        found[row[0]].append(ShownTag(*row))
    return found


def shown_tag(tag: ShownTag) -> str:
    """Return a tag's name, with its value if it has one."""
    return visible(f"{tag.name}={tag.value}" if tag.value else tag.name)


def tag_badges(tags: Iterable[ShownTag]) -> SafeString:
    """Render tags, each in the colour of its name, as links to the workspaces that have it."""
    if not (shown := list(tags)):
        return SafeString("")
    address = f"{_list_address(get_script_prefix())}?workspace_tags__tag__id__exact="

    def parts(tag: ShownTag) -> tuple[Any, ...]:
        # A key has nothing that an address must escape.
        return zlib.crc32(tag.name.encode()) % COLOURS, f"{address}{tag.tag_id}", shown_tag(tag)

    return format_html_join(" ", '<a class="tk-badge tk-tag tk-tag-{}" href="{}">{}</a>', map(parts, shown))


@cache
def _list_address(_prefix: str) -> str:
    """Return the address of the list of workspaces below the prefix of this request's addresses."""
    return reverse("admin:workspaces_workspace_changelist")
