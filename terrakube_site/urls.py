"""The addresses of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("runs/", include("executors.urls")),
    path("", include("executors.terrakube.urls")),
    path("api/v1/", include("workspaces.api.urls")),
    path("executor/v1/", include("executors.reporting.urls")),
]
