"""Short titles of reasons whose sentence comes from elsewhere, for tables."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

NAMES: Mapping[str, str] = {
    "policy": _("A policy refused a variable"),
    "bad-settings": _("Settings of the executor were wrong"),
    "no-api-address": _("The address for pods was not set"),
    "job-data-too-large": _("The variables were too large for the pod"),
    "name-taken": _("The name of the Kubernetes Job was taken"),
    "job-vanished": _("The Kubernetes Job vanished"),
    "forbidden": _("The site lacked a right in the cluster"),
    "refused": _("The cluster refused the Kubernetes Job"),
    "import-failed": _("Commands could not be imported"),
    "fork-refused": _("Code of a fork was not run"),
    "no-work-folder": _("The executor had no work folder"),
    "not-started": _("The executor could not be started"),
    "storage-unavailable": _("The object storage did not answer"),
    "scope-not-kept": _("The executor does not support the targets of the job"),
    "state-elsewhere": _("The state is kept elsewhere"),
    "no-schedules": _("Schedules could not be made"),
    "incomplete-variables": _("Variables had no value"),
    "done": _("Done"),
    "error-ignored": _("An error was ignored"),
    "terraform-failed": _("Terraform failed"),
    "init-failed": _("Terraform's init failed"),
    "source-failed": _("The source could not be fetched"),
    "bad-variables": _("Variables could not be used"),
    "script-failed": _("A script failed"),
    "tool-missing": _("The version of the tool was not available"),
    "plan-missing": _("The saved plan was missing"),
    "plan-files-too-large": _("The files of the plan were too large"),
    "plan-files-missing": _("The files of the plan were missing"),
    "plan-files-failed": _("The files of the plan could not be restored"),
    "plan-altered": _("The saved plan was changed after its step"),
    "out-of-scope": _("The plan went beyond the targets of its job"),
    "scope-unknown": _("The plan could not be checked against its job"),
    "upload-failed": _("A result could not be sent to the site"),
    "file-failed": _("A file could not be written"),
    "state-undelivered": _("The state could not be delivered"),
    "state-refused": _("The state was refused and kept"),
    "backend-replaced": _("Another backend was configured"),
    "no-work-directory": _("The pod had no work directory"),
    "cannot-start": _("The executor could not begin"),
    "bad-step-type": _("The executor did not know the type of the step"),
    "internal": _("The executor itself failed"),
    "executor-said": _("Reason given by the executor"),
}
