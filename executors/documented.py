"""All environment variables of an installation, as ``docs/settings.md`` lists them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning

from executors.conf_table import SETTINGS
from terrakube_site import documented
from terrakube_site.documented import Section, Setting

_OURS = re.compile(r"(?i)(terrakube|executor|azbuilder|custom|internal|pat|dex|aws|storage)")
# What Kubernetes gives each pod for a service named terrakube-…, and what a step's own environment may hold.
_OF_THE_JOB = re.compile(r"[A-Z0-9_]+_(SERVICE_(HOST|PORT)|PORT)(_|$)|TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR$")

_STORAGE = Section(
    title="Storage of Terrakube's own executor",
    read_by="web, worker, watcher",
    intro="Our executor hands everything to the site, and needs none of these.",
    settings=(
        Setting(
            name="StorageType",
            default=None,
            help="AWS (anything that speaks S3), LOCAL, AZURE or GCP; the last two are not read here.",
            kind="choice",
        ),
        Setting(name="AwsStorageBucketName", default=None, help="The bucket; required with AWS.", kind="text"),
        Setting(name="AwsStorageRegion", default=None, help="Its region.", kind="text"),
        Setting(
            name="AwsEndpoint",
            default=None,
            help="Another server than Amazon's, with the bucket in the path.",
            kind="URL",
        ),
        Setting(
            name="AwsEnableRoleAuth",
            default="off",
            help="Whether the process's own role is used instead of keys.",
            kind="switch",
        ),
        Setting(name="AwsStorageAccessKey", default=None, help="Access key.", kind="text", secret=True),
        Setting(name="AwsStorageSecretKey", default=None, help="Its secret.", kind="text", secret=True),
        Setting(
            name="TERRAKUBE_LOCAL_STORAGE",
            default=None,
            help="Folder of LOCAL that executors share with the site; unset is Terrakube's, in the home folder.",
            kind="absolute path",
        ),
    ),
)

_POD = Section(
    title="The executor in its pod",
    read_by="executor",
    intro="The launcher sets the first two; the rest may come from the secrets of ExecutorEphemeralSecret or from "
    "the image.",
    settings=(
        Setting(
            name="EphemeralFlagBatch",
            default=None,
            help="Always true; Terrakube's executor begins its one step by it.",
            kind="switch",
        ),
        Setting(
            name="EphemeralJobData",
            default=None,
            help="What the executor is told: an address and a one-time token.",
            kind="base64 of JSON",
            secret=True,
        ),
        Setting(
            name="TERRAKUBE_START_SECONDS",
            default="120",
            help="How long it tries to claim its attempt.",
            kind="seconds",
        ),
        Setting(
            name="TERRAKUBE_TOOLS_DIR",
            default="/opt/terrakube/tools",
            help="Where the image holds terraform and tofu, as TOOL/VERSION/TOOL.",
            kind="absolute path",
        ),
        Setting(
            name="CustomTerraformReleasesUrl",
            default=None,
            help="Index of Terraform's releases, instead of the site's own.",
            kind="URL",
        ),
        Setting(
            name="https_proxy",
            default=None,
            help="Proxy to addresses that begin with https; http_proxy likewise, and both in capitals.",
            kind="URL",
        ),
        Setting(name="no_proxy", default=None, help="Hosts that are reached without it.", kind="list"),
    ),
)

UNUSED: Mapping[str, str] = {
    "AzBuilderExecutorUrl": "steps outside of the cluster run on the worker's machine, not in a persistent executor",
    "ExecutorReplicas": "there is no persistent executor; Terrakube does not read it for ephemeral ones either",
    "GroupValidationType": "groups come from the token's claim",
    "UserValidationType": "users come from the token or are Django's own",
    "AuthenticationValidationType": "see the section on signing in",
    "TerrakubeHostname": "TerrakubeApiUrl says it, with its scheme",
    "TerrakubeUiURL": "the panel is on the API's own address, so no other origin needs to be let in",
    "TerrakubeToolsRepository": "scripts run in the pod as they are",
    "TerrakubeToolsBranch": "as TerrakubeToolsRepository",
    "TerrakubeRedisTruststorePath": "certificates are taken from the system's store",
    "TerrakubeRedisTruststorePassword": "as TerrakubeRedisTruststorePath",
    "ApiDataSourceType": "TERRAKUBE_DATABASE_URL says it",
}
"""Variables of Terrakube's API that this site leaves alone, and why."""


def sections() -> Iterator[Section]:
    """Everything, in the order of reading."""
    site, keys, sign_in, *rest = documented.SITE
    yield site
    yield keys
    yield sign_in
    yield Section(
        title="Executors",
        read_by="web, worker, watcher",
        settings=tuple(SETTINGS.values()),
        intro="How steps run. Durations are seconds, or have units as in 90s, 10m, 6h.",
    )
    yield from rest
    yield _STORAGE
    yield _POD


def names() -> frozenset[str]:
    """The names of all settings."""
    return frozenset(setting.name for section in sections() for setting in section.settings)


def check_names(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Tell at start of variables that nothing reads, though their names look like settings (a Django system check)."""
    known = names()
    found: list[CheckMessage] = []
    for name in sorted(os.environ):
        if not _OURS.match(name) or name in known or name in UNUSED or _OF_THE_JOB.match(name):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if near:
            found.append(Warning(f"{name} is no setting.", hint=f"{near[0]} is one.", id="executors.W007"))
    return found


def reference() -> str:
    """The text of ``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "Environment variables, as written: capitals count. Where Terrakube has a name for it, it is Terrakube's.",
        "A value that is not allowed stops the start with a sentence that says what is, and `manage.py check` tells of",
        "names that look misspelt. `manage.py settings` prints this page.",
    ]
    for section in sections():
        lines += [
            "",
            f"## {section.title}",
            "",
            f"Read by {section.read_by}.{' ' + section.intro if section.intro else ''}",
        ]
        lines += ["", "| name | type | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [_row(setting) for setting in section.settings]
    lines += ["", "## Terrakube's settings without effect here", "", "| name | why |", "| --- | --- |"]
    lines += [f"| `{name}` | {why} |" for name, why in UNUSED.items()]
    return "\n".join(lines) + "\n"


def _row(setting: Setting) -> str:
    default = "–" if setting.default is None else f"`{setting.default}`"
    kind = f"{setting.type}, secret" if setting.secret else setting.type
    return f"| `{setting.name}` | {kind} | {default} | {setting.help.replace('|', '&#124;')} |"
