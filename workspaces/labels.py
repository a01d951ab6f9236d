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
    _("access"), _("access token"), _("access tokens"), _("accesses"), _("act"), _("acts for"), _("acts for groups"),
    _("acts for the site"), _("acts for the team"), _("acts for the user"), _("address"), _("agent"), _("agents"),
    _("allow apply from a terminal"), _("allow ssh-rsa"),
    _("allowed values"), _("approval team"), _("approve jobs"), _("approved"),
    _("approved by"), _("archived"),
    _("at"), _("attempt"), _("attempt event"), _("attempt events"), _("attempt look"), _("attempts"),
    _("auto-approve runs from a terminal"),
    _("auto queue runs"), _("beat"), _("branch"), _("callback"), _("cancelled"), _("category"), _("changed"),
    _("changed by"), _("check run"), _("check runs"), _("claim timeout"), _("claimed"), _("cleaned up"),
    _("client ID"), _("client secret"), _("collection"), _("collections"), _("comment"), _("comments"), _("commit"),
    _("code challenge"), _("days"), _("login code"), _("redirect URI"), _("token"), _("used"),
    _("concurrent applies"), _("concurrent steps"), _("configuration version"), _("connection type"), _("content"),
    _("created"), _("created by"), _("cron"), _("data"), _("deadlines"), _("decided"), _("decided by"), _("decision"),
    _("default template"), _("deleted"), _("deleted with organization"), _("description"), _("detail"), _("digest"),
    _("discarded"), _("force"), _("locked by"), _("locked by the team"), _("locked by the user"), _("state upload"),
    _("stored at"),
    _("disabled"), _("effect"), _("email"), _("empty"), _("enabled"), _("ended"), _("endpoint"), _("execution mode"),
    _("executor"), _("exit code"), _("expires"), _("file list"), _("files"), _("finished"), _("flow"),
    _("forbid self-approval"), _("force stopped"), _("found"), _("share state with all workspaces"), _("groups"),
    _("heartbeat timeout"), _("hidden"), _("holds workspace"), _("host"), _("icon"), _("identity"), _("image"),
    _("image pull timeout"), _("info"), _("interruption"), _("issuer"), _("item"), _("items"), _("job"),
    _("job comment"), _("job context"), _("job variable"), _("job retention"),
    _("jobs"), _("key"), _("kind"), _("labels"), _("last heartbeat"),
    _("last job date"), _("last job status"), _("last launch"), _("last refusal"), _("launch not before"),
    _("launched"), _("leaving words"), _("lifetime"), _("limits and timeouts"), _("line numbers"), _("language"),
    _("lineage"),
    _("lock description"), _("lock file"), _("lock ID"), _("locked"), _("log chunk"), _("log cursor"),
    _("log retention in days"), _("log size"), _("manage VCS connections"), _("manage collections"), _("manage jobs"),
    _("manage modules"), _("manage providers"), _("manage states"), _("manage templates"), _("manage workspaces"),
    _("manifest"), _("maximum"), _("minimum"), _("missing object timeout"), _("missing since"), _("name"),
    _("namespace"), _("next job"), _("node"), _("nonce"), _("notice due"), _("notice tries"),
    _("number"), _("offset"), _("organization"),
    _("organization variable"), _("organization variables"), _("organizations"), _("outcome"), _("output"),
    _("override branch"), _("override source"), _("path in the repository"), _("peak memory bytes"), _("phase"),
    _("plan changes"), _("plan jobs"), _("plan only"), _("pod"), _("pod termination code"),
    _("pod termination reason"), _("policy rule"), _("policy rules"), _("preflight run"),
    _("priority"), _("private key"), _("probe"), _("process ID"), _("project"), _("project access"),
    _("project accesses"), _("projects"), _("queued"), _("reason"), _("reason code"),
    _("reason words"), _("recovered state"),
    _("recovered states"), _("redirect URL"), _("reference"), _("references"), _("refresh"), _("refresh only"),
    _("refusal words"), _("refused values"), _("requested by"), _("resources"), _("retry lost plans"), _("role"),
    _("run limits"), _("save plan"),
    _("saved plan"), _("schedule"), _("schedules"), _("scheduling timeout"), _("sensitive"),
    _("serial"), _("session hash"), _("setting"), _("settings"), _("share"), _("share state with"), _("size"),
    _("source"),
    _("speculative"), _("started"), _("state"), _("state lock"), _("state version"), _("state versions"), _("status"),
    _("step"), _("step number"), _("step timeout"), _("step type"), _("stream ID"), _("subject"), _("tag"), _("tags"),
    _("tally"), _("team"), _("teams"), _("template"), _("templates"), _("terraform plan"),
    _("text"), _("time zone"), _("tool"),
    _("trim reason"), _("trimmed"), _("trimmed words"), _("type"), _("undeclared variables"), _("user"), _("value"),
    _("variable"), _("variables"), _("version"), _("via"), _("waits for capacity"), _("why"), _("why words"),
    _("provisional"),
    _("failed tries"), _("installation token"), _("lease ends"), _("next try"), _("owner"), _("problem"),
    _("refresh token"), _("scope"), _("token expires"), _("all repositories"), _("minted"), _("problem since"),
    _("refreshed"),
    _("accepted"), _("account"), _("account ID"), _("allowed by"), _("allowed commit"), _("answers"),
    _("apply on merge"), _("body"), _("concerned workspace"), _("due"), _("failing since"), _("fork"),
    _("from fork"), _("counted day"), _("counted minute"), _("bytes of the day"), _("deliveries of the minute"),
    _("limited until"),
    _("linked account"), _("linked accounts"), _("locked by the pull request"), _("merged"), _("open"),
    _("pull request problem"), _("pull requests"), _("remote ID"), _("report"), _("repository"), _("require approved"),
    _("require mergeable"), _("require up to date"), _("rule set for pull requests"), _("rule sets for pull requests"),
    _("sensitive variables for forks"), _("sensitive variables in plans"), _("sent"), _("last sent"),
    _("target branch"), _("title"), _("tries"), _("withholds sensitive variables"),
    _("apply by comment"), _("author"), _("branch format"), _("branch or tag"), _("code"), _("deliveries"),
    _("delivery"), _("delivery ID"), _("delivery outcome"), _("event"), _("events"), _("folders"), _("handled"),
    _("headers"), _("hook"), _("ID at the provider"),
    _("last delivery"), _("path"), _("path format"), _("payload"),
    _("pull request"), _("received"), _("ref"), _("registered"), _("remote hook ID"), _("repository webhook"),
    _("repository webhooks"), _("rule"), _("secret"), _("sender"), _("shared webhook"), _("trigger"),
    _("active"), _("answer"), _("answer status"), _("channel"), _("destination"), _("facts"),
    _("last try"), _("message style"), _("message template"), _("notification"), _("notifications"),
    _("sent notification"), _("sent notifications"), _("notification event"),
    _("problem words"), _("signing secret"),
    _("copied version"), _("origin"), _("state retention"),
    _("check job"), _("checked"), _("clean job"), _("concurrent drift checks"), _("drift"), _("drift checks"),
    _("drift checks a day"), _("drifted since"), _("fingerprint"), _("hours between drift checks"), _("judged"),
    _("last check"), _("last clean plan"), _("pending changes"), _("result job"),
    _("used folders"), _("webhook"), _("webhook event"), _("webhook events"), _("webhook ID"), _("webhooks"),
    _("changed fields"), _("interface"), _("history entry"), _("kept values"), _("log entry"),
    _("organization key"), _("record"), _("record key"), _("sentence"), _("verb"), _("who"), _("who kind"),
    _("workspace key"), _("workspace name"),
    _("columns"), _("default filter"), _("list"), _("list preference"), _("query"),
    _("saved filter"), _("took"),
    _("address of this site"), _("asked"), _("cluster"), _("clusters"), _("kubeconfig"), _("last answer"),
    _("without an answer since"),
    _("last seen"), _("shape"), _("started warm"), _("waiting since"), _("warm pod"),
    _("workspace"), _("workspace tag"), _("workspace tags"), _("workspaces"),
))

# Labels that replace those Django derives from the names in the code.
_LABELS = {
    "acts for name": "acts for", "acts for site": "acts for the site", "acts for team": "acts for the team",
    "acts for user": "acts for the user", "allow ssh rsa": "allow ssh-rsa",
    "allow remote apply": "allow apply from a terminal", "auto apply": "auto-approve runs from a terminal",
    "global remote state": "share state with all workspaces", "door": "interface",
    "branch as": "branch format", "path as": "path format",
    "api url": "API URL", "approve job": "approve jobs",
    "approved date": "approved", "asked at": "asked", "asked by": "requested by", "author user": "author",
    "cancelled at": "cancelled", "claimed at": "claimed", "configuration": "notification",
    "cleaned at": "cleaned up", "client id": "client ID", "commit id": "commit", "cpu seconds": "CPU seconds",
    "checked at": "checked", "clean at": "last clean plan", "tried at": "last check",
    "copied number": "copied version", "resource count": "resources",
    "created at": "created", "created date": "created", "decided date": "decided", "ended at": "ended",
    "expires at": "expires", "finished at": "finished", "folder": "path in the repository",
    "force stop": "force stopped", "heartbeat at": "last heartbeat", "id": "ID", "job name": "Kubernetes Job",
    "job uid": "UID of the Job", "json": "JSON", "launched at": "launched", "leaving code": "pod termination code",
    "leaving reason": "pod termination reason", "manage collection": "manage collections",
    "locked by name": "locked by", "locked by team": "locked by the team", "locked by user": "locked by the user",
    "manage job": "manage jobs", "manage module": "manage modules", "manage provider": "manage providers",
    "manage state": "manage states", "manage template": "manage templates", "manage vcs": "manage VCS connections",
    "manage workspace": "manage workspaces", "md5": "MD5", "module ssh key": "SSH key for modules",
    "next at": "next job", "notice due at": "notice due",
    "no self approval": "forbid self-approval", "node name": "node",
    "not before": "launch not before", "plan job": "plan jobs", "pod name": "pod", "queued at": "queued",
    "redirect uri": "redirect URI", "restricted": "organizations",
    "redirect url": "redirect URL", "refusal": "last refusal", "shared ids": "share state with", "ssh type": "type",
    "ssh": "SSH key", "started at": "started", "terraform version": "version", "trimmed at": "trimmed",
    "trimmed why": "trim reason", "updated by": "changed by", "updated date": "changed", "url": "URL",
    "handled at": "handled", "day bytes": "bytes of the day", "minute deliveries": "deliveries of the minute",
     "used at": "used", "changed at": "changed", "due at": "due",
    "leased until": "lease ends", "sent at": "last sent",
    "locked by pull request": "locked by the pull request", "pr comment error": "pull request problem",
    "sensitive for forks": "sensitive variables for forks",
    "sensitive in plans": "sensitive variables in plans", "withholds sensitive": "withholds sensitive variables",
    "lease until": "lease ends", "next try at": "next try",
    "token expiration": "token expires", "minted at": "minted", "problem at": "problem since",
    "refreshed at": "refreshed",
    "id at the provider": "ID at the provider",
    "account id": "account ID", "delivery id": "delivery ID", "lock id": "lock ID", "process id": "process ID",
    "remote hook id": "remote hook ID", "remote id": "remote ID", "stream id": "stream ID", "webhook id": "webhook ID",
    "seen at": "last seen", "vcs type": "type", "vcs": "VCS connection", "waits for room": "waits for capacity",
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
            field.verbose_name = gettext_lazy(_LABELS.get(name, name))
