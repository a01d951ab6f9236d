"""Organizations, and what the site offers in each."""

from django.urls import path

from tfe.organizations import ssh_keys, tags, views

urlpatterns = [
    path("organizations", views.OrganizationsView.as_view()),
    path("organizations/<str:organization_name>", views.OrganizationView.as_view()),
    path("organizations/<str:organization_name>/entitlement-set", views.EntitlementsView.as_view()),
    path("organizations/<str:organization_name>/capacity", views.CapacityView.as_view()),
    path("organizations/<str:organization_name>/tags", tags.OrganizationTagsView.as_view()),
    path("tags/<str:tag_id>/relationships/workspaces", tags.TagWorkspacesView.as_view()),
    path("organizations/<str:organization_name>/ssh-keys", ssh_keys.SshKeysView.as_view()),
    path("ssh-keys/<str:ssh_key_id>", ssh_keys.SshKeyView.as_view()),
]
