"""What the cluster says without a pod: is it there, may we, would it take a step's Job, are the named objects there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils import timezone

from executors.cluster import ClusterError
from executors.conf import Installation
from executors.doctor import probe
from executors.doctor.report import Finding, failed, not_known, not_used, passed
from executors.doctor.rights import OPTIONAL_ROLE, rights
from executors.doctor.site import clock
from workspaces.choices import Category
from workspaces.ephemeral.variables import DEFAULT_PLUGIN_CACHE_CLAIM, PLUGIN_CACHE_CLAIM, PLUGIN_CACHE_DIR
from workspaces.models import GlobalVariable, Item, Variable

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

SUBJECT = "Cluster"
MOST_CLAIMS = 20


def in_cluster(api: Cluster, conf: Installation) -> Iterator[Finding]:
    """Look at everything in turn; a cluster that does not answer is one row."""
    try:
        began = timezone.now()
        ahead = (api.server_time() - began).total_seconds()
    except ClusterError as error:
        yield failed(SUBJECT, "API server", error.message, "Look at KUBECONFIG or the pod's service account.")
        return
    yield passed(SUBJECT, "API server", "It answers")
    # Its time is cut to the second.
    yield clock(SUBJECT, "clock of the API server", ahead, (timezone.now() - began).total_seconds() + 1)
    yield from rights(api, conf.namespace)
    yield from _dry_run(api, conf)
    yield from _objects(api, conf)
    yield from _claims(api, conf)
    if conf.api_url is None:
        yield failed(
            SUBJECT,
            "address for pods",
            "AzBuilderApiUrl is not set, so no pod could reach this site",
            "Set it to the address of this site as pods see it, such as http://terrakube-api:8080.",
        )


def _dry_run(api: Cluster, conf: Installation) -> Iterator[Finding]:
    body = probe.job(conf, f"terrakube-check-{secrets.token_hex(4)}", claim=None)
    try:
        api.create_job(conf.namespace, body, dry_run=True)
    except ClusterError as error:
        if error.status == 404:
            fix = f"kubectl create namespace {conf.namespace}, or set ExecutorEphemeralNamespace."
            yield failed(SUBJECT, "namespace", error.message, fix)
            return
        if error.status == 403 and "forbidden" in error.message and not error.is_quota:
            yield not_known(SUBJECT, "namespace", "Without the right to create Jobs the cluster does not say")
        else:
            yield passed(SUBJECT, "namespace", conf.namespace)
        fix = "Free or raise the namespace's quota." if error.is_quota else "Mend what the cluster's own words name."
        yield failed(SUBJECT, "a step's Job", error.message, fix)
        return
    yield passed(SUBJECT, "namespace", conf.namespace)
    yield passed(SUBJECT, "a step's Job", "The cluster would take it (dry run)")


def _objects(api: Cluster, conf: Installation) -> Iterator[Finding]:
    named = [("Secret", name, "ExecutorEphemeralSecret") for name in conf.secrets]
    named += [("Secret", name, "ExecutorEphemeralImagePullSecrets") for name in conf.image_pull_secrets]
    for kind, name, setting in named:
        row = f"{kind} {name}"
        try:
            there = api.exists(kind, conf.namespace, name)
        except ClusterError as error:
            yield not_known(SUBJECT, row, error.message)
            continue
        if there:
            yield passed(SUBJECT, row, f"Named by {setting}")
        elif there is None:
            # Nothing of the site reads Secrets, so no Role gives it; a pod that starts with it proves it.
            yield not_known(SUBJECT, row, "This account may not read Secrets; the probe pod shows whether it is there")
        else:
            fix = f"Create it in namespace {conf.namespace}, or take it out of {setting}."
            yield failed(SUBJECT, row, f"{setting} names it, and it is not there", fix)


def claims_in_use() -> list[str]:
    """The volume claims that steps would mount as their provider cache, as far as variables name them."""
    rows = [
        row
        for model in (Variable, GlobalVariable, Item)
        for row in model._default_manager.filter(category=Category.ENV, key__in=(PLUGIN_CACHE_CLAIM, PLUGIN_CACHE_DIR))
    ]
    named = {row.value.strip() for row in rows if row.key == PLUGIN_CACHE_CLAIM and not row.sensitive}
    used = any(row.key == PLUGIN_CACHE_DIR and row.value.strip() for row in rows)
    default = {DEFAULT_PLUGIN_CACHE_CLAIM} if used else set()
    return sorted((named | default) - {""})[:MOST_CLAIMS] if used else []


def _claims(api: Cluster, conf: Installation) -> Iterator[Finding]:
    names = claims_in_use()
    if not names:
        yield not_used(SUBJECT, "provider cache", f"No variable sets {PLUGIN_CACHE_DIR}")
    for name in names:
        row = f"claim {name}"
        try:
            claim = api.read_claim(conf.namespace, name)
        except ClusterError as error:
            fix = (
                f"Role {OPTIONAL_ROLE} in namespace {conf.namespace} lets it be looked at."
                if error.status == 403
                else ""
            )
            yield not_known(SUBJECT, row, error.message, fix)
            continue
        if claim is None:
            yield failed(SUBJECT, row, "It is not there", f"Create the claim {name} in namespace {conf.namespace}.")
            continue
        modes = claim["spec"].get("accessModes") or []
        if "ReadWriteMany" in modes:
            yield passed(SUBJECT, row, "ReadWriteMany")
        else:
            yield failed(
                SUBJECT,
                row,
                f"Its access mode is {', '.join(modes)}, so pods on another node wait for it without an end",
                "Use a ReadWriteMany claim, or keep the pods on one node by a node selector.",
            )
