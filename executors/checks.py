"""System checks that ask the cluster, for ``manage.py check --deploy``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Info, Warning

from executors import cluster
from executors.cluster import ClusterError, NoCluster
from executors.installation.settings import installation
from terrakube_site.env import SettingErrors


def check_token_place(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report where the one-time tokens of attempts are kept: in Secrets, or without that permission in the Jobs'
    specs.
    """
    # Checks are registered in each process, and most launch nothing.
    from executors.launching import kubernetes_job

    try:
        conf = installation()
        in_secret = kubernetes_job.token_in_secret(cluster.connect(), conf)
    except (NoCluster, SettingErrors):
        # Invalid settings have a check of their own, and without a cluster there are no Jobs.
        return []
    except ClusterError as error:
        return [Warning(f"The cluster does not answer: {error}", hint="Steps wait until it does.", id="executors.W003")]
    if in_secret:
        return [
            Info(
                f"One-time tokens lie in Secrets of namespace {conf.namespace}, owned by their Job.",
                id="executors.I002",
            )
        ]
    return [
        Warning(
            f"One-time tokens lie in the Jobs' specs, where everybody can read them who may see Jobs in namespace "
            f"{conf.namespace}.",
            hint="Let the service account create Secrets there (deploy/rbac.yaml has the optional Role).",
            id="executors.W002",
        )
    ]
