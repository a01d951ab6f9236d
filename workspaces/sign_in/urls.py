"""URLs of the sign-in through the issuer; ``back`` must be registered there as a redirect URL."""

from django.urls import path

from workspaces.sign_in import views

app_name = "sign-in"
urlpatterns = [
    path("", views.start_sign_in, name="begin"),
    path("back", views.finish_sign_in, name="back"),
]
