"""Variables of workspaces, and sets of variables that several workspaces share: collections."""

from django.urls import path

from tfe.variables import set_variables, sets, views

_set = "varsets/<str:varset_id>"
urlpatterns = [
    path("workspaces/<str:workspace_id>/vars", views.VariablesView.as_view()),
    path("workspaces/<str:workspace_id>/vars/<str:variable_id>", views.VariableView.as_view()),
    path("workspaces/<str:workspace_id>/all-vars", views.AllVariablesView.as_view()),
    path("workspaces/<str:workspace_id>/varsets", sets.WorkspaceSetsView.as_view()),
    path("projects/<str:project_id>/varsets", sets.ProjectSetsView.as_view()),
    path("organizations/<str:organization_name>/varsets", sets.SetsView.as_view()),
    path(_set, sets.SetView.as_view()),
    path(f"{_set}/relationships/workspaces", sets.SetWorkspacesView.as_view()),
    path(f"{_set}/relationships/projects", sets.SetProjectsView.as_view()),
    path(f"{_set}/relationships/vars", set_variables.SetVariablesView.as_view()),
    path(f"{_set}/relationships/vars/<str:item_id>", set_variables.SetVariableView.as_view()),
]
