"""The links of a list's filter, written in Python: a filter by a related record has hundreds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.encoding import iri_to_uri
from django.utils.html import escape
from django.utils.safestring import SafeString

from terrakube_site.theme.markup import text_of

register = template.Library()

_COLUMN = "border-base-200 dark:border-base-700 border-b last:border-b-0"
_BESIDE = "basis-1/3 border-r border-base-200 grow truncate last:border-r-0 dark:border-base-700"
_CHOSEN = "font-semibold text-primary-600 dark:text-primary-500"
_OTHER = "hover:text-base-700 dark:hover:text-base-200"
_LINK = "hover:text-primary-600 dark:hover:text-primary-500"


@register.simple_tag
def filter_links(choices: Iterable[Mapping[str, Any]], beside: bool) -> SafeString:
    """The choices of a filter, one below the other or ``beside`` each other."""
    place, padding = (_BESIDE, "py-2 text-center") if beside else (_COLUMN, "px-3 py-2 truncate")
    rows = []
    for choice in choices:
        name = text_of(choice["display"])
        state = _CHOSEN if choice["selected"] else _OTHER
        link = f'<a href="{escape(iri_to_uri(choice["query_string"]))}" title="{name}" class="block {padding} {_LINK}">'
        rows.append(f'<li class="{place} {state}">{link}{name}</a></li>')
    return SafeString("".join(rows))
