"""Addresses that providers and clients of connections call."""

from django.urls import URLPattern

app_name = "vcs"
urlpatterns: list[URLPattern] = []
