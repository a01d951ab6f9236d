"""Sentences of reasons other than a code's own, by name: of what comes around another reason, and what has variants."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from workspaces.choices import JobStatus, in_words

FORMS: Mapping[str, str] = {
    "told": "{text}",
    # Around another reason.
    "advised": "{reason}. {advice}",
    "of-step": "{step}: {reason}",
    "more-ahead": _("{reason}; {number} more jobs are ahead"),
    "one-more-ahead": _("{reason}; 1 more job is ahead"),
    "many-more-ahead": _("{reason}; at least {number} more jobs are ahead"),
    "trying-again": _("{reason}. Trying again in {seconds} s (attempt {number} of {most})"),
    "launching-again": _("{reason}. Trying again every {seconds} s"),
    "tried": _("{reason} (tried {number} times)"),
    "peak": _("{reason}; the highest use seen was {peak}"),
    "lasting": _("{reason} for more than {span}"),
    "unproved": _(
        "{reason}. It is not retried, because its commands may have run: compare the state with what "
        "exists, then start the job again"
    ),
    "silent-and": _("The executor has sent no heartbeat for {span}. {seen}"),
    "ended-well": _("{reason}; it stopped cleanly"),
    "ended-well-saved": _("{reason}; it stopped cleanly, and its last state is saved"),
    "ended-killed": _("{reason}; it was killed before it could stop"),
    "ended-killed-saved": _("{reason}; it was killed before it could stop, but its last state is saved"),
    # How an executor ended whose claim this database does not know.
    "end-succeeded": _("it ended with exit code 0, so its step succeeded"),
    "end-failed": _("it reported that its step failed"),
    "end-stopped": _("it was told to stop and ended"),
    "end-not-delivered": _("it could not deliver its result or its last state"),
    "end-fenced": _("it was stopped because another executor owns the attempt"),
    "end-other": _("it ended with: {reason}"),
    "end-process": _("its process has ended"),
    "end-process-and-folder": _("its process has ended, and its folder is gone"),
    "end-job-complete": _("Kubernetes Job {name} has ended, but its result is unknown here"),
    "end-job-failed": _("Kubernetes Job {name} failed"),
    "end-job-open": _("Kubernetes Job {name} has not ended yet"),
    "end-job-complete-elsewhere": _(
        'Kubernetes Job {name} in cluster "{cluster}" has ended, but its result is unknown here'
    ),
    "end-job-failed-elsewhere": _('Kubernetes Job {name} in cluster "{cluster}" failed'),
    "end-job-open-elsewhere": _('Kubernetes Job {name} in cluster "{cluster}" has not ended yet'),
    **{f"is-{status}": in_words(status) for status in JobStatus},
    # Of jobs.
    "approval-by-team": _("Waiting for approval by {team}"),
    "approved-by": _("Approved by {person}"),
    "rejected-by": _("Rejected by {person}"),
    "rejected-because": _("Rejected by {person}: {comment}"),
    "cancelled-by": _("Cancelled by {person}"),
    "check-for-job": _("Stopped for job {number} of this workspace; drift is checked again later"),
    "check-for-room": _("Stopped for job {number}, which needed the capacity; drift is checked again later"),
    "check-without-room": _("Stopped for lack of capacity: {limit}; drift is checked again later"),
    "check-of-locked": _("Stopped because the workspace is locked; drift is checked again when it is unlocked"),
    "newer-commit": _("Replaced by job {number}, which plans a newer commit of the branch"),
    "pull-request-closed": _("Pull request {number} was closed"),
    "step-failed": _("{step} failed"),
    "deleted-by-template": _("The workspace was deleted, as its template says"),
    "no-reason-given": _("no reason given"),
    "without-value": _("Sensitive variables without a value: {names}"),
    "busy-with": _("Waits for job {number} of this workspace, which is {status}"),
    "changing": _("Waits for job {number}, which is changing the state of this workspace"),
    "last-pod-of": _("Waits until the last pod of job {number} of this workspace is gone"),
    "last-attempt": _("Waits until the pod of the last attempt is gone"),
    "disabled-running": _("The organization was disabled: the running step finishes, and no other step starts"),
    "deleted-running": _("The workspace was deleted: the running step finishes, and no other step starts"),
    "no-template": _("The organization has no template {template} to schedule"),
    "no-schedule": _("The template {template} cannot be scheduled: {error}"),
    "may-not-schedule": _("{person} may not schedule the template {template} on this workspace: {why}"),
    "the-installation": _("the installation"),
    "the-organization": _("the organization {name}"),
    "the-workspace": _("the workspace {name}"),
    "may-step": _("{whose} may have {number} steps at once"),
    "may-one-step": _("{whose} may have 1 step at once"),
    "may-apply": _("{whose} may have {number} applies at once"),
    "may-one-apply": _("{whose} may have 1 apply at once"),
    "no-room": _("Waits for room: {limit}"),
    "not-its-turn": _("Waits for its turn: {limit}, and others come first"),
    # Of launches.
    "work-folder": _("The work folder cannot be made: {error}"),
    "cannot-be-started": _("The executor cannot be started: {error}"),
    "no-address": _("AzBuilderApiUrl is not set: steps in a cluster need the address at which pods reach this API"),
    "job-gone": _("Job {name} existed and was deleted"),
    "job-leaving": _("Job {name} is being deleted"),
    "other-job": _("Another Job named {name} exists in namespace {namespace}"),
    "quota-of": _("The quota of namespace {namespace} is used up: {words}"),
    "not-allowed": _("The cluster does not allow the Job: {words}"),
    "cluster-silent": _('The cluster "{name}" has not answered since {since}'),
    "cluster-disabled": _('The cluster "{name}" is disabled'),
    "cluster-of-others": _('This organization may not use the cluster "{name}"'),
    "not-asked": _("The cluster could not be asked: {words}"),
    "job-refused": _("The cluster refused the Job: {words}"),
    "not-imported": _("The commands of this step could not be imported: {why}"),
    "fork-image": _(
        "The job runs code of a fork, but a pod of Terrakube's executor image holds secrets of the whole installation"
    ),
    "repository-refused": _("its repository may not be read: {error}"),
    "no-storage": _("The object storage does not answer: {error}"),
    "state-here": _(
        "This site keeps the state of {workspace}, but Terrakube's executor would look for it in the object storage: "
        "copy it there, as terraform.tfstate of the workspace"
    ),
    # Of retention.
    "kept-one-day": _("they are kept for 1 day"),
    "kept-days": _("they are kept for {number} days"),
    "newest-kept": _("those of the newest job of the workspace are kept"),
    "newest-jobs-kept": _("those of the {number} newest jobs of the workspace are kept"),
    # Of attempts.
    "may-have-run": _(
        "The site refused this attempt to the executor, and nothing was run, unless the executor is older than 1.1 "
        "and lost the attempt while it ran"
    ),
    "pod-still-ending": _("The Kubernetes Job is gone: it was deleted, and its pod is still ending"),
    "why-needs": _(
        "To show why, this site's service account needs the verbs get, list and watch on pods in namespace {namespace}"
    ),
    "wait-needs": _(
        "To show what it waits for, this site's service account needs the verbs get, list and watch on pods in "
        "namespace {namespace}"
    ),
    "process-ended-with": _("The executor's process ended without a report: {words}"),
    "not-reported": _("The executor's process has not reported within {seconds} s"),
    "deadline-of": _("The step exceeded its deadline of {span}"),
    "stopped-from-outside": _("The pod was told to stop from outside, not by a cancelled job"),
    "told-to-end": _("Its pod was told to stop before the step was done"),
    "reports-failure": _("The executor reports a failure; see the log"),
    "announced-refused": _("The site refused the state of this step and keeps it as a recovered state"),
    "ran-nothing": _("nothing was run"),
    "plan-unused": _("its plan is not used"),
    "ran-in-empty-folder": _("it ran in an empty folder"),
    "executor-gone": _("Cancelled; its executor is gone"),
    "executor-stopped": _("Cancelled; its executor has stopped"),
    "cancelled-before-start": _("Cancelled before it started"),
    "step-cancelled-before-start": _("The step was cancelled before it started"),
    "terrakube-without-result": _(
        "Terrakube's executor ended without a result. Versions up to 2.32 do so, with exit code 0, when Redis, an "
        "index of releases or this site does not answer. Check the pod's log"
    ),
}
