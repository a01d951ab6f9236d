"""Checks that need no pod: connection, permissions, a dry run of a step's Job, the named objects."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from executors.cluster import ClusterError
from executors.doctor import probe
from executors.doctor.report import Finding, failed, passed, unknown, unused
from executors.doctor.rights import OPTIONAL_ROLE, check_rights
from executors.doctor.site import clock
from executors.installation.settings import Installation
from terrakube_site.messages import message
from workspaces.choices import Category
from workspaces.models import GlobalVariable, Item, Variable
from workspaces.pods.catalogue import DEFAULT_PLUGIN_CACHE_CLAIM, PLUGIN_CACHE_CLAIM, PLUGIN_CACHE_DIR

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

SUBJECT = _("Cluster")
MOST_CLAIMS = 20


def check_cluster(api: Cluster, conf: Installation) -> Iterator[Finding]:
    """Run all checks in turn; a cluster that does not answer is one row."""
    try:
        began = timezone.now()
        ahead = (api.server_time() - began).total_seconds()
    except ClusterError as error:
        yield failed(SUBJECT, "API server", error.message, _("Check KUBECONFIG or the pod's service account."))
        return
    yield passed(SUBJECT, "API server", _("It answers"))
    # Its time is cut to the second.
    yield clock(SUBJECT, _("clock of the API server"), ahead, (timezone.now() - began).total_seconds() + 1)
    yield from check_rights(api, conf.namespace)
    yield from _check_dry_run(api, conf)
    yield from _check_objects(api, conf)
    yield from _check_claims(api, conf)
    if conf.api_url is None:
        yield failed(
            SUBJECT,
            _("address for pods"),
            _("AzBuilderApiUrl is not set, so pods cannot reach this site"),
            _("Set it to the address of this site as pods see it, such as http://terrakube-api:8080."),
        )


def _check_dry_run(api: Cluster, conf: Installation) -> Iterator[Finding]:
    body = probe.probe_job(conf, f"terrakube-check-{secrets.token_hex(4)}", claim=None)
    try:
        api.create_job(conf.namespace, body, dry_run=True)
    except ClusterError as error:
        if error.status == 404:
            fix = message(
                _("kubectl create namespace {namespace}, or set ExecutorEphemeralNamespace."), namespace=conf.namespace
            )
            yield failed(SUBJECT, _("namespace"), error.message, fix)
            return
        if error.lacks_right:
            yield unknown(SUBJECT, _("namespace"), _("Unknown without the right to create Jobs"))
        else:
            yield passed(SUBJECT, _("namespace"), conf.namespace)
        quota, other = _("Free or raise the namespace's quota."), _("Fix what the cluster's message names.")
        yield failed(SUBJECT, _("a step's Job"), error.message, quota if error.is_quota else other)
        return
    yield passed(SUBJECT, _("namespace"), conf.namespace)
    yield passed(SUBJECT, _("a step's Job"), _("The cluster would accept it (dry run)"))


def _check_objects(api: Cluster, conf: Installation) -> Iterator[Finding]:
    named = [("Secret", name, "ExecutorEphemeralSecret") for name in conf.secrets]
    named += [("Secret", name, "ExecutorEphemeralImagePullSecrets") for name in conf.image_pull_secrets]
    for kind, name, setting in named:
        row = f"{kind} {name}"
        try:
            there = api.exists(kind, conf.namespace, name)
        except ClusterError as error:
            yield unknown(SUBJECT, row, error.message)
            continue
        if there:
            yield passed(SUBJECT, row, message(_("Named by {setting}"), setting=setting))
        elif there is None:
            # The site never reads Secrets, so no Role permits it; a pod that starts with the Secret proves it.
            yield unknown(SUBJECT, row, _("This account may not read Secrets; the probe pod shows whether it exists"))
        else:
            fix = message(
                _("Create it in namespace {namespace}, or take it out of {setting}."),
                namespace=conf.namespace,
                setting=setting,
            )
            yield failed(SUBJECT, row, message(_("{setting} names it, but it does not exist"), setting=setting), fix)


def claims_in_use() -> list[str]:
    """Return the volume claims that steps would mount as their provider cache, as far as variables name them."""
    rows = [
        row
        for model in (Variable, GlobalVariable, Item)
        for row in model._default_manager.filter(category=Category.ENV, key__in=(PLUGIN_CACHE_CLAIM, PLUGIN_CACHE_DIR))
    ]
    # Lost values are reported with all encrypted values, and no step starts with one.
    named = {row.text_if_readable.strip() for row in rows if row.key == PLUGIN_CACHE_CLAIM and not row.sensitive}
    used = any(row.key == PLUGIN_CACHE_DIR and row.text_if_readable.strip() for row in rows)
    default = {DEFAULT_PLUGIN_CACHE_CLAIM} if used else set()
    return sorted((named | default) - {""})[:MOST_CLAIMS] if used else []


def _check_claims(api: Cluster, conf: Installation) -> Iterator[Finding]:
    names = claims_in_use()
    if not names:
        yield unused(SUBJECT, _("provider cache"), message(_("No variable sets {name}"), name=PLUGIN_CACHE_DIR))
    for name in names:
        row = message(_("claim {name}"), name=name)
        try:
            claim = api.read_claim(conf.namespace, name)
        except ClusterError as error:
            fix = (
                message(
                    _("Role {role} in namespace {namespace} allows reading it."),
                    role=OPTIONAL_ROLE,
                    namespace=conf.namespace,
                )
                if error.status == 403
                else ""
            )
            yield unknown(SUBJECT, row, error.message, fix)
            continue
        if claim is None:
            fix = message(_("Create the claim {name} in namespace {namespace}."), name=name, namespace=conf.namespace)
            yield failed(SUBJECT, row, _("It does not exist"), fix)
            continue
        modes = claim["spec"].get("accessModes") or []
        if "ReadWriteMany" in modes:
            yield passed(SUBJECT, row, "ReadWriteMany")
        else:
            yield failed(
                SUBJECT,
                row,
                message(
                    _("Its access mode is {mode}, so pods on other nodes wait forever"),
                    mode=", ".join(modes),
                ),
                _("Use a ReadWriteMany claim, or keep the pods on one node with a node selector."),
            )
