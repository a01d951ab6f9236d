"""Tokens of a GitHub App: minted for one repository, kept while they last."""

from __future__ import annotations

import datetime as dt
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from terrakube_site.messages import marked
from terrakube_site.outgoing import OutgoingError
from vcs.connections.grants import YOUNG, is_postponed, note_problem, note_success
from vcs.connections.leases import renewed_once
from vcs.connections.problems import ConnectionProblem, app_problem, kept_problem
from vcs.models import InstallationToken
from vcs.providers.base import ApiError, Repository, SetupError
from vcs.providers.github import app
from workspaces.models import Vcs


def installation_token(
    vcs: Vcs, repository: Repository, *, write: bool, narrow: bool, lasting: dt.timedelta, renew: bool
) -> InstallationToken:
    """Return a token of the App for a repository, valid for ``lasting``.

    With ``write`` it has all permissions of the App there, else it reads the repository, or all of the installation
    where the connection says so and it need not be ``narrow``. Raises ConnectionProblem.
    """
    wide = vcs.all_repositories and not write and not narrow
    scope = "" if wide else f"{repository.name.lower()} {'write' if write else 'read'}"
    return renewed_once(
        _row(vcs, repository.owner.lower(), scope),
        enough=partial(_is_enough, lasting=lasting, renew=renew),
        usable=partial(_is_usable, renew=renew),
        renew=partial(_mint, repository=repository, wide=wide, write=write),
    )


def _row(vcs: Vcs, owner: str, scope: str) -> InstallationToken:
    rows = InstallationToken.objects.select_related("vcs")
    found = rows.filter(vcs=vcs, owner=owner, scope=scope).first()
    if found is None:
        try:
            with transaction.atomic():
                InstallationToken.objects.create(vcs=vcs, owner=owner, scope=scope)
        except IntegrityError:
            pass  # another process made it
        found = rows.get(vcs=vcs, owner=owner, scope=scope)
    return found


def _is_enough(row: InstallationToken, *, lasting: dt.timedelta, renew: bool) -> bool:
    now = timezone.now()
    if renew and (row.minted_at is None or row.minted_at < now - YOUNG):
        return False
    changed = row.minted_at is not None and row.vcs.updated_date > row.minted_at
    return bool(row.token) and not changed and (row.expires_at is None or row.expires_at > now + lasting)


def _is_usable(row: InstallationToken, *, renew: bool) -> bool:
    return not renew and _is_enough(row, lasting=dt.timedelta(), renew=False)


def _mint(row: InstallationToken, lease: dt.datetime, *, repository: Repository, wide: bool, write: bool) -> None:
    vcs = row.vcs
    if is_postponed(vcs):
        raise ConnectionProblem(kept_problem(vcs) or marked(""), temporary=True)
    try:
        api = app.app_api(vcs)
        found = app.find_installation(api, repository)
        grant = app.mint(api, found, None if wide else repository, write=write)
    except (ApiError, OutgoingError, SetupError) as error:
        problem = app_problem(error, vcs, repository)
        note_problem(vcs, problem)
        if problem.retry_after is not None:
            Vcs.objects.filter(pk=vcs.pk).update(next_try_at=timezone.now() + dt.timedelta(seconds=problem.retry_after))
        raise problem from error
    InstallationToken.objects.filter(pk=row.pk).update(
        token=grant.access_token, minted_at=timezone.now(), expires_at=grant.expires_at
    )
    note_success(vcs)
