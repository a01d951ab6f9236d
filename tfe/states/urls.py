"""Addresses of states and locks."""

from django.urls import path

from tfe.states import locks, outputs, uploads, views

_workspace = "workspaces/<str:workspace_id>"
_version = "state-versions/<str:state_version_id>"
urlpatterns = [
    path(f"{_workspace}/actions/lock", locks.LockView.as_view(), name="lock"),
    path(f"{_workspace}/actions/unlock", locks.UnlockView.as_view(), name="unlock"),
    path(f"{_workspace}/actions/force-unlock", locks.ForceUnlockView.as_view(), name="force-unlock"),
    path(f"{_workspace}/state-versions", views.WorkspaceVersionsView.as_view(), name="workspace-states"),
    path(f"{_workspace}/current-state-version", views.CurrentVersionView.as_view(), name="current-state"),
    path(f"{_workspace}/current-state-version-outputs", outputs.CurrentOutputsView.as_view(), name="current-outputs"),
    path("state-versions", views.VersionsView.as_view(), name="states"),
    path(_version, views.VersionView.as_view(), name="state"),
    path(f"{_version}/download", views.DownloadView.as_view(), name="state-download"),
    path(f"{_version}/json-download", views.JsonDownloadView.as_view(), name="state-json-download"),
    path(f"{_version}/upload", uploads.upload_state, name="state-upload"),
    path(f"{_version}/json-upload", uploads.upload_json, name="state-json-upload"),
    path(f"{_version}/outputs", outputs.VersionOutputsView.as_view(), name="state-outputs"),
    path("state-version-outputs/<str:output_id>", outputs.OutputView.as_view(), name="state-output"),
]
