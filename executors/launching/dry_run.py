"""What the cluster would say to a workspace's next step, without creating anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    return Answer(True, f"The cluster would take this Job in namespace {namespace}.")


def needs(body: Manifest) -> Iterator[tuple[str, str]]:
    """The kind and name of what the pod of a Job refers to, and without which it does not start."""
    pod = body["spec"]["template"]["spec"]
    if "serviceAccountName" in pod:
        yield "ServiceAccount", pod["serviceAccountName"]
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
