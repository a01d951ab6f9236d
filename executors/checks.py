"""Checks that ask the cluster, by ``manage.py check --deploy``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Info, Warning

from executors.conf import installation
from terrakube_site.env import SettingErrors

TOKEN_IN_SPEC = "executors.W002"
TOKEN_IN_SECRET = "executors.I002"
NO_ANSWER = "executors.W003"


def check_token_place(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Say where the one-time tokens of attempts lie: in Secrets, or in the Jobs' specs for want of a right."""
    # Registered in every process, but asked in few: the client takes half a second and 40 MiB to import.
    from executors import cluster
    from executors.cluster import ClusterError, NoCluster
    from executors.launching import on_cluster

    try:
        conf = installation()
        in_secret = on_cluster.token_in_secret(cluster.connect(), conf)
    except (NoCluster, SettingErrors):
        # Wrong settings have a check of their own, and without a cluster there are no Jobs.
        return []
    except ClusterError as error:
        return [Warning(f"The cluster does not answer: {error}", hint="Steps wait until it does.", id=NO_ANSWER)]
    if in_secret:
        return [
            Info(
                f"One-time tokens lie in Secrets of namespace {conf.namespace}, owned by their Job.", id=TOKEN_IN_SECRET
            )
        ]
    return [
        Warning(
            f"One-time tokens lie in the Jobs' specs, where everybody can read them who may see Jobs in namespace "
            f"{conf.namespace}.",
            hint="Let the service account create Secrets there (deploy/rbac.yaml has the optional Role).",
            id=TOKEN_IN_SPEC,
        )
    ]
