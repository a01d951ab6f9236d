"""Projects, which group the workspaces of an organization."""

from django.urls import path

from tfe.projects import views

urlpatterns = [
    path("organizations/<str:organization_name>/projects", views.ProjectsView.as_view()),
    path("projects/<str:project_id>", views.ProjectView.as_view()),
    path("projects/<str:project_id>/relationships/workspaces", views.WorkspacesOfProjectView.as_view()),
    path("projects/<str:project_id>/tag-bindings", views.TagsOfProjectView.as_view()),
    path("projects/<str:project_id>/effective-tag-bindings", views.TagsOfProjectView.as_view()),
]
