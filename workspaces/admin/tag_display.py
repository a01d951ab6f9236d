"""Tags of workspaces as they stand in lists: each with its colour, which is the same on every page."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from terrakube_site.theme.markup import format_html_join
from terrakube_site.visible import visible
from workspaces.models import Workspace, WorkspaceTag

COLOURS = 8


def tags_of(workspaces: Iterable[Workspace]) -> Mapping[UUID, list[WorkspaceTag]]:
    """Return the tags of some workspaces, by name, with one query."""
    found: dict[UUID, list[WorkspaceTag]] = defaultdict(list)
    keys = [row.pk for row in workspaces]
    for row in WorkspaceTag.objects.filter(workspace__in=keys).select_related("tag").order_by("tag__name"):
        found[row.workspace_id].append(row)
    return found


def shown_tag(tag: WorkspaceTag) -> str:
    """Return a tag's name, with its value if it has one."""
    return visible(f"{tag.tag.name}={tag.value}" if tag.value else tag.tag.name)


def tag_badges(tags: Iterable[WorkspaceTag]) -> SafeString:
    """Render tags, each in the colour of its name, as links to the workspaces that have it."""
    if not (shown := list(tags)):
        return SafeString("")
    address = f"{reverse('admin:workspaces_workspace_changelist')}?workspace_tags__tag__id__exact="

    def parts(tag: WorkspaceTag) -> tuple[Any, ...]:
        # A key has nothing that an address must escape.
        return zlib.crc32(tag.tag.name.encode()) % COLOURS, f"{address}{tag.tag_id}", shown_tag(tag)

    return format_html_join(" ", '<a class="tk-badge tk-tag tk-tag-{}" href="{}">{}</a>', map(parts, shown))
