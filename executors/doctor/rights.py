"""Permissions that the site's service account needs in the namespace of the steps, and which it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop as _

from executors.cluster import ClusterError
from executors.doctor.report import Finding, State, passed, unknown
from terrakube_site.messages import message

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

SUBJECT = _("Rights")
REQUIRED_ROLE = "terrakube-api-role"
OPTIONAL_ROLE = "terrakube-api-role-pods"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One verb on one resource, and its purpose; without an optional one everything works, but reasons are vaguer."""

    verb: str
    resource: str
    purpose: str
    group: str = ""
    required: bool = False

    def rule(self, namespace: str) -> str:
        """Return the Role rule that grants it."""
        role = REQUIRED_ROLE if self.required else OPTIONAL_ROLE
        group = self.group or '""'
        return (
            message(_("Add to Role {role} in namespace {namespace}:"), role=role, namespace=namespace)
            + f" {{apiGroups: [{group}], resources: [{self.resource}], verbs: [{self.verb}]}}"
        )


RIGHTS = (
    *(
        Right(verb=verb, resource="jobs", group="batch", required=True, purpose=purpose)
        for verb, purpose in (
            ("create", _("launches steps")),
            ("get", _("adopts an existing Job, and confirms that a Job is gone")),
            ("list", _("finds what was lost")),
            ("watch", _("notices at once when a Job ends")),
            ("delete", _("stops a cancelled step")),
        )
    ),
    Right(verb="create", resource="secrets", purpose=_("keeps one-time tokens out of the Jobs' specs")),
    *(
        Right(verb=verb, resource="pods", purpose=_("says why a pod waits or failed, in the pod's own words"))
        for verb in ("get", "list", "watch")
    ),
    *(
        Right(verb=verb, resource="events", purpose=_("says why a pod cannot start"))
        for verb in ("get", "list", "watch")
    ),
    Right(verb="patch", resource="pods", purpose=_("gives a warm pod the labels of its step")),
    Right(verb="get", resource="pods/log", purpose=_("shows the last output of an executor that died")),
    Right(
        verb="get", resource="persistentvolumeclaims", purpose=_("mounts the provider cache only if its claim exists")
    ),
)


def check_rights(api: Cluster, namespace: str) -> Iterator[Finding]:
    """Ask the cluster about every permission."""
    for right in RIGHTS:
        name = f"{right.verb} {right.resource}"
        resource, _slash, subresource = right.resource.partition("/")
        try:
            allowed = api.may(right.verb, resource, namespace, group=right.group, subresource=subresource)
        except ClusterError as error:
            yield unknown(SUBJECT, name, error.message)
            continue
        if allowed:
            yield passed(SUBJECT, name, right.purpose)
        else:
            state = State.FAIL if right.required else State.OPTIONAL
            lacking = _("Missing, though it {purpose}") if right.required else _("Missing; it {purpose}")
            detail = message(lacking, purpose=right.purpose)
            yield Finding(subject=SUBJECT, name=name, state=state, detail=detail, fix=right.rule(namespace))
