"""The addresses of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from executors.clusters.resource import CLUSTER
from terrakube_site.apps import load_pages
from workspaces.admin.search import search_page
from workspaces.api import discovery
from workspaces.api.jsonapi import registry
from workspaces.sign_in import views as sign_in

load_pages()
registry.register((CLUSTER,))
# unfold's own search at this address finds only pages.
admin.site.search = search_page  # type: ignore[attr-defined]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("sign-in/", include("workspaces.sign_in.urls")),
    # Django's own would leave the issuer's session open.
    path("admin/logout/", sign_in.sign_out),
    path("admin/", admin.site.urls),
    path("runs/", include("executors.urls")),
    path("", include("executors.terrakube.urls")),
    path("api/v1/", include("workspaces.api.urls")),
    path("", include("workspaces.api.tokens")),
    path("", include("workspaces.api.notifications")),
    path("", include("workspaces.api.history")),
    path("", include("vcs.urls")),
    path("", include("executors.choosing.views")),
    path("remote/tfe/v2/", include("tfe.urls")),
    path("api/v2/", include("tfe.urls", namespace="tfe-api")),
    path("app/", include("tfe.pages")),
    path("", include("tfe.states.archive")),
    path("", include("executors.runs.client_views")),
    path("", include("executors.incidents.views")),
    path("", include("executors.installation.tool_releases")),
    path("", include("executors.health.probes")),
    path("", include("executors.metrics.exposition")),
    path("", include("workspaces.api.openapi.views")),
    path(".well-known/terraform.json", discovery.terraform),
    path("executor/v1/", include("executors.reporting.urls")),
]
handler400 = "terrakube_site.error_pages.bad_request"
handler403 = "terrakube_site.error_pages.refused"
handler404 = "terrakube_site.error_pages.not_found"
handler500 = "terrakube_site.busy.failed"
