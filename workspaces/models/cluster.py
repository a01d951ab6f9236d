"""Clusters, or namespaces of them, in which steps run besides the one that the installation's settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces.encryption import EncryptedTextField, is_readable
from workspaces.models.base import Audited, Record
from workspaces.pods.catalogue import DEFAULT_CLUSTER
from workspaces.pods.kubernetes_syntax import namespace_objection
from workspaces.querysets import Scope, ScopedQuerySet
from workspaces.truncation import FittingField
from workspaces.validation.kubeconfig import KubeconfigError, read_kubeconfig

NAME_LENGTH = 63


class ClusterQuerySet(ScopedQuerySet["Cluster"]):
    """Queries of clusters; only administrators read the records."""

    # Which rows it finds is known with the scope alone.
    asks_first = True

    def to_reach(self) -> Self:
        """Leave each kubeconfig to its first use: one that cannot be decrypted troubles its own cluster only."""
        return self.defer("kubeconfig")

    def within(self, scope: Scope) -> Self:
        return self if scope.everything else self.none()

    def named_within(self, scope: Scope) -> Self:
        """Return the clusters whose names a person may know: those for all, and those of organizations they see."""
        if scope.everything:
            return self
        seen = Q(organization__in=scope.organizations) | Q(organization__in=scope.organizations_of_workspaces)
        chosen = Cluster.organizations.through.objects.filter(seen).values("cluster")
        return self.filter(Q(restricted=False) | Q(pk__in=chosen))


class Cluster(Record, Audited):
    """A cluster and a namespace in it; steps run there if ``EPHEMERAL_CONFIG_CLUSTER`` has its name."""

    name = models.CharField(
        _("name"),
        max_length=NAME_LENGTH,
        unique=True,
        help_text=_("Value of EPHEMERAL_CONFIG_CLUSTER; lowercase letters, digits and '-'. It cannot change later."),
    )
    description = models.CharField(_("description"), max_length=256, blank=True, default="")
    namespace = models.CharField(
        _("namespace"), max_length=63, help_text=_("Namespace of the Kubernetes Jobs in this cluster.")
    )
    kubeconfig = EncryptedTextField(
        _("kubeconfig"),
        blank=True,
        default="",
        help_text=_(
            "A kubeconfig with one cluster, its certificate authority, and a token or client certificate, each as "
            "text in it. Empty: the cluster of the installation, with the site's own account."
        ),
    )
    site_url = models.CharField(
        _("address of this site"),
        max_length=512,
        blank=True,
        default="",
        help_text=_("Address of this site for the pods there. Empty: AzBuilderApiUrl."),
    )
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("A disabled cluster gets no new steps; those that run there go on.")
    )
    organizations = models.ManyToManyField(
        "workspaces.Organization",
        blank=True,
        related_name="clusters",
        verbose_name=_("organizations"),
        help_text=_("Organizations whose steps may run there. Empty: all."),
    )
    # Apart from the choice itself: one whose organizations were all deleted is not for all.
    restricted = models.BooleanField(default=False, db_default=False, editable=False)
    # What the site keeps of its answers; `executors.clusters.health` alone writes it.
    silent_since = models.DateTimeField(_("without an answer since"), null=True, editable=False)
    answered_at = models.DateTimeField(_("last answer"), null=True, editable=False)
    asked_at = models.DateTimeField(null=True, editable=False)
    problem = FittingField(max_length=512, blank=True, default="", editable=False)

    objects = ClusterQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "cluster"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what cannot work. Raises ValidationError with a sentence for each field."""
        super().clean()
        found = {
            "name": self._name_objection(),
            "namespace": _objection(self.namespace),
            "kubeconfig": self._kubeconfig_objection(),
            "site_url": _url_objection(self.site_url),
        }
        errors = {field: sentence for field, sentence in found.items() if sentence}
        if errors:
            raise ValidationError(errors)

    def _name_objection(self) -> str:
        if self.name == DEFAULT_CLUSTER:
            return gettext('"%(name)s" is the cluster of the installation\'s settings. Choose another name.') % {
                "name": self.name
            }
        return _objection(self.name)

    def _kubeconfig_objection(self) -> str:
        if not is_readable(self, "kubeconfig"):
            return ""
        try:
            read_kubeconfig(self.kubeconfig)
        except KubeconfigError as error:
            return translated(str(error))
        return ""


def _objection(text: str) -> str:
    objection = namespace_objection(text) if text else None
    return f'"{text}" {translated(objection)}.' if objection else ""


def _url_objection(text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = not text or (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username and not parts.query
        )
        _port = parts.port
    except ValueError:
        fits = False
    return "" if fits else gettext('"%(url)s" is not an address such as https://terrakube.example.com.') % {"url": text}


def usable_clusters(organization_ids: Collection[UUID | None]) -> Callable[[UUID | None], tuple[str, ...]]:
    """Return a function with the names of the enabled clusters that the steps of one of these organizations may name.

    For None those that all steps may. It asks the database once for all of them, at its first call.
    """

    @cache
    def asked() -> list[tuple[str, bool, UUID | None]]:
        usable = Cluster.objects.filter(Q(restricted=False) | Q(organizations__in=set(organization_ids) - {None}))
        return list(usable.filter(enabled=True).values_list("name", "restricted", "organizations"))

    def names(organization_id: UUID | None) -> tuple[str, ...]:
        found = (name for name, restricted, chosen in asked() if not restricted or chosen == organization_id)
        return tuple(dict.fromkeys(found))

    return names
