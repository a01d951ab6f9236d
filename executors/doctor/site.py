"""Checks of the site itself, without the cluster: settings, database, clock, queue, keys, storage."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from executors.doctor.report import Finding, State, failed, passed, unknown, unused
from executors.health import heartbeats
from executors.terrakube import storage
from executors.terrakube.storage import StorageError
from terrakube_site.messages import message
from workspaces.encryption import DecryptionError, EncryptedBinaryField, EncryptedTextField

CLOCK_SECONDS = 5
SUBJECT = _("Site")


def site() -> Iterator[Finding]:
    """Run all checks in turn; an exception becomes the row of its check."""
    looks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        (_("database"), _database),
        (_("settings"), _settings),
        (_("keys"), _keys),
        (_("background"), _check_background),
        (_("storage"), _check_storage),
    )
    for name, look in looks:
        try:
            yield from look()
        except DatabaseError as error:
            yield failed(
                SUBJECT,
                name,
                message(_("The database does not answer: {error}"), error=type(error).__name__),
                _DATABASE_FIX,
            )


_DATABASE_FIX = _("Check TERRAKUBE_DATABASE_URL and that the database runs; then run manage.py migrate.")


def _database() -> Iterator[Finding]:
    before = timezone.now()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT clock_timestamp()")
        else:
            cursor.execute("SELECT 1")
        said = cursor.fetchone()[0]
    waiting = MigrationExecutor(connection)
    plan = waiting.migration_plan(waiting.loader.graph.leaf_nodes())
    if plan:
        yield failed(
            SUBJECT,
            _("database"),
            message(_("{number} migrations are not applied"), number=len(plan)),
            _("Run manage.py migrate."),
        )
    else:
        yield passed(SUBJECT, _("database"), message(_("{vendor}, all migrations applied"), vendor=connection.vendor))
    if connection.vendor != "postgresql":
        yield passed(SUBJECT, _("clock of the database"), _("It is the clock of this machine"))
        return
    yield clock(
        SUBJECT, _("clock of the database"), (said - before).total_seconds(), (timezone.now() - before).total_seconds()
    )


def clock(subject: str, name: str, ahead: float, took: float) -> Finding:
    """Return the row of another clock, ``ahead`` of ours by this many seconds, read within ``took`` seconds."""
    # The time was read somewhere between request and response.
    apart = max(0.0, abs(ahead) - took)
    detail = message(_("It differs by {seconds} s from the clock of this process"), seconds=f"{apart:.1f}")
    if apart <= CLOCK_SECONDS:
        return passed(subject, name, detail)
    return failed(subject, name, detail, _("Synchronize the machines' clocks with the same time servers (NTP)."))


def _settings() -> Iterator[Finding]:
    found = [one for one in checks.run_checks(include_deployment_checks=True) if not one.is_silenced()]
    errors = [one for one in found if one.level >= checks.ERROR]
    if not errors:
        yield passed(SUBJECT, _("settings"), _("manage.py check finds no error"))
    for one in errors:
        yield failed(SUBJECT, message(_("settings ({id})"), id=one.id), str(one.msg), str(one.hint or ""))
    for one in found:
        if one.level == checks.WARNING and (one.id or "").split(".")[0] in _OWN:
            yield Finding(
                subject=SUBJECT,
                name=message(_("settings ({id})"), id=one.id),
                state=State.OPTIONAL,
                detail=str(one.msg),
                fix=str(one.hint or _FIXES.get(one.id or "", "")),
            )


_HTTPS_FIX = _("Serve the site by HTTPS: begin TerrakubeApiUrl with https, or set TERRAKUBE_SECURE_COOKIES to true.")
_FIXES = {
    "security.W004": _("Serve the site by HTTPS: HSTS then lasts one year, or the time in TERRAKUBE_HSTS_SECONDS."),
    "security.W008": _HTTPS_FIX,
    "security.W012": _HTTPS_FIX,
    "security.W016": _HTTPS_FIX,
}
"""Django names its own settings in these, not the variables that set them."""
_OWN = ("terrakube_site", "workspaces", "vcs", "executors", "security")


def _keys() -> Iterator[Finding]:
    looked = 0
    for model in apps.get_models():
        fields = [
            field.name
            for field in model._meta.local_concrete_fields
            if isinstance(field, EncryptedTextField | EncryptedBinaryField)
        ]
        for name in fields:
            try:
                # The oldest value is the one whose key may have been removed.
                rows = model._default_manager.order_by("pk").exclude(**{f"{name}__isnull": True})
                if isinstance(model._meta.get_field(name), EncryptedTextField):
                    rows = rows.exclude(**{name: ""})
                row = rows.only(name).first()
                if row is not None:
                    getattr(row, name)
            except DecryptionError as error:
                yield failed(
                    SUBJECT,
                    _("keys"),
                    f"A {model._meta.verbose_name_raw}: {error}",
                    _("Put the old encryption key back into TERRAKUBE_ENCRYPTION_KEYS, after the new one."),
                )
                return
            looked += row is not None
    yield passed(
        SUBJECT, _("keys"), message(_("Encrypted rows can be read and written ({number} checked)"), number=looked)
    )
    generated = settings.KEYS.generated
    if generated and connection.vendor == "postgresql":
        yield failed(
            SUBJECT,
            _("keys of all processes"),
            message(_("{names} come from a file that other machines do not have"), names=", ".join(sorted(generated))),
            _("Set them explicitly, with the same values for all processes."),
        )


def _check_background() -> Iterator[Finding]:
    for name, what, fix in (
        (
            heartbeats.WORKER,
            _("queue"),
            _("Check that the worker (manage.py qcluster) runs, read its log, and restart it."),
        ),
        (
            heartbeats.WATCHER,
            _("watcher"),
            _("Check that the watcher (manage.py watch) runs, and read its log."),
        ),
    ):
        age = heartbeats.heartbeat_age(name)
        if age is None:
            yield failed(SUBJECT, what, _("It has never sent a heartbeat"), fix)
            continue
        detail = message(_("Its last heartbeat was {seconds} s ago"), seconds=f"{age.total_seconds():.0f}")
        if age.total_seconds() > heartbeats.STALE_SECONDS:
            yield failed(SUBJECT, what, detail, fix)
        else:
            yield passed(SUBJECT, what, detail)


def _check_storage() -> Iterator[Finding]:
    name = f"terrakube-check/{secrets.token_hex(8)}"
    try:
        same = storage.try_out(name, secrets.token_bytes(64))
    except StorageError as error:
        yield failed(SUBJECT, _("storage"), str(error), _("Check StorageType and the settings of that storage."))
        return
    if same is None:
        yield unused(SUBJECT, _("storage"), _("States, plans and logs are in the database"))
    elif same:
        yield passed(SUBJECT, _("storage"), _("An object was written, read and deleted"))
    else:
        yield unknown(SUBJECT, _("storage"), _("The object read differs from the object written"))
