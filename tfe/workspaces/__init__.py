"""Workspaces, by name and by id."""

from django.urls import path

from tfe.workspaces import consumers, ssh_key, tags, views

_NAMED = "organizations/<str:organization_name>/workspaces/<str:workspace_name>"
_BY_ID = "workspaces/<str:workspace_id>"

urlpatterns = [
    path("organizations/<str:organization_name>/workspaces", views.WorkspacesView.as_view()),
    path(_NAMED, views.WorkspaceView.as_view()),
    path(f"{_NAMED}/actions/safe-delete", views.SafeDeleteView.as_view()),
    path(_BY_ID, views.WorkspaceView.as_view()),
    path(f"{_BY_ID}/actions/safe-delete", views.SafeDeleteView.as_view()),
    path(f"{_BY_ID}/tag-bindings", tags.TagBindingsView.as_view()),
    path(f"{_BY_ID}/effective-tag-bindings", tags.EffectiveTagBindingsView.as_view()),
    path(f"{_BY_ID}/relationships/tags", tags.WorkspaceTagsView.as_view()),
    path(f"{_BY_ID}/relationships/remote-state-consumers", consumers.ConsumersView.as_view()),
    path(f"{_BY_ID}/relationships/ssh-key", ssh_key.WorkspaceSshKeyView.as_view()),
]
