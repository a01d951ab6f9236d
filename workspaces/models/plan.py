"""The saved plan of a job, kept from its plan step to its apply step."""

from django.db import models
from django.utils.translation import gettext

from workspaces.encryption import EncryptedBinaryField
from workspaces.models.job import Step


class SavedPlan(models.Model):
    """The result of a plan step: the plan file, its provider lock file and its JSON form.

    ``files`` is the archive of the files that the plan created in the work folder, ``file_list`` the list of them for
    users. ``digest`` covers plan and archive; empty for plans older than digests.
    """

    step = models.OneToOneField(Step, on_delete=models.CASCADE, primary_key=True, related_name="saved_plan")
    content = EncryptedBinaryField(null=True)
    lock_file = EncryptedBinaryField(null=True)
    json = EncryptedBinaryField(null=True)
    files = EncryptedBinaryField(null=True)
    file_list = EncryptedBinaryField(null=True)
    digest = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return gettext("Plan of %(step)s") % {"step": self.step}
