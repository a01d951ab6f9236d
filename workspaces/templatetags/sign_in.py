"""The sign-in button of the login page."""

from django import template
from django.conf import settings

from workspaces.services import oidc

register = template.Library()


@register.simple_tag
def sign_in_name() -> str:
    """Return the issuer's display name; empty if users cannot sign in through one."""
    return settings.OIDC_NAME if oidc.is_sign_in_offered() else ""
