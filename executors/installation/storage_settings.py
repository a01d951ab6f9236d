"""The settings of the storage that Terrakube's own executor writes to, each declared once."""

from __future__ import annotations

from pathlib import Path

from terrakube_site import env
from terrakube_site.env import Section

KINDS = ("AWS", "AZURE", "GCP", "LOCAL")

STORAGE = Section(
    title="Storage of Terrakube's own executor",
    read_by="web, worker, watcher",
    intro="This site's executor needs none of these: it sends everything to the site.",
)

STORAGE_TYPE = STORAGE.add(
    env.choice,
    "StorageType",
    "",
    "AWS (any server that speaks S3), LOCAL, AZURE or GCP; the site reads no data from the last two.",
    choices=KINDS,
)
BUCKET = STORAGE.add(env.text, "AwsStorageBucketName", "", "Name of the bucket; required with AWS.")
REGION = STORAGE.add(env.text, "AwsStorageRegion", None, "Region of the bucket.")
ENDPOINT = STORAGE.add(
    env.url, "AwsEndpoint", None, "Address of a server other than Amazon's, with the bucket in the path."
)
BY_ROLE = STORAGE.add(
    env.flag, "AwsEnableRoleAuth", False, "Authenticate by the role of the process instead of by keys."
)
ACCESS_KEY = STORAGE.add(env.secret, "AwsStorageAccessKey", None, "Access key.")
SECRET_KEY = STORAGE.add(env.secret, "AwsStorageSecretKey", None, "Secret of the access key.")
LOCAL_FOLDER = STORAGE.add(
    env.path,
    "TERRAKUBE_LOCAL_STORAGE",
    Path(".terraform-spring-boot/local"),
    "Folder for LOCAL that executors share with the site. Unset: Terrakube's folder in the home folder.",
    shown_default=None,
)
