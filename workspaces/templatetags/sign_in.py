"""What the login page offers beside a password."""

from django import template
from django.conf import settings

from workspaces.sign_in import issuer

register = template.Library()


@register.simple_tag
def sign_in_name() -> str:
    """What the issuer is called, empty where there is none to sign in with."""
    return settings.OIDC_NAME if issuer.offered() else ""
