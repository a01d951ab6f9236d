"""The saved plan of a job, kept between its plan and its apply step."""

from django.db import models
from django.utils.translation import gettext

from workspaces.encryption import EncryptedBinaryField
from workspaces.models.job import Step


class SavedPlan(models.Model):
    """What a plan step left: the plan file, the provider lock file beside it and its JSON form."""

    step = models.OneToOneField(Step, on_delete=models.CASCADE, primary_key=True, related_name="saved_plan")
    content = EncryptedBinaryField(null=True)
    lock_file = EncryptedBinaryField(null=True)
    json = EncryptedBinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return gettext("Plan of %(step)s") % {"step": self.step}
