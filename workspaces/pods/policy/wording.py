"""Describe rules in words, for pages of the panel."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .rules import Effect, Rule

_MOST = 8


def described(rule: Rule) -> list[str]:
    """Return what a rule allows for its setting, one short sentence each; without its default."""
    by = {"level": _(rule.level.value)}
    if rule.effect is Effect.FORBIDDEN:
        return [_("Forbidden by %(level)s.") % by]
    if rule.is_locked:
        return [_("Locked by %(level)s.") % by]
    found = []
    if rule.allowed:
        found.append(_("Allowed: %(entries)s (%(level)s).") % {"entries": _listed(rule.allowed), **by})
    if rule.refused:
        found.append(_("Not allowed: %(entries)s (%(level)s).") % {"entries": _listed(rule.refused), **by})
    bounds = {"least": rule.minimum, "most": rule.maximum, **by}
    if rule.minimum and rule.maximum:
        found.append(_("From %(least)s to %(most)s (%(level)s).") % bounds)
    elif rule.maximum:
        found.append(_("At most %(most)s (%(level)s).") % bounds)
    elif rule.minimum:
        found.append(_("At least %(least)s (%(level)s).") % bounds)
    return found


def summary(rule: Rule) -> str:
    """Return a whole rule in one line, without its level."""
    if rule.effect is Effect.FORBIDDEN:
        return _("forbidden")
    if rule.is_locked:
        return _("locked to %(value)s") % {"value": rule.value} if rule.value else _("locked to an empty value")
    parts = [
        (_("default %(value)s"), rule.value),
        (_("allowed %(value)s"), _listed(rule.allowed)),
        (_("not allowed %(value)s"), _listed(rule.refused)),
        (_("at least %(value)s"), rule.minimum),
        (_("at most %(value)s"), rule.maximum),
    ]
    return "; ".join(text % {"value": value} for text, value in parts if value)


def _listed(entries: tuple[str, ...]) -> str:
    shown, left = ", ".join(entries[:_MOST]), len(entries) - _MOST
    if left <= 0:
        return shown
    more = ngettext("%(entries)s and %(number)d more", "%(entries)s and %(number)d more", left)
    return more % {"entries": shown, "number": left}
