"""To the issuer and back, and out again."""

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
from workspaces.services.people import signed_in
from workspaces.sign_in import issuer

logger = logging.getLogger(__name__)
BACKEND = "django.contrib.auth.backends.ModelBackend"
_NEXT = "sign-in-next"


def _to_login(request: HttpRequest, why: str) -> HttpResponseRedirect:
    messages.error(request, why)
    return HttpResponseRedirect(reverse("admin:login"))


def _public(name: str) -> str:
    """The address at which the issuer finds a page of ours: the configured one, whatever host a request named."""
    return f"{settings.PUBLIC_URL}{reverse(name)}"


def _inside(request: HttpRequest, address: str) -> str:
    """An address of this site, or the panel's first page for any other."""
    allowed = {request.get_host()}
    if address and url_has_allowed_host_and_scheme(address, allowed_hosts=allowed, require_https=request.is_secure()):
        return address
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@never_cache
@require_GET
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the issuer."""
    if not issuer.offered():
        raise Http404
    request.session[_NEXT] = request.GET.get("next", "")
    try:
        return issuer.redirect(request, _public("sign-in:back"))
    except issuer.SignInFailed as error:
        logger.warning("Nobody can sign in by the issuer: %s", error)
        return _to_login(request, _("The sign-in service does not answer. Try again, or ask an administrator."))


@never_cache
@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """Take up whom the issuer sends back."""
    if not issuer.offered():
        raise Http404
    address = _inside(request, request.session.pop(_NEXT, ""))
    try:
        claims = issuer.claims_of_answer(request)
        user, refusal = signed_in(settings.OIDC_ISSUER, claims)
    except issuer.SignInFailed as error:
        logger.warning("A sign-in by the issuer failed: %s", error)
        return _to_login(request, _("The sign-in did not succeed. Try again, or ask an administrator."))
    except NotAllowed as error:
        return _to_login(request, error.message)
    if refusal:
        return _to_login(request, refusal)
    # Makes a new session id, so that one which somebody else knew is of no use.
    login(request, user, backend=BACKEND)
    return HttpResponseRedirect(address)


@never_cache
@require_POST
def out(request: HttpRequest) -> HttpResponse:
    """Sign out here, and at the issuer where it offers that."""
    by_issuer = request.user.is_authenticated and Identity.objects.filter(user=request.user.pk).exists()
    response = admin.site.logout(request)
    address = issuer.end_of_session(_public("admin:login")) if by_issuer and issuer.offered() else ""
    return HttpResponseRedirect(address) if address else response
