"""What to do about a launch that failed, one sentence for each code; the watcher's own sentences say it themselves."""

from __future__ import annotations

_ADVICE = {
    "bad-settings": "Mend the variable on the workspace's page, where its grammar is said, and run the job again.",
    "policy": "Mend or take away the variable that the sentence names, or let an administrator change the rule.",
    "no-api-address": "An administrator sets AzBuilderApiUrl to the address at which pods reach this site.",
    "job-data-too-large": "Make the variables smaller, or use an executor image that fetches its data (claim).",
    "name-taken": "Delete the other Kubernetes Job of that name, or look who made it, and run the job again.",
    "job-vanished": "Somebody deleted the Kubernetes Job. Run the job again.",
    "quota": "Raise the namespace's quota, lower the workspace's requests, or wait for other pods to end.",
    "forbidden": "An administrator gives this site's service account the right that the cluster's answer names.",
    "cluster-unavailable": "An administrator looks whether the cluster's API answers; then run the job again.",
    "refused": "The cluster's own words say which field it refuses; mend the setting of that field.",
    "import-failed": "Check the repository, branch and folder that the template imports its commands from.",
    "no-work-folder": "An administrator makes the executor's work folder writable.",
    "not-started": "An administrator looks at the log of the worker on that machine.",
    "no-schedules": "Correct the name or the schedule in the template's scheduleTemplates step.",
}


def advice_for(code: str) -> str:
    """What to do about a reason; empty where its own sentence says all."""
    return _ADVICE.get(code, "")
