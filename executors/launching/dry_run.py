"""What the cluster would say to a workspace's next step, without creating anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from django.utils.translation import gettext_noop as _

from executors import cluster
from executors.cluster import ClusterError, Manifest
from executors.conf import installation
from executors.launching.preview import preview
from workspaces.choices import StepType
from workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Answer:
    """The cluster's answer; ``text`` is in its own words where it refused."""

    accepted: bool
    text: str


def ask(workspace: Workspace, step_type: StepType) -> Answer:
    """Let the cluster check a step's Job: fields, admission, quota and our rights. Raises EphemeralSyntaxErrors."""
    namespace = installation().namespace
    try:
        body = preview(workspace, step_type, ask_cluster=True)
        cluster.connect().create_job(namespace, body, dry_run=True)
    except ClusterError as error:
        return Answer(False, error.message)
    return Answer(True, _("The cluster would take this Job in namespace {namespace}.").format(namespace=namespace))


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """What the pod of a Job refers to, and without which it does not start.

    ``found`` is whether it is there: None while nobody asked, or where ``lacking`` names the right to look.
    """

    kind: str
    name: str
    found: bool | None = None
    lacking: str = ""


def needs(body: Manifest) -> list[Need]:
    """All that the pod of a Job refers to, in order."""
    return sorted({Need(kind, name) for kind, name in _needs(body)})


def looked_up(wanted: Iterable[Need]) -> list[Need]:
    """The same with whether it is there. Raises ClusterError where the cluster does not answer."""
    namespace, api = installation().namespace, cluster.connect()
    found = []
    for need in wanted:
        there = api.exists(need.kind, namespace, need.name)
        resource = f"{need.kind.lower()}{'es' if need.kind.endswith('s') else 's'}"
        where = "of the cluster" if need.kind == "PriorityClass" else f"in namespace {namespace}"
        found.append(replace(need, found=there, lacking=f"get {resource} {where}" if there is None else ""))
    return found


def _needs(body: Manifest) -> Iterator[tuple[str, str]]:
    pod = body["spec"]["template"]["spec"]
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
