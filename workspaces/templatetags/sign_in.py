"""The sign-in button of the login page."""

from django import template
from django.conf import settings

from workspaces.sign_in import issuer

register = template.Library()


@register.simple_tag
def sign_in_name() -> str:
    """Return the issuer's display name; empty if users cannot sign in through one."""
    return settings.OIDC_NAME if issuer.is_offered() else ""
