"""Uploaded configurations, and runs of them: jobs, as a terminal follows them."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
