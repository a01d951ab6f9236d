"""Refuse environment variables that would move the state away from the site, when they are saved."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from terrakube_site.terraform.state_arguments import HTTP, WORKSPACE, is_other_workspace, refused_flag


def mapping_refusal(key: str) -> str | None:
    """Return why a flow may not map this environment variable, whatever its value; None if it may."""
    if key == WORKSPACE or key.startswith(HTTP):
        return "would choose another state or backend than this site's: leave it out"
    return None


def state_refusal(key: str, text: str) -> str | None:
    """Return why an environment variable would move the state away from the site; None if it would not.

    The sentence quotes only the name of an argument, nothing of the value.
    """
    flag = refused_flag(key, text)
    if flag is not None:
        return message(
            _("{key} contains {flag}, which would store the state outside this site. Remove it."), key=key, flag=flag
        )
    if is_other_workspace(key, text):
        return message(
            _(
                "{key} would select a state that is not this workspace's. Remove it, and create one workspace for each "
                "state."
            ),
            key=key,
        )
    if key.startswith(HTTP):
        return message(
            _("{key} would configure the state backend, which this site manages itself. Remove it."), key=key
        )
    return None
