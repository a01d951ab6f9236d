"""Addresses of the sign-in by the issuer; ``back`` is what the issuer has to know as a redirect address."""

from django.urls import path

from workspaces.sign_in import views

app_name = "sign-in"
urlpatterns = [
    path("", views.begin, name="begin"),
    path("back", views.back, name="back"),
]
