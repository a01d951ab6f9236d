"""Check the pod of a workspace's step: its settings, its user, and what the cluster says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from executors import cluster
from executors.cluster import ClusterError
from executors.clusters.reaching import Place, place_of
from executors.installation.settings import installation
from executors.launching.manifest import TERRAKUBE_USER
from executors.preflight.findings import Finding, finding
from executors.preflight.here import Here, in_pods
from executors.preflight.subject import Subject
from executors.preview import dry_run
from executors.preview.expected_job import expected_job, place_of_steps
from workspaces.choices import Category, StepType
from workspaces.pods import EphemeralSyntaxErrors, PodSettings, catalogue, pod_settings

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

_ARCHITECTURE = "kubernetes.io/arch"
_ARCHITECTURES = ("amd64", "arm64")
STEP_TYPES = (StepType.PLAN, StepType.APPLY, StepType.DESTROY)
"""The types of steps that may have pod settings of their own."""


def settings_of_pod(subject: Subject, step_type: StepType) -> PodSettings:
    """Return the settings of the pod of a step of this type. Raises EphemeralSyntaxErrors."""
    inputs = subject.inputs.for_step(step_type)
    return pod_settings(inputs.texts(Category.ENV), inputs.hidden)


def check_settings(subject: Subject) -> Iterator[Finding]:
    """Check the settings as a whole, and whether ssh works for the pod's user."""
    for step_type in STEP_TYPES:
        try:
            pod = settings_of_pod(subject, step_type)
        except EphemeralSyntaxErrors as errors:
            for error in errors.errors:
                yield finding("settings-contradict", " ".join(error.names), why=str(error))
            continue
        user = pod.pod_security.run_as_user
        # Our own image gives a user without a name one.
        is_nameless = installation().is_terrakube_image and user not in (None, TERRAKUBE_USER)
        if is_nameless and is_ssh(subject.workspace.source):
            yield finding("ssh-user", catalogue.POD_SECURITY, user=user)


def here(subject: Subject, mirrors: tuple[Path, ...]) -> Here:
    """Return what the pod of a plan has; its platform is as its node selector says, or as the nodes have."""
    try:
        pod = settings_of_pod(subject, StepType.PLAN)
    except EphemeralSyntaxErrors:
        # The check of the settings tells that.
        pod = PodSettings()
    selector = installation().node_selector if pod.node_selector is None else pod.node_selector
    mounted = pod.config_map_mount_path if pod.config_map_name else ""
    return in_pods(selector.get(_ARCHITECTURE) or _architecture_of_nodes(), mirrors, mounted)


def _architecture_of_nodes() -> str:
    try:
        api: Cluster = cluster.connect()
        found = (name for name in _ARCHITECTURES if api.has_node(f"{_ARCHITECTURE}={name}"))
        return next(found, _ARCHITECTURES[0])
    except ClusterError:
        return _ARCHITECTURES[0]


def ask_cluster(subject: Subject) -> Iterator[Finding]:
    """Let the cluster check the Job of a plan, and look up what its pod needs. Nothing is created."""
    try:
        place = _place(subject)
        place.connect()
        answer = dry_run.dry_run_step(subject.workspace, StepType.PLAN)
        if not answer.accepted:
            yield finding("pod-refused", why=answer.text)
        body = expected_job(subject.workspace, StepType.PLAN, ask_cluster=True)
        for need in dry_run.look_up(place, dry_run.referenced_objects(body)):
            if need.found is False:
                yield finding("object-missing", kind=need.kind, name=need.name)
    except ClusterError as error:
        yield finding("no-cluster", why=error.message)
    except EphemeralSyntaxErrors:
        # The check of the settings tells that.
        return


def _place(subject: Subject) -> Place:
    """Return the cluster of a plan; that of the settings where its pod settings are wrong. Raises NoCluster."""
    try:
        return place_of_steps(subject.workspace)
    except EphemeralSyntaxErrors:
        return place_of("", installation())


def is_ssh(source: str) -> bool:
    """Return whether git fetches a source by ssh."""
    return urlsplit(source).scheme == "ssh" if "://" in source else ":" in source
