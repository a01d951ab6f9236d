"""The fixed vocabularies of the records: statuses, categories, kinds; Terrakube's texts."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop


class JobStatus(models.TextChoices):
    """Where a Job or a Step is in its life.

    One list for both, as in Terrakube. A Step uses pending, queue (launched, not yet claimed), running,
    completed, failed, cancelled and notExecuted.
    """

    PENDING = "pending", _("Pending")
    WAITING_APPROVAL = "waitingApproval", _("Waiting for approval")
    APPROVED = "approved", _("Approved")
    QUEUE = "queue", _("Queued")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    NO_CHANGES = "noChanges", _("No changes")
    NOT_EXECUTED = "notExecuted", _("Not executed")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")


_IN_SENTENCES = {
    JobStatus.PENDING: gettext_noop("pending"),
    JobStatus.WAITING_APPROVAL: gettext_noop("waiting for approval"),
    JobStatus.APPROVED: gettext_noop("approved"),
    JobStatus.QUEUE: gettext_noop("queued"),
    JobStatus.RUNNING: gettext_noop("running"),
    JobStatus.COMPLETED: gettext_noop("completed"),
    JobStatus.NO_CHANGES: gettext_noop("no changes"),
    JobStatus.NOT_EXECUTED: gettext_noop("not executed"),
    JobStatus.REJECTED: gettext_noop("rejected"),
    JobStatus.CANCELLED: gettext_noop("cancelled"),
    JobStatus.FAILED: gettext_noop("failed"),
    JobStatus.UNKNOWN: gettext_noop("unknown"),
}


def in_words(status: str) -> str:
    """A status as sentences hold it, which are English wherever they are made."""
    return _IN_SENTENCES[JobStatus(status)]


FINAL_JOB = frozenset(
    {JobStatus.COMPLETED, JobStatus.NO_CHANGES, JobStatus.REJECTED, JobStatus.CANCELLED, JobStatus.FAILED}
)
UNFINISHED_JOB = frozenset(JobStatus) - FINAL_JOB
FINAL_STEP = frozenset(
    {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.REJECTED, JobStatus.NOT_EXECUTED}
)
IN_EXECUTOR = frozenset({JobStatus.QUEUE, JobStatus.RUNNING})


class LastJobStatus(models.TextChoices):
    """A workspace's last job: a job's status, or that it never had one."""

    NEVER_EXECUTED = "NeverExecuted", _("Never executed")
    PENDING = "pending", _("Pending")
    WAITING_APPROVAL = "waitingApproval", _("Waiting for approval")
    APPROVED = "approved", _("Approved")
    QUEUE = "queue", _("Queued")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    NO_CHANGES = "noChanges", _("No changes")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")


class Category(models.TextChoices):
    """What a variable becomes: a Terraform input variable or an environment variable."""

    TERRAFORM = "TERRAFORM", _("Terraform variable")
    ENV = "ENV", _("Environment variable")


class ExecutionMode(models.TextChoices):
    REMOTE = "remote", _("Remote")
    LOCAL = "local", _("Local")


class IacType(models.TextChoices):
    TERRAFORM = "terraform", "Terraform"
    TOFU = "tofu", "OpenTofu"


class TeamRole(models.TextChoices):
    """The rights of a team or access at once; under ``custom`` or none its flags decide, which no other role reads."""

    ADMIN = "admin", _("Admin")
    WRITE = "write", _("Write")
    PLAN = "plan", _("Plan")
    READ = "read", _("Read")
    CUSTOM = "custom", _("Custom")


class VcsType(models.TextChoices):
    GITHUB = "GITHUB", "GitHub"
    GITLAB = "GITLAB", "GitLab"
    BITBUCKET = "BITBUCKET", "Bitbucket"
    AZURE_DEVOPS = "AZURE_DEVOPS", "Azure DevOps"
    AZURE_SP_MI = "AZURE_SP_MI", _("Azure DevOps, managed identity")
    GITEA = "GITEA", "Gitea"
    PUBLIC = "PUBLIC", _("Public")


class ConnectionType(models.TextChoices):
    OAUTH = "OAUTH", "OAuth"
    STANDALONE = "STANDALONE", _("App or token")


class VcsStatus(models.TextChoices):
    PENDING = "PENDING", _("Pending")
    COMPLETED = "COMPLETED", _("Completed")
    ERROR = "ERROR", _("Error")


class SshType(models.TextChoices):
    RSA = "rsa", "RSA"
    ED25519 = "ed25519", "Ed25519"


class PanelList(models.TextChoices):
    """A list of the panel that people filter and arrange; the value is the name of its model."""

    WORKSPACES = "workspace", _("Workspaces")
    JOBS = "job", _("Jobs")


class Via(models.TextChoices):
    """What created a Job."""

    UI = "UI", _("User interface")
    CLI = "CLI", _("Command line")
    GITHUB = "Github", "GitHub"
    GITLAB = "Gitlab", "GitLab"
    BITBUCKET = "Bitbucket", "Bitbucket"
    AZURE_DEVOPS = "AzureDevops", "Azure DevOps"
    GITEA = "Gitea", "Gitea"
    SCHEDULE = "Schedule", _("Schedule")
    DRIFT = "Drift", _("Drift check")


FROM_REPOSITORIES = frozenset({Via.GITHUB, Via.GITLAB, Via.BITBUCKET, Via.AZURE_DEVOPS, Via.GITEA})
"""What is told to the provider of the repository."""


class WebhookEventType(models.TextChoices):
    """What happens in a repository and may start a job; a tag starts one beside Terrakube's own types."""

    PUSH = "PUSH", _("Push")
    PULL_REQUEST = "PULL_REQUEST", _("Pull request")
    RELEASE = "RELEASE", _("Release")
    TAG = "TAG", _("Tag")


class PatternType(models.TextChoices):
    """How a branch or path of a webhook's event is read; Terrakube's texts."""

    REGEX = "REGEX", _("Regular expression")
    PATTERN = "PATTERN", _("Glob")


class StateOrigin(models.TextChoices):
    """How a version of a state came to be; ours, empty for one of before it was recorded."""

    JOB = "job", _("Job")
    TERMINAL = "terminal", _("Terminal")
    UPLOAD = "upload", _("Uploaded")
    ROLLBACK = "rollback", _("Rollback")
    RECOVERED = "recovered", _("Recovered state")


class DriftStatus(models.TextChoices):
    """What the last check of a workspace's drift found; ours, empty before the first one has ended."""

    CLEAN = "clean", _("Clean")
    DRIFTED = "drifted", _("Drifted")
    FAILED = "failed", _("Check failed")


class AddressType(models.TextChoices):
    TARGET = "TARGET", _("Target")
    REPLACE = "REPLACE", _("Replace")


class StepType(models.TextChoices):
    """What a flow of a template does; the texts are those of its ``type`` key. Terraform's own terms stay."""

    PLAN = "terraformPlan", "Plan"
    PLAN_DESTROY = "terraformPlanDestroy", "Plan destroy"
    APPLY = "terraformApply", "Apply"
    DESTROY = "terraformDestroy", "Destroy"
    SCRIPTS = "customScripts", _("Scripts")
    APPROVAL = "approval", _("Approval")
    DISABLE_WORKSPACE = "disableWorkspace", _("Disable workspace")
    SCHEDULE_TEMPLATES = "scheduleTemplates", _("Schedule templates")


class Interruption(models.TextChoices):
    """How far the stopping of a cancelled step's executor is; empty for a step that needed none."""

    INTERRUPTING = "interrupting", _("Stopping")
    STOPPED = "stopped", _("Stopped gracefully")
    KILLED = "killed", _("Killed")


PLAN_TYPES = frozenset({StepType.PLAN, StepType.PLAN_DESTROY})
# While one of these runs, a plan-only job of the same workspace waits. They are the applies of a limit, too.
EXCLUSIVE_TYPES = frozenset({StepType.APPLY, StepType.DESTROY, StepType.SCRIPTS})


class RoomClass(models.TextChoices):
    """What a job that waits for room needs it for; limits on applies hold up only the second."""

    STEP = "step", _("A plan or an approval's commands")
    APPLY = "apply", _("An apply, a destroy or scripts")


class Door(models.TextChoices):
    """By which door a change came in; ours."""

    PANEL = "panel", _("Panel")
    API = "api", _("REST API")
    TERMINAL = "terminal", _("Terminal")
    GIT = "git", _("Git")
    SCHEDULE = "schedule", _("Schedule")
    EXECUTOR = "executor", _("Executor")
    SITE = "site", _("This site")


class ActorKind(models.TextChoices):
    """Who made a change; ours."""

    PERSON = "person", _("Person")
    TOKEN = "token", _("Token")
    TEAM = "team", _("Team token")
    SITE = "site", _("This site")


class HistoryVerb(models.TextChoices):
    """What was done to a record; ours."""

    CREATED = "created", _("Created")
    CHANGED = "changed", _("Changed")
    DELETED = "deleted", _("Deleted")
    STARTED = "started", _("Started")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    LOCKED = "locked", _("Locked")
    UNLOCKED = "unlocked", _("Unlocked")
    WRITTEN = "written", _("Written")
    COMMENTED = "commented", _("Commented")


class NotificationChannel(models.TextChoices):
    """Where a notification goes; Terrakube's texts, and e-mail, which is ours."""

    SLACK = "SLACK", "Slack"
    TEAMS = "TEAMS", "Microsoft Teams"
    WEBHOOK = "WEBHOOK", _("Webhook")
    EMAIL = "EMAIL", _("E-mail")


class MessageStyle(models.TextChoices):
    DETAILED = "DETAILED", _("Detailed")
    SIMPLE = "SIMPLE", _("One line")


class NotificationEvent(models.TextChoices):
    """What may be told: a job's new status, as in Terrakube, and what only this site tells."""

    WAITING_APPROVAL = "waitingApproval", _("Waiting for approval")
    FAILED = "failed", _("Failed")
    COMPLETED = "completed", _("Completed")
    NO_CHANGES = "noChanges", _("No changes")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    APPROVED = "approved", _("Approved")
    PENDING = "pending", _("Pending")
    QUEUE = "queue", _("Queued")
    RUNNING = "running", _("Running")
    NOT_EXECUTED = "notExecuted", _("Not executed")
    UNKNOWN = "unknown", _("Unknown")
    POLICY_REFUSED = "policyRefused", _("Refused by a policy")
    DRIFTED = "drifted", _("Drift found")
    TOKEN_ENDING = "tokenEnding", _("Token expires soon")
    CONNECTION_ENDING = "connectionEnding", _("Connection expires soon")
    TEST = "test", _("Test")


TRIGGERS = tuple((event.value, event.label) for event in NotificationEvent if event != NotificationEvent.TEST)
"""What a configuration may ask to be told; a test is sent by its button alone."""


class NotificationStatus(models.TextChoices):
    """How far a delivery is; Terrakube's texts."""

    PENDING = "PENDING", _("Waiting")
    SENDING = "SENDING", _("Being sent")
    SENT = "SENT", _("Sent")
    FAILED = "FAILED", _("Failed")
