"""Which folders of its repository a workspace uses."""

from django.db import models

from workspaces.models import Workspace


class UsedFolders(models.Model):
    """The folders of local modules that the last plan of a workspace used, beside the workspace's own folder.

    They are paths from the top of the repository, without slashes at the ends; "" is the whole repository.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="used_folders")
    folders = models.JSONField(default=list)

    def __str__(self) -> str:
        return ", ".join(self.folders)
