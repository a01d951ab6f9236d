"""URLs of the sign-in through the issuer, and of terminals; ``back`` must be registered there as a redirect URL."""

from django.urls import path

from workspaces.sign_in import views
from workspaces.sign_in.terminal_login import views as terminal_login

app_name = "sign-in"
urlpatterns = [
    path("", views.start_sign_in, name="begin"),
    path("back", views.finish_sign_in, name="back"),
    path("terminal/authorize", terminal_login.authorize, name="authorize-terminal"),
    path("terminal/token", terminal_login.token, name="terminal-token"),
]
