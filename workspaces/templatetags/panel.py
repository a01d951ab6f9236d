"""Filters that templates of the panel share with its lists."""

import datetime as dt

from django import template
from django.utils.safestring import SafeString

from terrakube_site.sentences import translated
from workspaces import shown

register = template.Library()


@register.filter
def sentence(text: object) -> str:
    """A sentence of the code, a stored reason for example, in the reader's language."""
    return translated(str(text or ""))


@register.filter
def badge(status: str) -> SafeString:
    return shown.badge(status)


@register.filter
def moment(at: dt.datetime | None) -> SafeString:
    return shown.moment(at)


@register.filter
def seconds(span: float) -> str:
    return shown.seconds(span)
