"""The fixed vocabularies of the records: statuses, categories, kinds; Terrakube's texts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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
    REMOTE = "remote", "Remote"
    LOCAL = "local", "Local"


class IacType(models.TextChoices):
    TERRAFORM = "terraform", "Terraform"
    TOFU = "tofu", "OpenTofu"


class TeamRole(models.TextChoices):
    """A team's rights on jobs at once; ``custom`` or none leaves them to planJob and approveJob."""

    ADMIN = "admin", "Admin"
    WRITE = "write", "Write"
    PLAN = "plan", "Plan"
    READ = "read", "Read"
    CUSTOM = "custom", "Custom"


class VcsType(models.TextChoices):
    GITHUB = "GITHUB", "GitHub"
    GITLAB = "GITLAB", "GitLab"
    BITBUCKET = "BITBUCKET", "Bitbucket"
    AZURE_DEVOPS = "AZURE_DEVOPS", "Azure DevOps"
    AZURE_SP_MI = "AZURE_SP_MI", "Azure DevOps, managed identity"
    PUBLIC = "PUBLIC", "Public"


class ConnectionType(models.TextChoices):
    OAUTH = "OAUTH", "OAuth"
    STANDALONE = "STANDALONE", "App or token"


class VcsStatus(models.TextChoices):
    PENDING = "PENDING", "Pending"
    COMPLETED = "COMPLETED", "Completed"
    ERROR = "ERROR", "Error"


class SshType(models.TextChoices):
    RSA = "rsa", "RSA"
    ED25519 = "ed25519", "Ed25519"


class Via(models.TextChoices):
    """What created a Job."""

    UI = "UI", "User interface"
    CLI = "CLI", "Command line"
    GITHUB = "Github", "GitHub"
    GITLAB = "Gitlab", "GitLab"
    BITBUCKET = "Bitbucket", "Bitbucket"
    AZURE_DEVOPS = "AzureDevops", "Azure DevOps"
    SCHEDULE = "Schedule", "Schedule"


class AddressType(models.TextChoices):
    TARGET = "TARGET", "Target"
    REPLACE = "REPLACE", "Replace"


class StepType(models.TextChoices):
    """What a flow of a template does; the texts are those of its ``type`` key."""

    PLAN = "terraformPlan", "Plan"
    PLAN_DESTROY = "terraformPlanDestroy", "Plan destroy"
    APPLY = "terraformApply", "Apply"
    DESTROY = "terraformDestroy", "Destroy"
    SCRIPTS = "customScripts", "Scripts"
    APPROVAL = "approval", "Approval"
    DISABLE_WORKSPACE = "disableWorkspace", "Disable workspace"
    SCHEDULE_TEMPLATES = "scheduleTemplates", "Schedule templates"


class Interruption(models.TextChoices):
    """How far the stopping of a cancelled step's executor is; empty for a step that needed none."""

    INTERRUPTING = "interrupting", "Stopping"
    STOPPED = "stopped", "Stopped in good order"
    KILLED = "killed", "Killed"


PLAN_TYPES = frozenset({StepType.PLAN, StepType.PLAN_DESTROY})
# While one of these runs, a plan-only job of the same workspace waits. They are the applies of a limit, too.
EXCLUSIVE_TYPES = frozenset({StepType.APPLY, StepType.DESTROY, StepType.SCRIPTS})


class RoomClass(models.TextChoices):
    """What a job that waits for room needs it for; limits on applies hold up only the second."""

    STEP = "step", "A plan or an approval's commands"
    APPLY = "apply", "An apply, a destroy or scripts"
