"""Records that launches and executors store with a job or a workspace."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.choices import StepType
from workspaces.encryption import EncryptedBinaryField
from workspaces.models import Job, Workspace


class JobContext(models.Model):
    """The JSON document that executors and scripts store with a job."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="context")
    content = EncryptedBinaryField(help_text=_("It may hold a plan's values, so it lies encrypted as plans do."))

    def __str__(self) -> str:
        return gettext("Context of job %(number)s") % {"number": self.job_id}


class LastLaunch(models.Model):
    """Settings and manifest of the last launch for a workspace and type of step, without secrets."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="last_launches")
    step_type = models.CharField(max_length=32, choices=StepType)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    manifest = models.JSONField(help_text=_("The Job as it was created, with what is sensitive masked."))
    settings = models.JSONField(help_text=_("The executor's settings by name; of a sensitive one a keyed hash."))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "step_type"), name="one_last_launch_of_a_type_of_step"),
        )

    def __str__(self) -> str:
        return gettext("%(type)s of %(workspace)s") % {"type": self.step_type, "workspace": self.workspace_id}
