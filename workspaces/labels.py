"""The names of records and of their fields, ready for translation.

Django makes most of them from the names in the code, where no tool that gathers texts can find them. They are listed
here for it, and every model gives its own.
"""

from __future__ import annotations

from django.db.models import Model
from django.utils.translation import gettext_lazy, override
from django.utils.translation import gettext_noop as _

# fmt: off
TEXTS = frozenset((
    _("API URL"), _("CPU seconds"), _("HCL"), _("ID"), _("JSON"), _("Kubernetes Job"), _("MD5"), _("SSH key"),
    _("SSH key for modules"), _("SSH keys"), _("UID of the Job"), _("URL"), _("VCS connection"), _("VCS connections"),
    _("access"), _("access token"), _("access tokens"), _("accesses"), _("address"), _("agent"), _("agents"),
    _("allow remote apply"), _("allowed"), _("applies at once"), _("approval team"), _("approve jobs"), _("asked by"),
    _("at"), _("attempt"), _("attempt event"), _("attempt events"), _("attempts"), _("auto apply"),
    _("auto queue runs"), _("beat"), _("branch"), _("callback"), _("cancelled"), _("category"), _("changed"),
    _("changed by"), _("check run"), _("check runs"), _("claimed"), _("cleaned up"), _("client ID"), _("client secret"),
    _("collection"), _("collections"), _("comments"), _("commit"), _("configuration version"), _("connection type"),
    _("content"), _("created"), _("created by"), _("cron"), _("data"), _("days kept"), _("deadlines"), _("decided by"),
    _("decision"), _("default template"), _("deleted"), _("description"), _("detail"), _("disabled"), _("effect"),
    _("email"), _("enabled"), _("ended"), _("endpoint"), _("execution mode"), _("executor"), _("exit code"),
    _("expires"), _("finished"), _("first report"), _("flow"), _("folder"), _("found"), _("global remote state"),
    _("gone since"), _("groups"), _("hidden"), _("holds workspace"), _("host"), _("icon"), _("identity"), _("image"),
    _("image pull"), _("info"), _("interruption"), _("issuer"), _("item"), _("items"), _("job"), _("job context"),
    _("jobs"), _("jobs kept"), _("key"), _("killed at once"), _("kind"), _("labels"), _("last heard of"),
    _("last job date"), _("last job status"), _("last launch"), _("launch not before"), _("launched"),
    _("leaving code"), _("limits and deadlines"), _("limits of runs"), _("line numbers"), _("lineage"),
    _("lock description"), _("lock file"), _("lock id"), _("locked"), _("log chunk"), _("log cursor"), _("log size"),
    _("manage VCS connections"), _("manage collections"), _("manage jobs"), _("manage modules"), _("manage providers"),
    _("manage states"), _("manage templates"), _("manage workspaces"), _("manifest"), _("maximum"), _("minimum"),
    _("missing object"), _("name"), _("namespace"), _("next job"), _("no node"), _("node"), _("nonce"), _("number"),
    _("offset"), _("organization"), _("organization variable"), _("organization variables"), _("organizations"),
    _("outcome"), _("output"), _("override branch"), _("override source"), _("peak memory bytes"), _("phase"),
    _("plan changes"), _("plan jobs"), _("plan only"), _("pod"), _("policy rule"), _("policy rules"), _("priority"),
    _("private key"), _("probe"), _("process id"), _("queued"), _("reason"), _("reason code"), _("redirect URL"),
    _("reference"), _("references"), _("refresh"), _("refresh only"), _("refused"), _("resources"),
    _("retry lost plans"), _("role"), _("saved plan"), _("schedule"), _("schedules"), _("sensitive"), _("serial"),
    _("session hash"), _("setting"), _("settings"), _("share"), _("shared with"), _("silence"), _("size"), _("source"),
    _("speculative"), _("started"), _("state"), _("state lock"), _("state version"), _("state versions"), _("status"),
    _("step"), _("step number"), _("step type"), _("steps at once"), _("stream id"), _("subject"), _("tag"), _("tags"),
    _("tally"), _("team"), _("teams"), _("template"), _("templates"), _("terraform plan"), _("tool"), _("trimmed at"),
    _("trimmed why"), _("type"), _("user"), _("value"), _("variable"), _("variables"), _("version"), _("via"),
    _("waits for room"), _("whole step"), _("why its pod was ended"), _("workspace"), _("workspace tag"),
    _("workspace tags"), _("workspaces"),
))

# What the names in the code make that people would not say, and what they say.
_SAID = {
    "api url": "API URL", "approve job": "approve jobs", "cancelled at": "cancelled", "claimed at": "claimed",
    "cleaned at": "cleaned up", "client id": "client ID", "commit id": "commit", "cpu seconds": "CPU seconds",
    "created at": "created", "created date": "created", "ended at": "ended", "expires at": "expires",
    "finished at": "finished", "first word (s)": "first report", "force stop": "killed at once",
    "heartbeat at": "last heard of", "id": "ID", "image pull (s)": "image pull", "job name": "Kubernetes Job",
    "job uid": "UID of the Job", "json": "JSON", "launched at": "launched", "leaving reason": "why its pod was ended",
    "manage collection": "manage collections", "manage job": "manage jobs", "manage module": "manage modules",
    "manage provider": "manage providers", "manage state": "manage states", "manage template": "manage templates",
    "manage vcs": "manage VCS connections", "manage workspace": "manage workspaces", "md5": "MD5",
    "missing object (s)": "missing object", "missing since": "gone since", "module ssh key": "SSH key for modules",
    "next at": "next job", "no node (s)": "no node", "node name": "node", "not before": "launch not before",
    "plan job": "plan jobs", "pod name": "pod", "queued at": "queued", "redirect url": "redirect URL",
    "shared ids": "shared with", "silence (s)": "silence", "ssh": "SSH key", "ssh type": "type",
    "started at": "started", "terraform version": "version", "updated by": "changed by", "updated date": "changed",
    "url": "URL", "vcs": "VCS connection", "vcs type": "type", "whole step (s)": "whole step",
}
# fmt: on


def make_translatable(*models: type[Model]) -> None:
    """Let names that are plain text be shown in the reader's language; migrations hold none of them."""
    for model in models:
        options = model._meta
        if isinstance(options.verbose_name, str):
            options.verbose_name = gettext_lazy(options.verbose_name)
        options.verbose_name_plural = gettext_lazy(str(options.verbose_name_plural))
        for field in options.local_fields:
            with override(None):
                name = str(field.verbose_name)
            field.verbose_name = gettext_lazy(_SAID.get(name, name))
