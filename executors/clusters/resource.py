"""``cluster`` in the API: the records of clusters, for administrators. A kubeconfig is accepted and never returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from executors.clusters.records import delete_cluster, save_cluster
from executors.installation.settings import installation
from workspaces.actors import Actor
from workspaces.api.errors import InvalidValue
from workspaces.api.jsonapi.attributes import Attribute, Kind, Writing, audit, key, of_column, of_columns, told
from workspaces.api.jsonapi.resource import Change, make
from workspaces.api.resources.changes import columns, deleting
from workspaces.encryption import is_readable
from workspaces.models import Cluster, Organization

_ORGANIZATIONS = "organizationIds"


def _parts(change: Change) -> tuple[dict[str, Any], list[Organization] | None]:
    """Return the columns of a change, and its organizations; None if it does not name them."""
    plain = {name: value for name, value in change.attributes.items() if name != _ORGANIZATIONS}
    named = change.attributes.get(_ORGANIZATIONS)
    return columns(Change(attributes=plain), Cluster), None if named is None else _organizations(named)


def _organizations(ids: Sequence[str]) -> list[Organization]:
    """Return the organizations of ids, each once. Raises InvalidValue."""
    wanted: dict[UUID, str] = {key(Organization, text): text for text in ids}
    found = Organization.objects.in_bulk(wanted)
    for one, text in wanted.items():
        if one not in found:
            raise InvalidValue(text, f"{_ORGANIZATIONS} are the ids of organizations; none: all may use the cluster")
    return list(found.values())


def _create(change: Change, actor: Actor) -> Cluster:
    fields, organizations = _parts(change)
    return save_cluster(Cluster(**fields), changed=(), conf=installation(), by=actor, organizations=organizations)


def _update(record: Cluster, change: Change, actor: Actor) -> None:
    fields, organizations = _parts(change)
    for name, value in fields.items():
        setattr(record, name, value)
    save_cluster(record, changed=fields, conf=installation(), by=actor, organizations=organizations)


def _ids_of_organizations(clusters: Sequence[Cluster]) -> Callable[[Cluster], list[str]]:
    rows = Cluster.organizations.through.objects.filter(cluster__in=[cluster.pk for cluster in clusters])
    chosen: dict[UUID, list[str]] = {}
    for cluster_id, organization_id in rows.order_by("organization__name").values_list("cluster", "organization"):
        chosen.setdefault(cluster_id, []).append(str(organization_id))
    return lambda cluster: chosen.get(cluster.pk, [])


def _has_kubeconfig(cluster: Cluster) -> bool:
    return not is_readable(cluster, "kubeconfig") or bool(cluster.kubeconfig.strip())


CLUSTER = make(
    "cluster",
    Cluster,
    (
        of_column(Cluster, "name", writing=Writing.ON_CREATION),
        *of_columns(Cluster, "description namespace siteUrl enabled"),
        of_column(
            Cluster,
            "kubeconfig",
            read=None,
            description="One cluster, and a token or client certificate, as text; empty: the site's own cluster.",
        ),
        Attribute(
            name="hasKubeconfig",
            kind=Kind.FLAG,
            read=_has_kubeconfig,
            nullable=False,
            writing=Writing.NEVER,
            description="Without one, it is another namespace of the site's own cluster.",
        ),
        Attribute(
            name=_ORGANIZATIONS,
            kind=Kind.TEXTS,
            look_up=_ids_of_organizations,
            nullable=False,
            description="Organizations whose steps may run there; an empty list opens it to all.",
        ),
        of_column(
            Cluster,
            "restricted",
            writing=Writing.NEVER,
            description="True if only organizationIds may use it: none, once they were all deleted.",
        ),
        *of_columns(Cluster, "silentSince answeredAt", writing=Writing.NEVER),
        told(Cluster, "problem", "What the cluster refuses, or why it cannot be used; null if it answers."),
        *audit(Cluster),
    ),
    (),
    root=True,
    create=_create,
    update=_update,
    delete=deleting(delete_cluster),
)
