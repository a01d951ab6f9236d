"""What the cluster says without a pod: is it there, may we, would it take a step's Job, are the named objects there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_noop as _

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

SUBJECT = _("Cluster")
MOST_CLAIMS = 20


def in_cluster(api: Cluster, conf: Installation) -> Iterator[Finding]:
    """Look at everything in turn; a cluster that does not answer is one row."""
    try:
        began = timezone.now()
        ahead = (api.server_time() - began).total_seconds()
    except ClusterError as error:
        yield failed(SUBJECT, "API server", error.message, _("Look at KUBECONFIG or the pod's service account."))
        return
    yield passed(SUBJECT, "API server", _("It answers"))
    # Its time is cut to the second.
    yield clock(SUBJECT, _("clock of the API server"), ahead, (timezone.now() - began).total_seconds() + 1)
    yield from rights(api, conf.namespace)
    yield from _dry_run(api, conf)
    yield from _objects(api, conf)
    yield from _claims(api, conf)
    if conf.api_url is None:
        yield failed(
            SUBJECT,
            _("address for pods"),
            _("AzBuilderApiUrl is not set, so no pod could reach this site"),
            _("Set it to the address of this site as pods see it, such as http://terrakube-api:8080."),
        )


def _dry_run(api: Cluster, conf: Installation) -> Iterator[Finding]:
    body = probe.job(conf, f"terrakube-check-{secrets.token_hex(4)}", claim=None)
    try:
        api.create_job(conf.namespace, body, dry_run=True)
    except ClusterError as error:
        if error.status == 404:
            fix = _("kubectl create namespace {namespace}, or set ExecutorEphemeralNamespace.").format(
                namespace=conf.namespace
            )
            yield failed(SUBJECT, _("namespace"), error.message, fix)
            return
        if error.status == 403 and "forbidden" in error.message and not error.is_quota:
            yield not_known(SUBJECT, _("namespace"), _("Without the right to create Jobs the cluster does not say"))
        else:
            yield passed(SUBJECT, _("namespace"), conf.namespace)
        fix = (
            _("Free or raise the namespace's quota.")
            if error.is_quota
            else _("Mend what the cluster's own words name.")
        )
        yield failed(SUBJECT, _("a step's Job"), error.message, fix)
        return
    yield passed(SUBJECT, _("namespace"), conf.namespace)
    yield passed(SUBJECT, _("a step's Job"), _("The cluster would take it (dry run)"))


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
            yield passed(SUBJECT, row, _("Named by {setting}").format(setting=setting))
        elif there is None:
            # Nothing of the site reads Secrets, so no Role gives it; a pod that starts with it proves it.
            yield not_known(
                SUBJECT, row, _("This account may not read Secrets; the probe pod shows whether it is there")
            )
        else:
            fix = _("Create it in namespace {namespace}, or take it out of {setting}.").format(
                namespace=conf.namespace, setting=setting
            )
            yield failed(SUBJECT, row, _("{setting} names it, and it is not there").format(setting=setting), fix)


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
        yield not_used(SUBJECT, _("provider cache"), _("No variable sets {name}").format(name=PLUGIN_CACHE_DIR))
    for name in names:
        row = _("claim {name}").format(name=name)
        try:
            claim = api.read_claim(conf.namespace, name)
        except ClusterError as error:
            fix = (
                _("Role {role} in namespace {namespace} lets it be looked at.").format(
                    role=OPTIONAL_ROLE, namespace=conf.namespace
                )
                if error.status == 403
                else ""
            )
            yield not_known(SUBJECT, row, error.message, fix)
            continue
        if claim is None:
            fix = _("Create the claim {name} in namespace {namespace}.").format(name=name, namespace=conf.namespace)
            yield failed(SUBJECT, row, _("It is not there"), fix)
            continue
        modes = claim["spec"].get("accessModes") or []
        if "ReadWriteMany" in modes:
            yield passed(SUBJECT, row, "ReadWriteMany")
        else:
            yield failed(
                SUBJECT,
                row,
                _("Its access mode is {mode}, so pods on another node wait for it without an end").format(
                    mode=", ".join(modes)
                ),
                _("Use a ReadWriteMany claim, or keep the pods on one node by a node selector."),
            )
