"""Checks of the clusters that have a record: connection, permissions, a dry run of a step's Job, the named objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext_noop as _

from executors.cluster import ClusterError
from executors.clusters import health
from executors.clusters.reaching import place_of_record
from executors.doctor.in_cluster import check_cluster
from executors.doctor.report import Finding, State, failed
from executors.installation.settings import Installation, installation
from terrakube_site.env import SettingErrors
from terrakube_site.messages import message
from workspaces.models import Cluster as Record

_FIX = _("Check the kubeconfig of this cluster, and whether the site reaches its server.")


def check_clusters() -> Iterator[Finding]:
    """Check each enabled cluster in turn; one that does not answer is one row."""
    records = list(Record.objects.to_reach().filter(enabled=True))
    if not records:
        return
    try:
        conf = installation()
    except SettingErrors:
        # They have a row of their own.
        return
    for record in records:
        subject = message(_("Cluster {name}"), name=record.name)
        for finding in _check(record, conf):
            yield replace(finding, subject=subject)


def _check(record: Record, conf: Installation) -> Iterator[Finding]:
    place = place_of_record(record, conf)
    try:
        api = place.connect()
        api.server_time()
    except ClusterError as error:
        health.note_problem(record, error)
        yield failed("", "API server", error.message, _FIX)
        return
    health.note_answer(record)
    for finding in check_cluster(api, place.conf):
        if finding.name == "API server" and finding.state is not State.PASS:
            finding = replace(finding, fix=_FIX)
        yield finding
