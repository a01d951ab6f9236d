"""Whose rights a comment has: the user here who is linked with the account that wrote it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.base_user import AbstractBaseUser

from vcs.models import AccountLink
from workspaces.models import Vcs


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a comment; ``user`` None: nobody here, and ``why`` says so as a sentence."""

    user: AbstractBaseUser | None
    why: str = ""


def writer_of(vcs: Vcs, account: str, account_id: str) -> Writer:
    """Return the user whose account at the connection's provider wrote a comment.

    An account's name can be given up and taken by somebody else. So the id that the first command came with is kept,
    and another id under the same name is refused; an account whose name has changed is found by its id.
    """
    links = AccountLink.objects.filter(vcs=vcs).select_related("user")
    found = links.filter(account_id=account_id).first() if account_id else None
    if found is None and account:
        found = links.filter(account=account.lower()).first()
        if found is not None and found.account_id and found.account_id != account_id:
            return Writer(None, f"The account {account} is not the one that was linked with a user here.")
    if found is None:
        return Writer(None, f"The account {account or 'without a name'} is not linked with a user here.")
    if not found.user.is_active:
        return Writer(None, "The user who is linked with this account is not active.")
    if account_id and not found.account_id:
        # Only where none is kept yet: two first commands at once keep one id.
        AccountLink.objects.filter(pk=found.pk, account_id="").update(account_id=account_id)
        found.refresh_from_db(fields=["account_id"])
        if found.account_id != account_id:
            return Writer(None, f"The account {account} is not the one that was linked with a user here.")
    return Writer(found.user)
