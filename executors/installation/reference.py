"""All environment variables of an installation, as ``docs/settings.md`` lists them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning

from executors.contract.job_data import DATA_VARIABLE, FLAG_VARIABLE
from executors.contract.work_folder import FOLDER_VARIABLE, PARENT_VARIABLE
from executors.installation.settings import EXECUTORS
from executors.installation.storage_settings import STORAGE
from terrakube_site import env, site_settings
from terrakube_site.env import Section, Setting

_OURS = re.compile(r"(?i)(terrakube|executor|azbuilder|custom|internal|pat|dex|aws|storage)")
# What Kubernetes gives each pod for a service named terrakube-…, and what a step's own environment may hold.
_OF_THE_JOB = re.compile(r"[A-Z0-9_]+_(SERVICE_(HOST|PORT)|PORT)(_|$)|TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR$")

# The executor program stands on the standard library alone, so it reads these itself.
POD = Section(
    title="The executor in its pod",
    read_by="executor",
    intro="The launcher sets the first two; the rest may come from the secrets of ExecutorEphemeralSecret or from "
    "the image.",
)
POD.add(env.flag, FLAG_VARIABLE, None, "Always true: Terrakube's executor then runs one step.")
POD.add(env.secret, DATA_VARIABLE, None, "The job data: an address and a one-time token.", kind="base64 of JSON")
POD.add(env.text, "TERRAKUBE_START_SECONDS", "120", "Timeout for the claim of its attempt.", kind="seconds")
POD.add(
    env.text,
    PARENT_VARIABLE,
    "/tmp",  # noqa: S108 - a volume of the pod's own
    "Work folder. On a volume each workspace has a folder of its own, so pods can share the volume.",
    kind="absolute path",
)
POD.add(
    env.text,
    FOLDER_VARIABLE,
    None,
    "Work folder of the workspace where several executors run on one machine. The launcher sets it there; it is unset "
    "in pods.",
    kind="absolute path",
)
POD.add(
    env.text,
    "TERRAKUBE_TOOLS_DIR",
    "/opt/terrakube/tools",
    "Folder of the image with terraform and tofu, as TOOL/VERSION/TOOL.",
    kind="absolute path",
)
POD.add(
    env.url, site_settings.TERRAFORM_INDEX.name, None, "Index of Terraform's releases, instead of the site's index."
)
POD.add(env.url, "https_proxy", None, "Proxy for https addresses; http_proxy for http. Both also in capitals.")
POD.add(env.comma_list, "no_proxy", None, "Hosts that are reached without the proxy.")

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
    yield from (site_settings.SITE, site_settings.POLICIES, site_settings.KEYS, EXECUTORS, site_settings.SIGN_IN)
    yield from (site_settings.DATABASE, site_settings.RELEASES, site_settings.EMAIL, STORAGE, POD)


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


def _row(setting: Setting[Any]) -> str:
    default = "–" if setting.shown_default is None else f"`{setting.shown_default}`"
    kind = f"{setting.kind}, secret" if setting.secret else setting.kind
    return f"| `{setting.name}` | {kind} | {default} | {setting.help.replace('|', '&#124;')} |"
