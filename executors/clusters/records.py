"""Create, change and delete the records of clusters; only administrators may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from executors.choices import AttemptState
from executors.installation.settings import Installation
from executors.models import Attempt
from terrakube_site.messages import joined, marked, message
from workspaces.actors import Actor, is_admin, name_of
from workspaces.caller import told_to_history
from workspaces.encryption import DecryptionError, is_readable
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.models import Cluster, Organization
from workspaces.services.saving import save_valid
from workspaces.validation.kubeconfig import Endpoint, KubeconfigError, read_kubeconfig

QUIET = dt.timedelta(seconds=60)
"""Time for which a record must be disabled, and unchanged, before it may move or be deleted."""
_ELSEWHERE = frozenset({"namespace", "kubeconfig"})


def _require_administrator(by: Actor) -> None:
    if not is_admin(by):
        raise NotAllowed(_("Only administrators may change clusters."))


@told_to_history
def save_cluster(
    cluster: Cluster,
    *,
    changed: Iterable[str],
    conf: Installation,
    by: Actor,
    organizations: Collection[Organization] | None = None,
) -> Cluster:
    """Save a new cluster, or the ``changed`` fields of one. Raises NotAllowed, Duplicate, InvalidInput, WrongState.

    ``organizations`` are those whose steps may run there: none for all, None to leave them as they are.

    While something of an attempt may be in a cluster, the record stays with its server and namespace: in another
    place nothing would be found, and that would count as gone.
    """
    _require_administrator(by)
    written = set(changed) - {"organizations"}
    if organizations is not None:
        cluster.restricted = bool(organizations)
        written.add("restricted")
    with transaction.atomic():
        before = None
        if not cluster._state.adding:
            before = Cluster.objects.to_reach().select_for_update().filter(pk=cluster.pk).first()
            if before is None:
                raise WrongState(message(_("The {record} was deleted in the meantime."), record="cluster"))
            if before.name != cluster.name:
                raise InvalidInput(_("The name of a cluster cannot change."), fields={"name": "stays"})
        cluster.updated_by = name_of(by)
        if before is None:
            cluster.created_by = cluster.updated_by
        _refuse_same_place(cluster, conf)
        if before is not None and not _ELSEWHERE.isdisjoint(written) and _moves(before, cluster):
            _refuse_while_used(cluster, _("Its server and namespace cannot change until these steps are over."))
            _refuse_while_launching(before)
        save_valid(cluster, update_fields=None if before is None else {*written, "updated_by"})
        if organizations is not None:
            cluster.organizations.set(organizations)
    return cluster


@told_to_history
def delete_cluster(cluster: Cluster, *, by: Actor) -> None:
    """Delete a cluster in which nothing of a step is left. Raises NotAllowed, WrongState."""
    _require_administrator(by)
    with transaction.atomic():
        before = Cluster.objects.to_reach().select_for_update().filter(pk=cluster.pk).first()
        _refuse_while_used(cluster, _("Disable it, and delete it when these steps are over."))
        if before is not None:
            _refuse_while_launching(before)
        cluster.delete()


def _refuse_while_launching(before: Cluster) -> None:
    """Refuse while a launch may be on its way that read the record before it was disabled."""
    if before.enabled or timezone.now() - before.updated_date < QUIET:
        raise WrongState(
            message(
                _(
                    "Disable cluster {name}, save it, and try again {seconds} seconds later: a launch on its way may "
                    "still use its server and namespace."
                ),
                name=before.name,
                seconds=round(QUIET.total_seconds()),
            )
        )


def _moves(before: Cluster, cluster: Cluster) -> bool:
    """Return whether a record would be another place. Nobody knows the server of a kubeconfig that cannot be read."""
    if not is_readable(before, "kubeconfig"):
        return before.namespace != cluster.namespace
    return _place(before) != _place(cluster)


def _refuse_while_used(cluster: Cluster, advice: str) -> None:
    used = Attempt.objects.filter(
        ~Q(state=AttemptState.ENDED) | Q(state=AttemptState.ENDED, cleaned_at=None), cluster=cluster.name
    )
    names = [str(attempt) for attempt in used.order_by("created_at")[:5]]
    if names:
        still = message(_("Cluster {name} still has pods of steps: {jobs}."), name=cluster.name, jobs=", ".join(names))
        raise WrongState(joined(" ", (still, marked(advice))))


def _refuse_same_place(cluster: Cluster, conf: Installation) -> None:
    """Refuse a second name for one namespace: each of its watches would take the other's Jobs for its own."""
    own = _place(cluster)
    if own == _Place(Endpoint(), conf.namespace):
        fields = {"namespace": "taken"}
        raise InvalidInput(
            message(
                _("Namespace {namespace} of this cluster is that of the installation's settings."),
                namespace=cluster.namespace,
            ),
            fields=fields,
        )
    for other in Cluster.objects.to_reach().exclude(pk=cluster.pk):
        place = _place(other)
        if place.namespace == own.namespace and place.endpoint.may_be(own.endpoint):
            raise InvalidInput(
                message(
                    _("Cluster {name} already has this server and namespace {namespace}."),
                    name=other.name,
                    namespace=other.namespace,
                ),
                fields={"namespace": "taken"},
            )


class _Place(NamedTuple):
    """Where the Jobs of a record are; the endpoint of the site's own cluster is empty."""

    endpoint: Endpoint
    namespace: str


def _place(cluster: Cluster) -> _Place:
    try:
        found = read_kubeconfig(cluster.kubeconfig)
    except DecryptionError:
        # Nobody knows its server, which is the same as no other's.
        return _Place(Endpoint(server=f"undecryptable {cluster.pk}"), cluster.namespace)
    except KubeconfigError:
        # Stored by an earlier check.
        return _Place(Endpoint(server=cluster.kubeconfig), cluster.namespace)
    return _Place(found.endpoint if found is not None else Endpoint(), cluster.namespace)
