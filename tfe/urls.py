"""The addresses of the protocol, below each of its two paths."""

from django.urls import path

from tfe import organizations, people, projects, runs, states, variables, workspaces
from tfe.views import NothingHere, ping

app_name = "tfe"
urlpatterns = [
    path("ping", ping, name="ping"),
    *organizations.urlpatterns,
    *workspaces.urlpatterns,
    *variables.urlpatterns,
    *projects.urlpatterns,
    *runs.urlpatterns,
    *states.urlpatterns,
    *people.urlpatterns,
    path("<path:path>", NothingHere.as_view(), name="nothing"),
]
