"""Variables of workspaces, and sets of variables that several workspaces share."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
