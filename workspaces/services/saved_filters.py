"""Save, rename, change and delete filters of lists, and keep what a person chose for a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import name_of
from workspaces.choices import PanelList
from workspaces.errors import InvalidInput, NotAllowed
from workspaces.models import ListPreference, Organization, SavedFilter
from workspaces.permissions import require_permission
from workspaces.services.saving import save_valid

MOST = 50
"""Filters of a list that one person has, and that one organization shares."""
_SHARE = _("share a filter")


def save_filter(
    panel_list: PanelList, *, name: str, query: str, by: User, organization: Organization | None = None
) -> SavedFilter:
    """Keep a filter of a list for oneself, or share it with an organization.

    ``query`` is that of the list's address. Sharing takes the right to manage workspaces. Raises NotAllowed,
    InvalidInput, and Duplicate for a name that is taken.
    """
    if organization is not None:
        require_permission(by, organization, "manage_workspace", action=_SHARE)
    place: dict[str, Any] = {"owner": by} if organization is None else {"organization": organization}
    if SavedFilter.objects.filter(panel_list=panel_list, **place).count() >= MOST:
        raise InvalidInput(message(_("There are {number} filters already. Delete one first."), number=MOST))
    _check_query(query)
    found = SavedFilter(panel_list=panel_list, name=name, query=query, created_by=name_of(by), **place)
    return _saved(found, by)


def rename_filter(saved: SavedFilter, name: str, *, by: User) -> SavedFilter:
    """Give a filter another name. Raises NotAllowed, InvalidInput and Duplicate."""
    require_change(saved, by=by)
    saved.name = name
    return _saved(saved, by)


def replace_query(saved: SavedFilter, query: str, *, by: User) -> SavedFilter:
    """Let a filter show something else under its name. Raises NotAllowed and InvalidInput."""
    require_change(saved, by=by)
    _check_query(query)
    saved.query = query
    return _saved(saved, by)


def delete_filter(saved: SavedFilter, *, by: User) -> None:
    """Delete a filter. Raises NotAllowed."""
    require_change(saved, by=by)
    saved.delete()


def require_change(saved: SavedFilter, *, by: User) -> None:
    """Raise NotAllowed unless a filter is the person's own, or shared by an organization that they manage."""
    if saved.organization is not None:
        require_permission(by, saved.organization, "manage_workspace", action=_SHARE)
    elif saved.owner_id != by.pk:
        raise NotAllowed(_("This filter belongs to another user."))


def _saved(saved: SavedFilter, by: User) -> SavedFilter:
    saved.updated_by = name_of(by)
    # A refused name must not break the transaction of the request.
    with transaction.atomic():
        return save_valid(saved)


def _check_query(query: str) -> None:
    if not query:
        raise InvalidInput(_("The list shows everything: filter, search or order it first."))
    if len(query) > SavedFilter.LONGEST_QUERY:
        raise InvalidInput(
            message(
                _("The filter has {number} characters in the address; at most {most} are allowed."),
                number=len(query),
                most=SavedFilter.LONGEST_QUERY,
            )
        )


def preference_of(user: User, panel_list: PanelList) -> ListPreference:
    """Return what a person chose for a list, an empty choice where they chose nothing; with one query."""
    found = ListPreference.objects.filter(user=user, panel_list=panel_list).first()
    return found or ListPreference(user=user, panel_list=panel_list)


def choose_default(user: User, panel_list: PanelList, saved: SavedFilter | None) -> None:
    """Let a list open with a filter; None lets it open with everything."""
    ListPreference.objects.update_or_create(user=user, panel_list=panel_list, defaults={"default_filter": saved})


def choose_columns(user: User, panel_list: PanelList, columns: Sequence[str]) -> None:
    """Keep which columns a list shows to a person; none for those that it has by itself."""
    ListPreference.objects.update_or_create(user=user, panel_list=panel_list, defaults={"columns": list(columns)})
