"""What the site itself needs, without the cluster: settings, database, clock, queue, keys, storage."""

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

from executors import beats
from executors.doctor.report import Finding, State, failed, not_known, not_used, passed
from executors.terrakube import storage
from executors.terrakube.storage import StorageError
from workspaces.encryption import DecryptionError, EncryptedBinaryField, EncryptedTextField

CLOCK_SECONDS = 5
SUBJECT = _("Site")


def site() -> Iterator[Finding]:
    """Look at everything in turn; what one look raises becomes its row."""
    looks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        (_("database"), _database),
        (_("settings"), _settings),
        (_("keys"), _keys),
        (_("background"), _background),
        (_("storage"), _storage),
    )
    for name, look in looks:
        try:
            yield from look()
        except DatabaseError as error:
            yield failed(
                SUBJECT,
                name,
                _("The database does not answer: {error}").format(error=type(error).__name__),
                _DATABASE_FIX,
            )


_DATABASE_FIX = _("Look at TERRAKUBE_DATABASE_URL and whether the database runs; then manage.py migrate.")


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
            _("{number} migrations are not applied").format(number=len(plan)),
            _("Run manage.py migrate."),
        )
    else:
        yield passed(SUBJECT, _("database"), _("{vendor}, all migrations applied").format(vendor=connection.vendor))
    if connection.vendor != "postgresql":
        yield passed(SUBJECT, _("clock of the database"), _("It is this machine's"))
        return
    yield clock(
        SUBJECT, _("clock of the database"), (said - before).total_seconds(), (timezone.now() - before).total_seconds()
    )


def clock(subject: str, name: str, ahead: float, took: float) -> Finding:
    """A row about another clock, ``ahead`` of ours by so many seconds, asked in ``took`` seconds."""
    # The answer was given somewhere between asking and hearing.
    apart = max(0.0, abs(ahead) - took)
    detail = _("{seconds} s apart from this process's").format(seconds=f"{apart:.1f}")
    if apart <= CLOCK_SECONDS:
        return passed(subject, name, detail)
    return failed(subject, name, detail, _("Let the machines' clocks follow the same time servers (NTP)."))


def _settings() -> Iterator[Finding]:
    found = [one for one in checks.run_checks(include_deployment_checks=True) if not one.is_silenced()]
    errors = [message for message in found if message.level >= checks.ERROR]
    if not errors:
        yield passed(SUBJECT, _("settings"), _("manage.py check finds no error"))
    for message in errors:
        yield failed(SUBJECT, _("settings ({id})").format(id=message.id), str(message.msg), str(message.hint or ""))
    for message in found:
        if message.level == checks.WARNING and (message.id or "").split(".")[0] in _OWN:
            yield Finding(
                subject=SUBJECT,
                name=_("settings ({id})").format(id=message.id),
                state=State.OPTIONAL,
                detail=str(message.msg),
                fix=str(message.hint or ""),
            )


_OWN = ("terrakube_site", "workspaces", "executors", "security")


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
                # The oldest is the one whose key may have been taken away.
                rows = model._default_manager.order_by("pk").exclude(**{f"{name}__isnull": True})
                if isinstance(model._meta.get_field(name), EncryptedTextField):
                    rows = rows.exclude(**{name: ""})
                row = rows.only(name).first()
            except DecryptionError as error:
                yield failed(
                    SUBJECT,
                    _("keys"),
                    f"A {model._meta.verbose_name_raw}: {error}",
                    _(
                        "Put the key with which it was encrypted back into TERRAKUBE_ENCRYPTION_KEYS, behind the new "
                        "one."
                    ),
                )
                return
            looked += row is not None
    yield passed(
        SUBJECT, _("keys"), _("{number} kinds of encrypted rows can be read, and new ones are").format(number=looked)
    )
    generated = settings.KEYS.generated
    if generated and connection.vendor == "postgresql":
        yield failed(
            SUBJECT,
            _("keys of all processes"),
            _("{names} come from a file that other machines do not have").format(names=", ".join(sorted(generated))),
            _("Set them to texts of your own, the same for all processes."),
        )


def _background() -> Iterator[Finding]:
    for name, what, fix in (
        (
            beats.WORKER,
            _("queue"),
            _("Look whether worker (manage.py qcluster) runs and what its log says; start it again."),
        ),
        (
            beats.WATCHER,
            _("watcher"),
            _("Look whether the watcher (manage.py watch) runs and what its log says."),
        ),
    ):
        age = beats.age(name)
        if age is None:
            yield failed(SUBJECT, what, _("It never showed a sign of life"), fix)
            continue
        detail = _("Its last sign of life was {seconds} s ago").format(seconds=f"{age.total_seconds():.0f}")
        if age.total_seconds() > beats.STALE_SECONDS:
            yield failed(SUBJECT, what, detail, fix)
        else:
            yield passed(SUBJECT, what, detail)


def _storage() -> Iterator[Finding]:
    name = f"terrakube-check/{secrets.token_hex(8)}"
    try:
        same = storage.try_out(name, secrets.token_bytes(64))
    except StorageError as error:
        yield failed(SUBJECT, _("storage"), str(error), _("Look at StorageType and the settings of that storage."))
        return
    if same is None:
        yield not_used(SUBJECT, _("storage"), _("States, plans and logs are in the database"))
    elif same:
        yield passed(SUBJECT, _("storage"), _("An object was written, read and deleted"))
    else:
        yield not_known(SUBJECT, _("storage"), _("What was read is not what was written"))
