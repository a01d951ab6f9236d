"""Redirect to the issuer and back, and sign out.

The client of the issuer is imported where one is set: Authlib is a seventh of all that the web process would load.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from workspaces.errors import NotAllowed
from workspaces.models import Identity
from workspaces.services import oidc
from workspaces.services.people import user_of_claims

logger = logging.getLogger(__name__)
BACKEND = "django.contrib.auth.backends.ModelBackend"
_NEXT = "sign-in-next"


def _redirect_to_login(request: HttpRequest, why: str) -> HttpResponseRedirect:
    messages.error(request, why)
    return HttpResponseRedirect(reverse("admin:login"))


def _public_url(name: str) -> str:
    """Return the URL at which the issuer reaches one of our pages: the configured one, whatever the request's host."""
    return f"{settings.PUBLIC_URL}{reverse(name)}"


def _local_address(request: HttpRequest, address: str) -> str:
    """Return an address if it is on this site, else the panel's first page."""
    allowed = {request.get_host()}
    if address and url_has_allowed_host_and_scheme(address, allowed_hosts=allowed, require_https=request.is_secure()):
        return address
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@never_cache
@require_GET
def start_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect the browser to the issuer."""
    if not oidc.is_sign_in_offered():
        raise Http404
    from workspaces.sign_in import issuer

    request.session[_NEXT] = request.GET.get("next", "")
    try:
        return issuer.redirect_to_issuer(request, _public_url("sign-in:back"))
    except issuer.SignInFailed as error:
        logger.warning("Sign-in by the issuer fails for all users: %s", error)
        return _redirect_to_login(
            request, _("The sign-in service does not answer. Try again, or ask an administrator.")
        )


@never_cache
@require_GET
def finish_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in the user that the issuer returns."""
    if not oidc.is_sign_in_offered():
        raise Http404
    from workspaces.sign_in import issuer

    address = _local_address(request, request.session.pop(_NEXT, ""))
    try:
        claims = issuer.claims_from_issuer(request)
        user, refusal = user_of_claims(settings.OIDC_ISSUER, claims)
    except issuer.SignInFailed as error:
        logger.warning("A sign-in by the issuer failed: %s", error)
        return _redirect_to_login(request, _("The sign-in did not succeed. Try again, or ask an administrator."))
    except NotAllowed as error:
        return _redirect_to_login(request, error.message)
    if refusal:
        return _redirect_to_login(request, refusal)
    # Creates a new session ID, so that one known to an attacker is useless.
    login(request, user, backend=BACKEND)
    return HttpResponseRedirect(address)


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out here, and at the issuer where it supports that."""
    by_issuer = request.user.is_authenticated and Identity.objects.filter(user=request.user.pk).exists()
    response = admin.site.logout(request)
    if not (by_issuer and oidc.is_sign_in_offered()):
        return response
    from workspaces.sign_in import issuer

    address = issuer.logout_url(_public_url("admin:login"))
    return HttpResponseRedirect(address) if address else response
