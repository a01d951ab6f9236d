"""Dry run of a workspace's next step: ask the cluster without creating anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop as _

from executors.cluster import ClusterError, Manifest
from executors.clusters.reaching import Place, calling
from executors.launching.manifest import LINUX_NODES
from executors.launching.redaction import redact_message, secret_texts
from executors.preview.expected_job import expected_job, place_of_steps
from terrakube_site.messages import message
from workspaces.choices import StepType
from workspaces.models import Workspace
from workspaces.models.variable import HIDDEN
from workspaces.variables.in_force import workspace_inputs

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

_NODE = "Node"
"""The kind of what a node selector refers to; its name is the labels."""


@dataclass(frozen=True, slots=True, order=True)
class ReferencedObject:
    """An object that the pod of a Job refers to and cannot start without.

    ``found`` tells if it exists: None if unchecked, or if ``lacking`` names the missing permission to look it up.
    """

    kind: str
    name: str
    found: bool | None = None
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The cluster's answer, with its own words if it refused; ``missing`` is what the pod cannot start without."""

    accepted: bool
    text: str
    missing: tuple[ReferencedObject, ...] = ()
    namespace: str = ""

    def with_needs(self, needs: Iterable[ReferencedObject]) -> Answer:
        """Return the answer that counts what the pod needs and the cluster does not have."""
        missing = tuple(need for need in needs if need.found is False)
        if not self.accepted or not missing:
            return self
        text = _(
            "The cluster would accept this Job in namespace {namespace}, but its pod would not start. Missing: {names}."
        )
        names = ", ".join(f"{need.kind} {need.name}" for need in missing)
        return replace(self, text=message(text, namespace=self.namespace, names=names), missing=missing)


def dry_run_step(workspace: Workspace, step_type: StepType) -> Answer:
    """Let the cluster check a step's Job: fields, admission, quota and our permissions. Raises
    EphemeralSyntaxErrors.
    """
    try:
        place = place_of_steps(workspace, step_type)
        namespace = place.conf.namespace
        body = expected_job(workspace, step_type, ask_cluster=True)
        with calling(place) as api:
            api.create_job(namespace, body, dry_run=True)
    except ClusterError as error:
        environment = workspace_inputs(workspace).for_step(step_type).environment
        return Answer(False, redact_message(error.message, secret_texts(environment)))
    text = message(_("The cluster would accept this Job in namespace {namespace}."), namespace=namespace)
    return Answer(True, text, namespace=namespace)


def referenced_objects(body: Manifest) -> list[ReferencedObject]:
    """Return all objects that the pod of a Job refers to, in order."""
    return sorted({ReferencedObject(kind, name) for kind, name in _references(body)})


def look_up(place: Place, wanted: Iterable[ReferencedObject]) -> list[ReferencedObject]:
    """Look up each object in a cluster. Raises ClusterError if it does not answer."""
    with calling(place) as api:
        return list(_looked_up(api, place.conf.namespace, wanted))


def _looked_up(api: Cluster, namespace: str, wanted: Iterable[ReferencedObject]) -> Iterator[ReferencedObject]:
    for need in wanted:
        if need.name == HIDDEN:
            # The answer would tell a guesser which names exist.
            yield need
            continue
        if need.kind == _NODE:
            there, right = api.has_node(need.name), "list nodes of the cluster"
        else:
            there = api.exists(need.kind, namespace, need.name)
            resource = f"{need.kind.lower()}{'es' if need.kind.endswith('s') else 's'}"
            where = "of the cluster" if need.kind == "PriorityClass" else f"in namespace {namespace}"
            right = f"get {resource} {where}"
        yield replace(need, found=there, lacking=right if there is None else "")


def _references(body: Manifest) -> Iterator[tuple[str, str]]:
    pod = body["spec"]["template"]["spec"]
    selector = pod["nodeSelector"]
    if selector != LINUX_NODES:
        pairs = selector if isinstance(selector, str) else ",".join(f"{key}={text}" for key, text in selector.items())
        yield _NODE, pairs
    if "serviceAccountName" in pod:
        yield "ServiceAccount", pod["serviceAccountName"]
    if "priorityClassName" in pod:
        yield "PriorityClass", pod["priorityClassName"]
    for volume in pod.get("volumes", ()):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    for source in pod["containers"][0].get("envFrom", ()):
        kind = "Secret" if "secretRef" in source else "ConfigMap"
        yield kind, next(iter(source.values()))["name"]
    for secret in pod.get("imagePullSecrets", ()):
        yield "Secret", secret["name"]
