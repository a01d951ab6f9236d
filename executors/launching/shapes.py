"""The shape of a step's pod: what a warm pod must have in common with the Job that the step would get; pure."""

from __future__ import annotations

import copy
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from executors.contract.job_data import DATA_VARIABLE
from workspaces.pods import RESERVED_LABEL_PREFIX


def shape_of(job: dict[str, Any]) -> str:
    """Return the fingerprint of a Job's manifest: equal for two Jobs that differ only in whose they are.

    Left out are the names, the identifying labels, the place of the pod's data, and the deadline, which is set when a
    warm pod is handed over. The site's version is part of it, so an upgrade drains the pool.
    """
    body = copy.deepcopy(job)
    template = body["spec"]["template"]
    del body["metadata"]["name"], body["spec"]["activeDeadlineSeconds"]
    for labels in (body["metadata"]["labels"], template["metadata"]["labels"]):
        # Only ours have this prefix: a workspace may not set such a label.
        for label in [name for name in labels if name.startswith(RESERVED_LABEL_PREFIX)]:
            del labels[label]
    for container in template["spec"]["containers"]:
        container["env"] = [
            {"name": DATA_VARIABLE, "in_secret": "valueFrom" in one} if one["name"] == DATA_VARIABLE else one
            for one in container["env"]
        ]
    text = json.dumps([_site_version(), body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def may_be_warm(job: dict[str, Any]) -> bool:
    """Return True if pods of a manifest may be started before they are needed.

    Not with a volume claim: a waiting pod would hold it on its node, where other steps then could not get it.
    """
    volumes = job["spec"]["template"]["spec"].get("volumes", ())
    return not any("persistentVolumeClaim" in volume for volume in volumes)


def _site_version() -> str:
    try:
        return version("terrakube-site")
    except PackageNotFoundError:
        return "unknown"
