"""How the clusters are reached in which steps run: the connection, and the installation's settings as they are there.

The cluster of the installation's settings has no record and the name "". Each other one is a record of
`workspaces.models.cluster`. One that does not answer is not asked by each task again: while it is silent, one call in
``RETRY_SECONDS`` goes out, and the others fail at once, so that they hold no worker.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from executors import cluster
from executors.cluster import ClusterError, Dropped, NoCluster
from executors.clusters import health
from executors.installation.settings import Installation
from workspaces.encryption import DecryptionError
from workspaces.models import Cluster as Record
from workspaces.validation.kubeconfig import KubeconfigError, read_kubeconfig

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

RETRY_SECONDS = 15
_CONNECTIONS = 20
"""Connections that a process keeps, those used last; a changed kubeconfig is a new one instead of the former."""


class SilentCluster(ClusterError):
    """The cluster has not answered for a while, and was not asked now. ``since`` is when that began."""

    def __init__(self, name: str, since: dt.datetime) -> None:
        super().__init__(f'The cluster "{name}" has not answered since {health.shown(since)}')
        self.name, self.since = name, since


class UnusableKubeconfig(ClusterError):
    """The cluster does not accept what its record's kubeconfig holds, or nothing can be read of it.

    An administrator replaces it, so what was to be done there may succeed later.
    """

    @property
    def retryable(self) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A cluster by its name, "" for that of the settings, and the installation's settings as they are there."""

    name: str
    conf: Installation
    record: Record | None = None

    def connect(self) -> Cluster:
        """Return the connection, without a call. Raises NoCluster."""
        return cluster.connect() if self.record is None else _connection(self.record)


def place_of(name: str, conf: Installation) -> Place:
    """Return the cluster of a name; the one of the settings costs no query. Raises NoCluster if it was deleted."""
    if not name:
        return Place(name="", conf=conf)
    record = Record.objects.to_reach().filter(name=name).first()
    if record is None:
        raise NoCluster(f'There is no cluster "{name}" any more.')
    return place_of_record(record, conf)


def place_for(name: str, organization_id: UUID, conf: Installation) -> Place:
    """Return the cluster of a name for an organization. Raises NoCluster if it was deleted, or is for others."""
    place = place_of(name, conf)
    if place.record is not None and not may_use(place.record, organization_id):
        raise NoCluster(f'This organization may not use the cluster "{name}".')
    return place


def may_use(record: Record, organization_id: UUID) -> bool:
    """Return whether an organization's steps may run in a cluster."""
    return not record.restricted or record.organizations.filter(pk=organization_id).exists()


def place_of_record(record: Record, conf: Installation) -> Place:
    """Return the cluster of a record."""
    own = replace(conf, namespace=record.namespace, api_url=record.site_url.rstrip("/") or conf.api_url)
    return Place(name=record.name, conf=own, record=record)


@contextmanager
def calling(place: Place) -> Iterator[Cluster]:
    """Call a cluster from a task; an error without an answer is kept, so that the next tasks need not wait for it.

    Raises SilentCluster without a call while it is not to be asked, UnusableKubeconfig, and what the calls raise.
    """
    record = place.record
    if record is None:
        yield place.connect()
        return
    silent_since = record.silent_since
    if silent_since is not None and not _may_ask(record):
        raise SilentCluster(record.name, silent_since)
    try:
        yield place.connect()
    except SilentCluster:
        raise
    except ClusterError as error:
        if health.is_silence(error):
            if isinstance(error, Dropped) and silent_since is None and answers(place):
                raise
            since = health.note_silence(record, error, by_task=True)
            raise SilentCluster(record.name, since) from error
        if (error.status == 401 or isinstance(error, NoCluster)) and _has_own_kubeconfig(record):
            health.note_refusal(record, error)
            words = error.message
            if error.status is not None:
                words = f'The token or certificate in the kubeconfig of "{record.name}" is not accepted ({words})'
            raise UnusableKubeconfig(words, status=error.status) from error
        if silent_since is not None and error.status is not None:
            health.note_answer(record)
        raise
    if silent_since is not None:
        health.note_answer(record)


def answers(place: Place) -> bool:
    """Ask a cluster once more after a connection ended, before it counts as silent for all."""
    try:
        place.connect().server_time()
    except ClusterError:
        return False
    return True


def _has_own_kubeconfig(record: Record) -> bool:
    try:
        return bool(record.kubeconfig.strip())
    except DecryptionError:
        return True


def _may_ask(record: Record) -> bool:
    """Return True to one caller in ``RETRY_SECONDS``."""
    now = timezone.now()
    asked = record.asked_at
    if asked is not None and now - asked < dt.timedelta(seconds=RETRY_SECONDS):
        return False
    return bool(Record.objects.filter(pk=record.pk, asked_at=asked).update(asked_at=now))


# ---- connections ----------------------------------------------------------------------------------------------------

_lock = threading.Lock()
_known: dict[tuple[str, str], Cluster] = {}


def _connection(record: Record) -> Cluster:
    try:
        text = record.kubeconfig
    except DecryptionError as error:
        raise NoCluster(f'The kubeconfig of the cluster "{record.name}" cannot be decrypted.') from error
    if not text.strip():
        return cluster.connect()
    key = (str(record.pk), text)
    unwanted: list[Cluster] = []
    with _lock:
        known = _known.pop(key, None)
        if known is None:
            known = _new_connection(text)
            for former in [one for one in _known if one[0] == key[0]]:
                unwanted.append(_known.pop(former))
            while len(_known) >= _CONNECTIONS:
                unwanted.append(_known.pop(next(iter(_known))))
        # The last one is the one that was used last.
        _known[key] = known
    for connection in unwanted:
        connection.close()
    return known


def _new_connection(text: str) -> Cluster:
    try:
        found = read_kubeconfig(text)
    except KubeconfigError as error:
        raise NoCluster(str(error)) from error
    if found is None:
        return cluster.connect()
    return connect_by(found.content)


connect_by: Callable[..., Cluster] = cluster.connect_by
"""Makes a connection of a kubeconfig's content."""


def forget() -> None:
    """Connect again at the next call, as after a fork."""
    with _lock:
        _known.clear()
