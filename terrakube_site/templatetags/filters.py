"""The links of a list's filter, written in Python: a filter by a related record has hundreds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.encoding import iri_to_uri
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from terrakube_site.theme.markup import text_of

register = template.Library()
_NOTHING = {"-", "–"}
"""What stands in a cell where a record has no value; alone in a filter it says nothing."""


@register.simple_tag
def filter_links(choices: Iterable[Mapping[str, Any]]) -> SafeString:
    """The choices of a filter; how they look is said once, in the style sheet, and not with each of them."""
    rows = []
    for choice in choices:
        display = choice["display"]
        name = text_of(gettext("Not set") if display in _NOTHING else display)
        chosen = ' class="tk-chosen"' if choice["selected"] else ""
        address = escape(iri_to_uri(choice["query_string"]))
        rows.append(f'<li{chosen}><a href="{address}" title="{name}">{name}</a></li>')
    return SafeString("".join(rows))
