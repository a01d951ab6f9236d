"""The names of records and of their fields, ready for translation.

Django makes most of them from the names in the code, where no tool that gathers texts can find them. They are listed
here for it, and every model gives its own.
"""

from __future__ import annotations

from django.db.models import Model
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

# fmt: off
TEXTS = frozenset((
    _("HCL"), _("ID"), _("SSH key"), _("SSH keys"), _("VCS connection"), _("VCS connections"), _("access"),
    _("access token"), _("access tokens"), _("accesses"), _("address"), _("agent"), _("agents"),
    _("allow remote apply"), _("allowed"), _("api url"), _("applies at once"), _("approval team"), _("approve job"),
    _("asked by"), _("at"), _("attempt"), _("attempt event"), _("attempt events"), _("attempts"), _("auto apply"),
    _("auto queue runs"), _("beat"), _("branch"), _("callback"), _("cancelled at"), _("category"), _("check run"),
    _("check runs"), _("claimed at"), _("cleaned at"), _("client id"), _("client secret"), _("collection"),
    _("collections"), _("comments"), _("commit id"), _("configuration version"), _("connection type"), _("content"),
    _("cpu seconds"), _("created at"), _("created by"), _("created date"), _("cron"), _("data"), _("days kept"),
    _("deadlines"), _("decided by"), _("decision"), _("default template"), _("deleted"), _("description"), _("detail"),
    _("disabled"), _("effect"), _("email"), _("enabled"), _("ended at"), _("endpoint"), _("execution mode"),
    _("executor"), _("exit code"), _("expires at"), _("finished at"), _("first word (s)"), _("flow"), _("folder"),
    _("force stop"), _("found"), _("global remote state"), _("groups"), _("heartbeat at"), _("hidden"),
    _("holds workspace"), _("host"), _("icon"), _("id"), _("identity"), _("image"), _("image pull (s)"), _("info"),
    _("interruption"), _("issuer"), _("item"), _("items"), _("job"), _("job context"), _("job name"), _("job uid"),
    _("jobs"), _("jobs kept"), _("json"), _("key"), _("kind"), _("labels"), _("last job date"), _("last job status"),
    _("last launch"), _("launched at"), _("leaving code"), _("leaving reason"), _("limits and deadlines"),
    _("limits of runs"), _("line numbers"), _("lineage"), _("lock description"), _("lock file"), _("lock id"),
    _("locked"), _("log chunk"), _("log cursor"), _("log size"), _("manage collection"), _("manage job"),
    _("manage module"), _("manage provider"), _("manage state"), _("manage template"), _("manage vcs"),
    _("manage workspace"), _("manifest"), _("maximum"), _("md5"), _("minimum"), _("missing object (s)"),
    _("missing since"), _("module ssh key"), _("name"), _("namespace"), _("next at"), _("no node (s)"), _("node name"),
    _("nonce"), _("not before"), _("number"), _("offset"), _("organization"), _("organization variable"),
    _("organization variables"), _("organizations"), _("outcome"), _("output"), _("override branch"),
    _("override source"), _("peak memory bytes"), _("phase"), _("plan changes"), _("plan job"), _("plan only"),
    _("pod name"), _("policy rule"), _("policy rules"), _("priority"), _("private key"), _("probe"), _("process id"),
    _("queued at"), _("reason"), _("reason code"), _("redirect url"), _("reference"), _("references"), _("refresh"),
    _("refresh only"), _("refused"), _("resources"), _("retry lost plans"), _("role"), _("saved plan"), _("schedule"),
    _("schedules"), _("sensitive"), _("serial"), _("session hash"), _("setting"), _("settings"), _("share"),
    _("shared ids"), _("silence (s)"), _("size"), _("source"), _("speculative"), _("ssh"), _("ssh type"),
    _("started at"), _("state"), _("state lock"), _("state version"), _("state versions"), _("status"), _("step"),
    _("step number"), _("step type"), _("steps at once"), _("stream id"), _("subject"), _("tag"), _("tags"), _("tally"),
    _("team"), _("teams"), _("template"), _("templates"), _("terraform plan"), _("terraform version"), _("tool"),
    _("trimmed at"), _("trimmed why"), _("type"), _("updated by"), _("updated date"), _("url"), _("user"), _("value"),
    _("variable"), _("variables"), _("vcs"), _("vcs type"), _("version"), _("via"), _("waits for room"),
    _("whole step (s)"), _("workspace"), _("workspace tag"), _("workspace tags"), _("workspaces"),
))
# fmt: on


def make_translatable(*models: type[Model]) -> None:
    """Let names that are plain text be shown in the reader's language; migrations hold none of them."""
    for model in models:
        options = model._meta
        if isinstance(options.verbose_name, str):
            options.verbose_name = gettext_lazy(options.verbose_name)
        options.verbose_name_plural = gettext_lazy(str(options.verbose_name_plural))
        for field in options.local_fields:
            if isinstance(field.verbose_name, str):
                field.verbose_name = gettext_lazy(field.verbose_name)
